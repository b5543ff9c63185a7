"""Access: who signs in with what, the limit of failed attempts, and an audit line for each event."""

from __future__ import annotations

import hmac
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from cachetools import TTLCache

from dashboard.errors import Busy, Forbidden, TooManyRequests, Unauthorized
from dashboard.people.accounts import ACCOUNT, NAME, Accounts
from dashboard.people.attempts import Attempts, Client, digest
from dashboard.people.audit import Audit, Event
from dashboard.people.person import OPERATOR, Person
from dashboard.people.sessions import KEPT_S, PROVIDER, SHARE, TOKEN, Sessions
from dashboard.people.shared_limit import SharedMemory
from dashboard.people.shares import Share, Shares
from dashboard.people.tokens import PREFIX, Tokens

if TYPE_CHECKING:
    from dashboard.people.provider import Provider

# People with shares that are known for `KEPT_S` to have the groups that were said.
FOLLOWED: Final = 4096
# Clients and secrets that are known for `KEPT_S` to have been right.
RIGHT: Final = 1024

WRONG_TOKEN: Final = "The token is wrong."  # noqa: S105  # a sentence
NO_SHARE: Final = "This link is not valid any more; ask the person who sent it."
WRONG_PASSWORD: Final = "The name or the password is wrong."  # noqa: S105

# What the audit says where somebody is answered with one of these.
REASONS: Final = {
    WRONG_TOKEN: "wrong token",
    WRONG_PASSWORD: "wrong name or password",
    NO_SHARE: "link that is not valid",
}


class Access:
    """Verifies the start token, API tokens, and names with passwords; thread-safe.

    Sessions are not affected by the limit of attempts. All methods raise `Busy` where the people file cannot be
    used. `clock` gives seconds, `close` releases what the parts share. Processes with the same `memory` have one
    limit of attempts. `provider` is where people sign in by OpenID Connect.
    """

    def __init__(
        self,
        token: str | None,
        sessions: Sessions,
        accounts: Accounts,
        tokens: Tokens,
        shares: Shares,
        audit: Audit,
        clock: Callable[[], float] = time.monotonic,
        close: Callable[[], None] = lambda: None,
        memory: SharedMemory | None = None,
        provider: Provider | None = None,
    ) -> None:
        self._digest = None if token is None else digest(token)
        self.sessions = sessions
        self.accounts = accounts
        self.tokens = tokens
        self.shares = shares
        self.audit = audit
        self.provider = provider
        self.attempts = Attempts(clock, memory)
        self.close = close
        self._clock = clock
        self._accounts_exist = (float("-inf"), False)
        self._lock = threading.Lock()
        self._followed: TTLCache[tuple[str, ...], None] = TTLCache(FOLLOWED, KEPT_S, clock)
        # Clients and the secrets that were right: it is no guess that comes with each of many requests.
        self._right: TTLCache[tuple[str, bytes], None] = TTLCache(RIGHT, KEPT_S, clock)

    @property
    def has_token(self) -> bool:
        """Whether there is a start token."""
        return self._digest is not None

    def works(self) -> bool:
        """Whether the people file can be used."""
        return self.accounts.works()

    def has_accounts(self) -> bool:
        """Whether somebody can sign in by name; another process's change is seen within `KEPT_S`."""
        read_at, exist = self._accounts_exist
        if not 0.0 <= self._clock() - read_at < KEPT_S:
            exist = self.accounts.exist()
            self._accounts_exist = (self._clock(), exist)
        return exist

    def bearer(self, secret: str, client: Client) -> Person:
        """Who sends a token along; raises `Unauthorized` and `TooManyRequests`."""
        attempt = client.network, digest(secret)
        with self._lock:
            was_right = attempt in self._right
        if not was_right:
            self._check_attempts(client)
        person = self._person_of(secret, client)
        if not was_right:
            self.attempts.succeeded(client)
            with self._lock:
                self._right[attempt] = None
        return person

    def _person_of(self, secret: str, client: Client) -> Person:
        """Whose token it is; raises `Unauthorized`."""
        if not secret.startswith(PREFIX):
            if self._is_start_token(secret):
                return OPERATOR
            raise self._failed(client, WRONG_TOKEN, secret)
        checked = self.tokens.check(secret)
        if checked.person is not None:
            return checked.person
        if checked.expired:
            # Who has it does not guess.
            self.refuse(client, "expired token", checked.name)
            raise Unauthorized(
                f"The token {checked.name} has expired; ask for a new one (`lamella token add`)."
            )
        if checked.early:
            self.refuse(client, "token of the future", checked.name)
            raise Unauthorized(
                f"The token {checked.name} was made later than the server's clock says it is; have the clock of"
                " its machine corrected."
            )
        raise self._failed(client, WRONG_TOKEN, secret)

    def sign_in(
        self, name: str, secret: str, client: Client, network: str = "", old: str = ""
    ) -> str:
        """The id of a new session, which replaces `old` and works for `network` alone if that is given.

        Without a name the secret is the start token, else a password. Raises `Unauthorized`, `TooManyRequests`.
        """
        self._check_attempts(client)
        if not name:
            if not self._is_start_token(secret):
                raise self._failed(client, WRONG_TOKEN, secret)
            self.attempts.succeeded(client)
            session = self.sessions.begin(TOKEN, OPERATOR, network=network, old=old)
        else:
            person, mark = self._check_password(name, secret, client)
            session = self.sessions.begin(ACCOUNT, person, mark, network, old)
        self._record(Event.SIGN_IN, client, name=name)
        return session

    def by_proxy(self, name: str, groups: Iterable[str], client: Client) -> Person:
        """The person that a trusted proxy names; raises `Forbidden` for a name that cannot be one."""
        if not NAME.fullmatch(name):
            self.refuse(client, "name of a proxy")
            raise Forbidden(
                "The proxy of this server sent a name that cannot be one of a person; ask the person who runs it."
            )
        if self.attempts.is_new_sign_in(self.attempts.fingerprint(client, name)):
            self._record(Event.SIGN_IN, client, name=name)
        named = sorted(set(filter(NAME.fullmatch, (one.strip() for one in groups))))
        self._follow_groups(name, tuple(named))
        return self.sessions.admins.from_elsewhere(name, frozenset(named))

    def sign_in_elsewhere(
        self, name: str, groups: Iterable[str], client: Client, network: str = "", old: str = ""
    ) -> str:
        """The id of a new session of the person that an identity provider names; raises `Unauthorized`."""
        if not NAME.fullmatch(name):
            self.refuse(client, "name of a provider")
            raise Unauthorized(
                "The identity provider sent a name that cannot be one of a person here; ask the person who runs"
                " the server (LAMELLA_OIDC_NAME_CLAIM)."
            )
        person = Person(name, frozenset(filter(NAME.fullmatch, groups)))
        self._follow_groups(name, tuple(sorted(person.groups)))
        session = self.sessions.begin(PROVIDER, person, network=network, old=old)
        self._record(Event.SIGN_IN, client, name=name)
        return session

    def let_in(self, share: Share, client: Client, network: str = "", old: str = "") -> str:
        """The id of a new session of somebody with a link; raises `Unauthorized` where it has just ended."""
        guest = self.shares.guest(share.id)
        if guest is None:
            raise Unauthorized(NO_SHARE)
        session = self.sessions.begin(SHARE, guest.person, share.id, network, old)
        self._record(Event.SIGN_IN, client, name=guest.person.name)
        return session

    def share(self, secret: str, client: Client) -> Share:
        """The share that a link opens; raises `Unauthorized`, `TooManyRequests`."""
        self._check_attempts(client)
        share = self.shares.opened(secret)
        if share is None:
            raise self._failed(client, NO_SHARE, secret)
        self.attempts.succeeded(client)
        return share

    def refuse_elsewhere(self, client: Client, answer: str) -> None:
        """Count and record an answer of an identity provider that was refused: each one is a request to it."""
        if self.attempts.failed(client, self.attempts.fingerprint(client, answer)):
            self._record(Event.REFUSED, client, reason="identity provider")

    def refuse(self, client: Client, reason: str, token: str = "") -> None:
        """Record that somebody was refused, once a minute."""
        if self.attempts.is_news(self.attempts.fingerprint(client, reason, token)):
            self._record(Event.REFUSED, client, reason=reason, token=token)

    def sign_out(self, session: str, client: Client, *, everywhere: bool = False) -> None:
        """End a session, if there is one, and with `everywhere` all others of its person.

        The guests of a link are different people.
        """
        person = self.sessions.check(session, client.network).person if everywhere else None
        if person is not None and person.shared is None:
            self.sessions.end_all(session)
            self._record(Event.SESSIONS_ENDED, client, name=person.name)
            return
        person = self.sessions.end(session)
        if person is not None:
            self._record(Event.SIGN_OUT, client, name=person.name)

    def _follow_groups(self, name: str, groups: tuple[str, ...]) -> None:
        """A share gives no more than its person may see now, by the groups that are said elsewhere now."""
        with self._lock:
            if (name, *groups) in self._followed:
                return
        with suppress(Busy):
            self.shares.groups_said(name, groups)
            with self._lock:
                self._followed[(name, *groups)] = None

    def _check_attempts(self, client: Client) -> None:
        try:
            self.attempts.check(client)
        except TooManyRequests:
            self.refuse(client, "too many attempts")
            raise

    def _is_start_token(self, secret: str) -> bool:
        return self._digest is not None and hmac.compare_digest(digest(secret), self._digest)

    def _check_password(self, name: str, password: str, client: Client) -> tuple[Person, str]:
        stored = self.accounts.credentials(name) if NAME.fullmatch(name) else None
        # With the one that it was compared to: the same password is verified again when another one was set.
        guess = (name, password, *(stored or ()))
        seen = self.attempts.is_known_wrong(self.attempts.fingerprint(client, *guess))
        person = None if seen else self.accounts.verified(name, password, stored)
        # It has waited for others, which may be too many by now: then right and wrong are 429.
        self._check_attempts(client)
        if person is None or stored is None:
            # A name without an account may be a password that was typed into the wrong field.
            raise self._failed(client, WRONG_PASSWORD, *guess, name="" if stored is None else name)
        self.attempts.succeeded(client)
        return person, stored.mark

    def _failed(self, client: Client, sentence: str, *guess: str, name: str = "") -> Unauthorized:
        if self.attempts.failed(client, self.attempts.fingerprint(client, *guess)):
            reason = REASONS[sentence]
            self._record(Event.REFUSED, client, reason=reason, name=name)
        return Unauthorized(sentence)

    def _record(self, event: Event, client: Client, **parts: str) -> None:
        self.audit.record(
            event,
            **parts,
            way=client.way,
            address=client.address,
            account=None if client.account is None else str(client.account),
            agent=client.agent,
        )
