"""A client of the HTTP interface for scripts and notebooks: slices of remote volumes as NumPy arrays.

from dashboard.client import Client

with Client("http://127.0.0.1:8050") as client:
    volume = client.volume("demo.h5", "/volume")
    plane = volume[128]
"""

from dashboard.client.client import Client, Scaled
from dashboard.client.connection import ServerError
from dashboard.client.job import RunningJob
from dashboard.client.volume import Volume, selection_text

__all__ = ["Client", "RunningJob", "Scaled", "ServerError", "Volume", "selection_text"]
