"""Data roots: which files there are, and opening them without leaving the roots."""
