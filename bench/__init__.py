"""Measurements beside h5py, hidefix and h5grove, as ratios in one run; `make bench` writes docs/performance.md."""
