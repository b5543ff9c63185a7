"""Common parts of the long-running commands: log, checks at startup, and shutdown."""

from __future__ import annotations

import ctypes
import gc
import logging
import os
import pwd
import secrets
import signal
import sys
from collections.abc import Iterable
from contextlib import closing
from queue import SimpleQueue
from types import FrameType

from pydantic import SecretStr

from dashboard.errors import SetupError
from dashboard.http.tls import server_context
from dashboard.log_format import formatter
from dashboard.log_limit import LogRateFilter
from dashboard.people.accounts import Accounts
from dashboard.people.store import open_people
from dashboard.runtime.served_roots import check_sign_in, served_roots
from dashboard.settings import Settings, is_loopback
from dashboard.storage.private_directory import ensure_private_directory

PR_SET_PDEATHSIG = 1

# Parameters of glibc's mallopt (malloc.h): free memory at the end of the heap beyond the first is returned to the
# kernel, blocks of at least the second are mapped individually, and the third is the number of arenas.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MMAP_THRESHOLD_BYTES = 32 * 2**20
KEPT_FREE_BYTES = 64 * 2**20

# User ids that login.defs gives to people.
PEOPLE = range(1000, 60_001)

TERMINATION_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
TERMINAL = "/dev/tty"


def check_startup(settings: Settings, *, serves: bool = True) -> None:
    """Check data, cache directory and certificate, and set up the log; raises `SetupError`.

    A process that `serves` people needs sign-in where not all of them may see everything.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter(settings.log_format))
    logging.basicConfig(level=settings.log_level, handlers=[handler])
    limit_log(logging.getLogger())
    roots = served_roots(settings)
    if not roots.paths:
        raise SetupError(
            "Name at least one file or folder to show, or set LAMELLA_DATA, or LAMELLA_CONFIG."
        )
    if serves:
        check_sign_in(settings, roots)
    ensure_private_directory(settings.cache_dir)
    _check_certificate(settings)


def _check_certificate(settings: Settings) -> None:
    """Raise `SetupError` for a certificate that the web processes could not use."""
    if settings.keyfile and not settings.certfile:
        raise SetupError("A key needs its certificate: name it with --certfile (LAMELLA_CERTFILE).")
    if settings.certfile is None:
        return
    if settings.bind:
        raise SetupError(
            "A socket file is reached from this machine alone: give the certificate to the proxy, not to Lamella."
        )
    server_context(settings.certfile, settings.keyfile)


def with_token(settings: Settings) -> Settings:
    """The same settings with a token of this start, where sign-in is asked for and nobody could otherwise.

    Raises `SetupError` for an unusable people file, which is made where there is none.
    """
    if not settings.asks_sign_in or settings.people_node is not None:
        # Of several machines each would make one up.
        return settings
    with closing(open_people(settings.people_file)) as store:
        has_accounts = Accounts(store).exist()
    if settings.token is None and not settings.elsewhere and not has_accounts:
        return settings.model_copy(update={"token": SecretStr(secrets.token_urlsafe())})
    return settings


def address(settings: Settings) -> str:
    """Where a browser finds the page, or a proxy the server."""
    if settings.bind is not None:
        return f"unix:{settings.socket_path}"
    host = settings.host.strip("[]")
    shown = f"[{host}]" if ":" in host else host
    scheme = "http" if settings.certfile is None else "https"
    return f"{scheme}://{shown}:{settings.port}{settings.url_prefix}"


def has_other_accounts(accounts: Iterable[pwd.struct_passwd] | None = None) -> bool:
    """Whether other people can log in to this machine, as far as its list of accounts says."""
    return any(
        account.pw_uid in PEOPLE
        and account.pw_uid != os.getuid()
        and not account.pw_shell.endswith(("/nologin", "/false"))
        for account in (pwd.getpwall() if accounts is None else accounts)
    )


def warning_of_accounts(settings: Settings) -> str | None:
    """What to say where other people can log in to this machine and reach the server from there."""
    if not settings.loopback or settings.bind is not None or not has_other_accounts():
        return None
    if not settings.asks_sign_in:
        return "Other accounts of this machine can open it too; --sign-in asks them for a token."
    if settings.proxy_header and any(map(is_loopback, settings.proxy_peers)):
        return (
            "Other accounts of this machine can send the proxy's header too, and be anybody; listen on a socket"
            " file (--bind unix:PATH) that the proxy alone may use."
        )
    return None


def warning_of_groups(settings: Settings) -> str | None:
    """What to say where a group of `--root` has no members, and nothing but the accounts could give it any."""
    elsewhere = settings.proxy_groups_header is not None or settings.oidc_issuer is not None
    if settings.config is not None or elsewhere or not settings.asks_sign_in:
        return None
    if settings.people_elsewhere(settings.node_name) is not None:
        return None
    roots = served_roots(settings)
    with closing(open_people(settings.people_file)) as store:
        known = {group for account in Accounts(store).listed() for group in account.groups}
    for name in roots.paths:
        for group in sorted((roots.rights.audience(name).groups or frozenset()) - known):
            return (
                f"Nobody is in the group {group!r} of --root {name} yet; correct it, or add people to it with"
                " `lamella user`."
            )
    return None


def sign_in_link(settings: Settings) -> str:
    """A link to the page that signs in; only for a token that nobody knows otherwise."""
    assert settings.token is not None
    where = "http://localhost" + settings.url_prefix if settings.bind else address(settings)
    link = f"{where}/?token={settings.token.get_secret_value()}"
    return f"{address(settings)}, as {link}" if settings.bind else link


def limit_log(logger: logging.Logger) -> None:
    """Bound the lines of one kind that the handlers of `logger` take in a second."""
    for handler in logger.handlers:
        if not any(isinstance(one, LogRateFilter) for one in handler.filters):
            handler.addFilter(LogRateFilter())


def tune_malloc() -> None:
    """Keep up to 64 MiB of freed memory in this process instead of returning it to the kernel.

    Rendering a frame allocates blocks of a few megabytes. If they are returned after each response, the next one
    incurs a page fault for every 4 KiB: 1360² uint8 from the frame cache, in sequence, took 2.1 ms or more with
    them and 0.5 ms without. One arena for all threads, so that the bound applies to all of them together. C
    libraries other than glibc are not changed.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(M_MMAP_THRESHOLD, MMAP_THRESHOLD_BYTES)
        mallopt(M_TRIM_THRESHOLD, KEPT_FREE_BYTES)
        mallopt(M_ARENA_MAX, 1)


def freeze_gc() -> None:
    """Move all live objects to the permanent GC generation; otherwise a full collection takes about 70 ms."""
    gc.collect()
    gc.freeze()


def die_with_parent(parent: int | None) -> None:
    """Make the kernel kill this process when its parent, the process `parent`, dies (Linux only).

    A supervisor that is killed with SIGKILL cannot stop its children itself.
    """
    if parent is None:
        return
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # The parent died before the call.
        os.kill(os.getpid(), signal.SIGTERM)


def has_terminal() -> bool:
    """Whether this process has a terminal, which it loses when that is closed."""
    try:
        os.close(os.open(TERMINAL, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC))
    except OSError:
        return False
    return True


def queue_signals(
    queue: SimpleQueue[int], signals: tuple[signal.Signals, ...] = TERMINATION_SIGNALS
) -> None:
    """Put the numbers of `signals` on `queue` as they come.

    A handler runs between any two steps of the main thread; of all means to wake that thread up, only a
    SimpleQueue may be used there, since an Event's lock may be held by the very code it interrupts.
    """

    def put(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        queue.put(number)

    for number in signals:
        # nohup: the process is meant to outlive the terminal.
        if number != signal.SIGHUP or signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, put)
