"""The brick cache and the single way to get a brick: cached, in flight in another process, or decoded now."""
