"""Figures of slices and volumes: histograms, line profiles, statistics of regions."""
