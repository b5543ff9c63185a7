"""Bricks and frames that are kept, and the one way to get a brick."""
