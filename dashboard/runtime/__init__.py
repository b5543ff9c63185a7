"""Composition of a process, and the work that runs beside the requests."""
