"""Lamella: browse HDF5 volumes that are larger than memory."""

__version__ = "0.1.0"
