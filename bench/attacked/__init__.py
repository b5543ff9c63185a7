"""Ten viewers of ten volumes, first by themselves and then with hostile files and requests beside them."""
