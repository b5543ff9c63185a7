"""The HDF5 worker: a confined child process, the only code that opens files with libhdf5."""
