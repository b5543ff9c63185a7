"""What is known of the datasets in a file: descriptions, chunk indexes, failures, cached by fingerprint."""
