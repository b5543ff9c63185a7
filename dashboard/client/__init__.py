"""A client of the HTTP interface for scripts and notebooks: slices of remote volumes as NumPy arrays.

from dashboard.client import Client

with Client("http://127.0.0.1:8050") as client:
    volume = client.volume("demo.h5", "/volume")
    plane = volume[128]
"""

from dashboard.client.client import Client, Scaled
from dashboard.client.connection import ServerError
from dashboard.client.volume import Volume, selection_text
from dashboard.client.warming import Warming

__all__ = ["Client", "Scaled", "ServerError", "Volume", "Warming", "selection_text"]
