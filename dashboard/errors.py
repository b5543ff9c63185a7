"""The errors that a person may see, each with its HTTP status.

    LamellaError
    ├── BadRequest    400  what was asked is malformed or out of range
    ├── Unauthorized  401  sign-in is needed, or the token is wrong
    ├── Forbidden     403  not for this caller
    ├── NotFound      404  no such file, dataset or object
    ├── Changed       409  the file changed, or is being written
    ├── TooLarge      413  more than one answer may hold
    ├── WrongHost     421  the request was meant for another host
    ├── CannotShow    422  this file or dataset cannot be shown
    ├── TooManyRequests 429  the client exceeds its rate limit; `Retry-After` has the delay
    ├── Busy          503  try again in a moment
    └── SetupError     –   a usage error; the command exits with status 2

Every message is one sentence that says what is wrong and, where there is something to do, what to do.
It never contains a path of the server; files have their catalogue names.
"""

from __future__ import annotations


class LamellaError(Exception):
    """An error with one clear sentence for the user."""

    status = 500
    code = "internal"
    # Whole seconds for the `Retry-After` header.
    retry_after_s: int | None = None

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class BadRequest(LamellaError):
    """What was asked is malformed or out of range."""

    status = 400
    code = "bad_request"


class Unauthorized(LamellaError):
    """The caller has to sign in first, or the token is wrong."""

    status = 401
    code = "unauthorized"


class Forbidden(LamellaError):
    """The caller may not have this."""

    status = 403
    code = "forbidden"


class NotFound(LamellaError):
    """There is no such file, dataset or object."""

    status = 404
    code = "not_found"


class Changed(LamellaError):
    """The file changed while it was read, or is being written."""

    status = 409
    code = "changed"


class TooLarge(LamellaError):
    """The response would be larger than allowed."""

    status = 413
    code = "too_large"


class WrongHost(LamellaError):
    """The request names a host that this server does not answer for."""

    status = 421
    code = "wrong_host"


class CannotShow(LamellaError):
    """The file or the dataset cannot be shown; the message names the reason."""

    status = 422
    code = "cannot_show"


class TooManyRequests(LamellaError):
    """The client exceeds its rate limit; it may retry after `retry_after_s`."""

    status = 429
    code = "too_many_requests"
    retry_after_s = 1


class Busy(LamellaError):
    """The server could not answer in time; trying again may help."""

    status = 503
    code = "busy"
    retry_after_s = 1


class SetupError(LamellaError):
    """A usage error, which the user can correct; the command exits with status 2."""

    code = "setup"
