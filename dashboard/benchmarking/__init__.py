"""Browsing as a client of the HTTP interface sees it, beside plain h5py on the same slices."""
