"""Addresses of volumes and bricks, selections, and the chunk grid. Pure; imports no other package."""
