"""HDF5 files: finding, describing, addressing and decoding them."""
