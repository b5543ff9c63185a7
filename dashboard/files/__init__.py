"""Data roots: the catalogue of their files, and opening files without leaving the roots."""
