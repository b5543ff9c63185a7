"""Metadata of the datasets in a file: descriptions, chunk indexes and failures, cached by fingerprint."""
