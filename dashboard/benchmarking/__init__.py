"""Browsing traces played as a client of the HTTP interface, compared with plain h5py on the same slices."""
