"""What runs in the child process: the only place where libhdf5 opens files that somebody else made."""
