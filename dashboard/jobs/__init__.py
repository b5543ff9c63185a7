"""Jobs: plain functions over the slabs of a volume, with progress, after everything else that there is to do."""
