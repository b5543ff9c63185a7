"""A machine for the commands of a how-to: folders of the test's own, and programs that change no real machine.

Paths such as `/etc/lamella` lead below `root`. No account is made and no package is installed; `systemctl` starts
what the unit says, and waits as systemd does until it is ready.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, suppress
from pathlib import Path

from tests import hardened, nginx
from tests.certificates import Certificate
from tests.nginx import Nginx

WITHIN_S = 60.0

# Folders of the machine that the commands and files name.
_PATHS = re.compile(
    r"(?<![\w./-])/(?=(?:opt|srv|var|run/lamella\.sock|etc/(?:lamella|nginx|systemd)|usr/local)(?:/|\b))"
)

_NOTHING = "#!/bin/sh\nexit 0\n"
_PROGRAMS = {
    "apt-get": _NOTHING,
    "adduser": _NOTHING,
    # `runuser -u NAME -- COMMAND`; what a person types comes from a file.
    "runuser": """#!/bin/sh
shift 3
for last; do :; done
case "$*" in *" user add "*) exec "$@" < {root}/typed/$last ;; esac
exec "$@"
""",
    "install": """#!/bin/bash
kept=()
while (($#)); do
  case $1 in -o | -g) shift ;; *) kept+=("$1") ;; esac
  shift
done
exec /usr/bin/install "${kept[@]}"
""",
    "python3": """#!/bin/bash
[[ "$1 $2" == "-m venv" ]] || exec {python} "$@"
mkdir -p "$3/bin"
printf '#!/bin/sh\\nexit 0\\n' > "$3/bin/pip"
printf '#!/bin/sh\\nexec {python} -m dashboard "$@"\\n' > "$3/bin/lamella"
chmod 755 "$3/bin/pip" "$3/bin/lamella"
""",
    "systemctl": '#!/bin/sh\necho "$@" >> {root}/systemctl\n',
    "journalctl": "#!/bin/sh\nexec cat {root}/journal\n",
    "nginx": _NOTHING,
    "curl": "#!/bin/sh\nexit 0\n",
}


class Machine:
    """What the commands are run on; `checkout` has a copy of the documentation."""

    def __init__(self, folder: Path, documentation: Path, certificate: Certificate) -> None:
        self.root = folder / "m"
        self.checkout = folder / "checkout"
        self._certificate = certificate
        self._programs = folder / "programs"
        self._lamella: subprocess.Popen[bytes] | None = None
        self._listening = socket.socket(socket.AF_UNIX)
        self._nginx = ExitStack()
        self.site: Nginx | None = None
        for name in ("etc/systemd/system", "etc/nginx/sites-available", "etc/nginx/sites-enabled"):
            (self.root / name).mkdir(parents=True)
        for name in ("usr/local/sbin", "srv", "var/lib", "var/cache", "var/backups", "run"):
            (self.root / name).mkdir(parents=True)
        shutil.copytree(documentation, self.checkout / "docs")
        for path in (self.checkout / "docs" / "how-to" / "hosting").iterdir():
            path.write_text(self.moved(path.read_text()))
        self._programs.mkdir()
        for name, text in _PROGRAMS.items():
            program = self._programs / name
            program.write_text(
                text.replace("{python}", sys.executable).replace("{root}", str(self.root))
            )
            program.chmod(0o755)

    def moved(self, text: str) -> str:
        """`text` with all paths of the machine below `root`."""
        # The programs of this machine are found by name.
        return _PATHS.sub(f"{self.root}/", text).replace("/usr/bin/python3", "python3")

    def type(self, name: str, password: str) -> None:
        """Type this password when an account with the name is added."""
        (self.root / "typed").mkdir(exist_ok=True)
        (self.root / "typed" / name).write_text(f"{password}\n")

    def run(self, commands: str) -> str:
        """Run commands as the how-to has them; returns what they say."""
        path = f"{self._programs}:{self.root}/usr/local/sbin:{os.environ['PATH']}"
        before = self._asked()
        done = subprocess.run(
            ["/bin/bash", "-euo", "pipefail", "-c", self.moved(commands)],
            cwd=self.checkout,
            env=os.environ | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=WITHIN_S,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        for line in self._asked()[len(before) :]:
            self._systemctl(line)
        return done.stdout

    def close(self) -> None:
        """End what runs."""
        self._nginx.close()
        self._stop()
        self._listening.close()

    def _asked(self) -> list[str]:
        try:
            return (self.root / "systemctl").read_text().splitlines()
        except FileNotFoundError:
            return []

    def _systemctl(self, line: str) -> None:
        if line in ("daemon-reload", ""):
            return
        if line == "restart nginx":
            self._start_nginx()
        elif line == "reload lamella.service":
            assert self._unit()["ExecReload"] == ["/bin/kill -HUP $MAINPID"]
            assert self._lamella is not None
            self._lamella.send_signal(signal.SIGHUP)
        elif line == "enable --now lamella.socket lamella.service":
            self._listen()
            self._start()
        elif line == "restart lamella.service":
            self._stop()
            self._start()
        elif line == "stop lamella.socket lamella.service":
            self._stop()
        elif line == "start lamella.socket lamella.service":
            self._start()
        else:
            raise AssertionError(line)

    def _unit(self, kind: str = "service") -> dict[str, list[str]]:
        path = self.root / "etc" / "systemd" / "system" / f"lamella.{kind}"
        return hardened.directives(path.read_text())

    def _listen(self) -> None:
        unit = self._unit("socket")
        (path,) = map(Path, unit["ListenStream"])
        self._listening.bind(str(path))
        path.chmod(int(unit["SocketMode"][0], 8))
        self._listening.listen()

    def _start(self) -> None:
        unit = self._unit()
        assert unit["Type"] == ["notify"]
        for name, folder in (("Cache", "var/cache"), ("State", "var/lib")):
            made = self.root / folder / unit[f"{name}Directory"][0]
            made.mkdir(exist_ok=True)
            made.chmod(int(unit[f"{name}DirectoryMode"][0], 8))
        (settings,) = unit["EnvironmentFile"]
        lines = [
            line
            for line in Path(settings).read_text().splitlines()
            if "=" in line and line[0] != "#"
        ]
        environment = dict(line.split("=", 1) for line in lines)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            where = self.root / "notify"
            where.unlink(missing_ok=True)
            notified.bind(str(where))
            notified.settimeout(0.2)
            with (self.root / "journal").open("a") as journal:
                number = self._listening.fileno()
                passed = f'export LISTEN_PID=$$ LISTEN_FDS=1; exec "$@" 3<&{number}'
                self._lamella = subprocess.Popen(
                    ["/bin/bash", "-c", passed, "bash", *unit["ExecStart"][0].split()],
                    pass_fds=(number,),
                    cwd="/",
                    env=os.environ | environment | {"NOTIFY_SOCKET": str(where)},
                    stdin=subprocess.DEVNULL,
                    stdout=journal,
                    stderr=journal,
                )
            end = time.monotonic() + WITHIN_S
            said = b""
            while not said:
                assert self._lamella.poll() is None, self.journal()
                assert time.monotonic() < end, self.journal()
                with suppress(TimeoutError):
                    said = notified.recv(100)
            assert said == b"READY=1"

    def _stop(self) -> None:
        if self._lamella is not None:
            ending, self._lamella = self._lamella, None
            ending.terminate()
            assert ending.wait(WITHIN_S) == 0, self.journal()

    def _start_nginx(self) -> None:
        self._nginx.close()
        (enabled,) = (self.root / "etc" / "nginx" / "sites-enabled").iterdir()
        upstream = str(self.root / "run" / "lamella.sock")
        folder = self.root / f"nginx-{time.monotonic_ns()}"
        running = nginx.running(folder, upstream, self._certificate, enabled.read_text())
        self.site = self._nginx.enter_context(running)

    def journal(self) -> str:
        """What the server has logged."""
        return (self.root / "journal").read_text()
