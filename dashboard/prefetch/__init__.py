"""What viewers will want next, and the worker that decodes it ahead."""
