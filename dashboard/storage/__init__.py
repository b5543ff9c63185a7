"""What lies on the cache's disk: diskcache without pickle, file locks, ownership and space."""
