"""The filter pipeline of HDF5: bytes of a chunk in, decoded bytes out. Knows neither volumes nor files."""
