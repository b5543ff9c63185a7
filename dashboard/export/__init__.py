"""Parts of volumes as files: NPY, TIFF, CSV and HDF5, streamed from the brick cache."""
