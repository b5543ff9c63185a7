"""Passwords: what they have to be, and their hashes (argon2id, RFC 9106)."""

from __future__ import annotations

import base64
import secrets
import threading
import unicodedata
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from argon2.low_level import ARGON2_VERSION

from dashboard.blocking import about_to_block
from dashboard.errors import BadRequest, Busy
from dashboard.weak_secrets import weakness

SHORTEST: Final = 12
LONGEST: Final = 256
# A hash takes 64 MiB and four threads for about 50 ms: one after the other, others wait this long.
WAIT_S: Final = 5.0


class Passwords:
    """Makes and verifies hashes, one at a time; thread-safe."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._nobodys = _hash_of_nothing(self._hasher)
        self._lock = threading.Lock()

    def hash(self, password: str) -> str:
        """A hash to store; raises `Busy`."""
        with _Turn(self._lock):
            return self._hasher.hash(_normal(password))

    def verify(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one of the hash; raises `Busy`.

        None, for a name without an account, is verified against a hash that no password has: it takes as long.
        """
        with _Turn(self._lock):
            try:
                self._hasher.verify(stored or self._nobodys, _normal(password))
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(stored)


class _Turn:
    """The lock, waited for no longer than `WAIT_S`."""

    def __init__(self, lock: threading.Lock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        if self._lock.acquire(blocking=False):
            return
        about_to_block()
        if not self._lock.acquire(timeout=WAIT_S):
            raise Busy("Too many people sign in at the same time; try again.")

    def __exit__(self, *_: object) -> None:
        self._lock.release()


def check_strength(password: str, name: str) -> None:
    """Raise `BadRequest`, with a sentence that says what to do, for a password that is easy to guess."""
    if len(password) < SHORTEST:
        raise BadRequest(
            f"The password has {len(password)} characters; choose one of at least {SHORTEST}, such as four words."
        )
    if len(password) > LONGEST:
        raise BadRequest(f"The password is too long; choose one of at most {LONGEST} characters.")
    if not password.isprintable():
        raise BadRequest("The password has a control character; leave it out.")
    weak = weakness(password, name)
    if weak is not None:
        raise BadRequest(f"The password {weak}. Choose another, such as four words.")


def _hash_of_nothing(hasher: PasswordHasher) -> str:
    """A hash with the parameters of `hasher` that was made without a password."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
        for length in (hasher.salt_len, hasher.hash_len)
    )
    costs = f"m={hasher.memory_cost},t={hasher.time_cost},p={hasher.parallelism}"
    return f"$argon2id$v={ARGON2_VERSION}${costs}${salt}${digest}"


def _normal(password: str) -> bytes:
    """The same bytes from all keyboards, some of which send an accent as a character of its own."""
    # Longer ones are no passwords, and not worth the time.
    return unicodedata.normalize("NFC", password[: 4 * LONGEST]).encode("utf-8", "surrogatepass")
