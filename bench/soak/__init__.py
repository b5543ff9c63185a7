"""An hour of mixed load: memory, descriptors, threads and cache directory stay flat, and slices right."""
