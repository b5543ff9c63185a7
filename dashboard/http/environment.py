"""Keys in the environment of each request, in addition to those of WSGI; times by `time.monotonic` (s)."""

from __future__ import annotations

from typing import Final

# When the first byte of the request was there to be read.
READABLE_AT: Final = "lamella.readable_at"

# A function that returns the account of the machine at the other end of the connection: a user id, or None where
# it is on another machine or not known.
PEER_ACCOUNT: Final = "lamella.peer_account"

# A function that tells whether the client has left by now; from any thread.
HAS_LEFT: Final = "lamella.has_left"

# A function that the application may put there; called once when the client leaves before it has the response.
GIVEN_UP: Final = "lamella.given_up"
