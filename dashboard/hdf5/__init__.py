"""Child processes in which libhdf5 opens files, their pool and the messages to them."""
