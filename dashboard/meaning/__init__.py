"""What datasets mean, by public conventions: the main one of a file, its first picture, axes, units, packing."""
