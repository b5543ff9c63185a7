"""Load of ten viewers on ten volumes, without and with concurrent hostile files and requests."""
