"""Synthetic volumes for the demo, the tests and the benchmarks."""
