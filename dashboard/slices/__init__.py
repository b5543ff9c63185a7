"""A slice made ready: the plane, its window, its level of detail, its bytes."""
