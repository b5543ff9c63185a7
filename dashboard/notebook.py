"""The page in a notebook: `show` gives the view of a file or of an open h5py dataset in a frame.

from dashboard.notebook import show

show("scan.h5", "/entry/data", axis=0, index=700)

The first call starts a server for this process, on a port of this machine and with a token that nobody else knows;
later calls use it. It ends with the process.
"""

from __future__ import annotations

import atexit
import html
import http.client
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from dashboard.assets_path import assets_folder
from dashboard.settings import PREFIX, TOKEN_VARIABLE

# Pages that may have the frame in them: notebooks on this machine, at any port, and those in VS Code.
ORIGINS: Final = ("http://localhost:*", "http://127.0.0.1:*", "vscode-webview:")
START_S: Final = 60.0
END_S: Final = 10.0
# Settings that are taken from the environment; where to listen and who is let in is decided here.
_KEPT: Final = ("_DIR", "_BYTES", "_THREADS", "_PROCESSES", "_LEVEL", "_CELLS", "_SECONDS")
_DETACHED_DRIVERS: Final = ("core", "fileobj")


@dataclass(frozen=True)
class View:
    """A view, shown as a frame of `height` pixels by notebooks; `url` opens it in a tab, and has the token."""

    url: str
    name: str
    height: int

    def _repr_html_(self) -> str:
        source, title = html.escape(self.url), html.escape(self.name)
        return (
            f'<iframe src="{source}" title="{title}" width="100%" height="{self.height}"'
            ' style="border: 0" allow="fullscreen; clipboard-write"></iframe>'
        )

    def __repr__(self) -> str:
        return f"<View of {self.name}>"


def show(
    source: Any,
    dataset: str | None = None,
    *,
    height: int = 720,
    roots: Sequence[str | os.PathLike[str]] = (),
    origins: Sequence[str] = ORIGINS,
    base_url: str | None = None,
    **view: str | float | tuple[float, float],
) -> View:
    """The view of a file or dataset; `view` is what a link to the page has, such as `axis=0, index=700`.

    `source` is a path, or an open dataset or file of h5py. One that is open for writing is flushed first, with a
    warning, as the view has nothing that is written later. `roots` are files and folders that the file's links and
    virtual datasets lead to.

    Only pages of `origins` may have the frame in them; they are those of the first call. `base_url` is the
    address of a Jupyter server elsewhere, through whose jupyter-server-proxy the view is shown (by default that
    of the hub).

    Raises `FileNotFoundError` for what is no file on the disk, `ValueError` for a file that others cannot read
    while it is open, and `RuntimeError` when the server does not start.
    """
    path, inner = _located(source)
    if dataset is not None:
        inner = dataset
    name = _shared.serve([path, *map(Path, roots)], tuple(origins), base_url or _hub())
    shown = {"file": name, **({} if inner is None else {"dataset": inner})}
    shown |= {key: _text(value) for key, value in view.items()}
    return View(_shared.link(shown), f"{name}{inner or ''}", height)


def stop() -> None:
    """End the server of this process; the next `show` starts another one."""
    _shared.end()


def jupyter_server_proxy() -> dict[str, Any]:
    """How jupyter-server-proxy starts a server for the person whose Jupyter it is: the entry point of its group.

    The proxy adds the token to each request that it lets pass. What is served is `LAMELLA_DATA`, else the folder
    in which Jupyter was started.
    """
    token = secrets.token_urlsafe()
    roots = [] if os.environ.get(f"{PREFIX}DATA") else [_escaped(os.getcwd())]
    options = ["--bind", "unix:{unix_socket}", "--url-prefix", "{base_url}lamella"]
    return {
        "command": [_escaped(sys.executable), "-m", "dashboard", "serve", *options, "--", *roots],
        "environment": {TOKEN_VARIABLE: token, "PYTHONSAFEPATH": "1"},
        "unix_socket": True,
        "absolute_url": True,
        "timeout": int(START_S),
        "request_headers_override": {"Authorization": f"Bearer {token}"},
        "new_browser_tab": False,
        "launcher_entry": {
            "title": "Lamella",
            "path_info": "lamella/",
            "icon_path": str(assets_folder() / "favicon.svg"),
        },
    }


def _escaped(text: str) -> str:
    """Text in which nothing is replaced by the proxy."""
    return text.replace("{", "{{").replace("}", "}}")


def _located(source: Any) -> tuple[Path, str | None]:
    """The file of a path or of an h5py object, and the name of the object in it."""
    file = getattr(source, "file", None)
    if file is None or isinstance(source, (str, os.PathLike)):
        path, inner = Path(source).expanduser(), None
    else:
        if getattr(file, "driver", None) in _DETACHED_DRIVERS:
            raise FileNotFoundError("The file is in memory: write it to the disk to show it.")
        path, inner = Path(os.fsdecode(file.filename)), str(source.name)
        if file.mode != "r":
            _flush(file)
        inner = None if inner == "/" else inner
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file.")
    return path.resolve(), inner


def _flush(file: Any) -> None:
    """Have what was written so far in the file, for others to read."""
    file.flush()
    latest = file.libver[0] not in ("earliest", "v18")
    if latest and not file.swmr_mode:
        # Such files are marked as open, and HDF5 refuses to open them a second time.
        raise ValueError(
            "The file is open for writing in a version of the format that nobody can read meanwhile: close it,"
            " or set swmr_mode."
        )
    warnings.warn(
        "The file is open for writing: the view shows what is in it now, and more after a flush.",
        stacklevel=4,
    )


def _text(value: str | float | tuple[float, float]) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _hub() -> str | None:
    """The address of this Jupyter server on a hub, as far as the hub says it."""
    public = os.environ.get("JUPYTERHUB_PUBLIC_URL")
    return public or None


class _Server:
    """`lamella serve` of this process, with files as roots; started anew when there are more of them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self._clear()

    def _clear(self) -> None:
        self._roots: dict[Path, str] = {}
        self._token = secrets.token_urlsafe()
        self._port = 0
        self._base: str | None = None
        self._origins: tuple[str, ...] = ()

    def serve(self, paths: Sequence[Path], origins: tuple[str, ...], base: str | None) -> str:
        """Have the server serve these paths; returns what it calls the first."""
        with self._lock:
            # After a fork the server is still the parent's.
            if self._owner != os.getpid():
                self._process, self._owner = None, os.getpid()
                self._clear()
            paths = [path.resolve() for path in paths]
            running = self._process is not None and self._process.poll() is None
            if not running or any(path not in self._roots for path in paths):
                self._stop()
                for path in paths:
                    self._roots.setdefault(path, self._free_name(path))
                if not self._port:
                    self._port, self._origins, self._base = _free_port(), origins, base
                    atexit.register(self.end)
                self._start()
            return self._roots[paths[0]]

    def link(self, query: dict[str, str]) -> str:
        """The address of a view, which signs in."""
        where = f"http://127.0.0.1:{self._port}"
        if self._base:
            parts = urlsplit(self._base)
            where = f"{parts.scheme}://{parts.netloc}{self._prefix}"
        return f"{where}/?{urlencode({'token': self._token, **query}, quote_via=quote)}"

    def end(self) -> None:
        """End the server and forget the paths."""
        with self._lock:
            if self._owner == os.getpid():
                self._stop()
                self._clear()

    def _free_name(self, path: Path) -> str:
        names, name, number = set(self._roots.values()), path.name, 1
        while name in names:
            number += 1
            name = f"{path.stem}-{number}{path.suffix}"
        return name

    @property
    def _prefix(self) -> str:
        """The path under which the proxy has the server."""
        if not self._base:
            return ""
        return f"{urlsplit(self._base).path.rstrip('/')}/proxy/absolute/{self._port}"

    def _command(self) -> list[str]:
        options = ["--host", "127.0.0.1", "--port", str(self._port), "--parent", str(os.getpid())]
        for origin in self._origins:
            options += ["--frame-ancestor", origin]
        if self._base:
            parts = urlsplit(self._base)
            options += ["--url-prefix", self._prefix, "--allowed-host", parts.hostname or ""]
        roots = [f"{name}={path}" for path, name in self._roots.items()]
        return [sys.executable, "-m", "dashboard", "serve", *options, "--", *roots]

    def _start(self) -> None:
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(PREFIX) or name.endswith(_KEPT)
        }
        environment |= {TOKEN_VARIABLE: self._token, "PYTHONSAFEPATH": "1"}
        with tempfile.TemporaryFile() as log:
            made: Future[subprocess.Popen[bytes]] = Future()

            def watch() -> None:
                # The kernel ends the server with the thread that has started it, so that thread has to last.
                try:
                    process = subprocess.Popen(
                        self._command(),
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        env=environment,
                    )
                except OSError as error:
                    made.set_exception(error)
                    return
                made.set_result(process)
                process.wait()

            threading.Thread(target=watch, name="lamella", daemon=True).start()
            try:
                self._process = made.result()
            except OSError as error:
                raise RuntimeError(f"The server could not be started: {error}") from None
            self._await(self._process, log)

    def _await(self, process: subprocess.Popen[bytes], log: IO[bytes]) -> None:
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and process.poll() is None:
            if _is_healthy(self._port, f"{self._prefix}/healthz"):
                return
            time.sleep(0.05)
        self._stop()
        log.seek(0)
        said = log.read().decode(errors="replace").splitlines()
        reasons = [line.removeprefix("lamella: ") for line in said if line.startswith("lamella: ")]
        raise RuntimeError(" ".join(reasons) or "The server did not start in time.")

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(END_S)
        except subprocess.TimeoutExpired:
            process.kill()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_healthy(port: int, path: str) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=1.0)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


_shared = _Server()
