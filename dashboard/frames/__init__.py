"""Slices prepared for display: planes from bricks, contrast window, pooling, encoding, and the frame cache."""
