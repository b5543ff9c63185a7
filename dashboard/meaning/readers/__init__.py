"""Conventions of files, a module each."""
