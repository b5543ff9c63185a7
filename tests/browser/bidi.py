"""A Firefox, driven through WebDriver BiDi (https://www.w3.org/TR/webdriver-bidi/).

Playwright drives Firefox as well, but not Debian's: it sends commands that the extended support release of
Firefox does not have yet.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

from tests.page_scripts import script
from tests.waits import WITHIN_S

# What a function of the page waits for comes before the answer.
ANSWERS_WITHIN_S = 2 * WITHIN_S

# The keys that have no character (https://www.w3.org/TR/webdriver2/#keyboard-actions).
KEYS = {"End": "\ue010", "Home": "\ue011", "ArrowRight": "\ue014", "PageDown": "\ue00f"}

EVENTS = ["log.entryAdded", "browsingContext.downloadEnd"]

# The function that is called takes the place of GIVEN.
CALL = script("firefox/call")

UNTIL = script("firefox/until")

MIDDLE = script("firefox/middle")


@dataclass
class Firefox:
    """One tab. `complaints` are the errors and warnings of its console, among them uncaught exceptions and
    violations of the page's policy; `downloads` are those that have ended."""

    socket: ClientConnection
    complaints: list[str] = field(default_factory=list)
    downloads: list[dict[str, Any]] = field(default_factory=list)
    context: str = ""
    _sent: int = 0

    def send(self, method: str, **parameters: object) -> dict[str, Any]:
        """The result of a command; events that come before it are noted."""
        self._sent += 1
        command = {"id": self._sent, "method": method, "params": parameters}
        self.socket.send(json.dumps(command))
        while True:
            message = json.loads(self.socket.recv(ANSWERS_WITHIN_S))
            if message["type"] == "event":
                self._note(message["method"], message["params"])
                continue
            assert message["type"] == "success", f"{method}: {message['message']}"
            result: dict[str, Any] = message["result"]
            return result

    def start(self, width: int, height: int) -> None:
        """Begin to listen to a tab of this size."""
        self.send("session.new", capabilities={})
        self.send("session.subscribe", events=EVENTS)
        self.context = self.send("browsingContext.getTree")["contexts"][0]["context"]
        viewport = {"width": width, "height": height}
        self.send("browsingContext.setViewport", context=self.context, viewport=viewport)

    def open(self, url: str) -> None:
        """Load a page with all that it names."""
        self.send("browsingContext.navigate", context=self.context, url=url, wait="complete")

    def call(self, function: str, *arguments: object) -> Any:
        """The result of a JavaScript function, as JSON carries it."""
        answer = self.send(
            "script.callFunction",
            functionDeclaration=CALL.replace("GIVEN", function),
            target={"context": self.context},
            arguments=[{"type": "string", "value": json.dumps(arguments)}],
            awaitPromise=True,
        )
        assert answer["type"] == "success", answer["exceptionDetails"]["text"]
        return json.loads(answer["result"]["value"])

    def until(self, function: str, *arguments: object) -> Any:
        """Wait for a JavaScript function to give something."""
        return self.call(UNTIL.replace("GIVEN", function), *arguments)

    def press(self, *keys: str) -> None:
        """Press keys one after the other."""
        values = [KEYS.get(key, key) for key in keys]
        kinds = ("keyDown", "keyUp")
        actions = [{"type": kind, "value": value} for value in values for kind in kinds]
        self._perform(type="key", id="keyboard", actions=actions)

    def click(self, selector: str, nth: int = 0) -> None:
        """Click on the middle of an element, which may be one of several."""
        x, y = self.call(MIDDLE, selector, nth)
        buttons = [{"type": kind, "button": 0} for kind in ("pointerDown", "pointerUp")]
        actions = [{"type": "pointerMove", "x": x, "y": y}, *buttons]
        self._perform(type="pointer", id="mouse", actions=actions)

    def wheel(self, selector: str, distance: int) -> None:
        """Turn the wheel over the middle of an element (px)."""
        x, y = self.call(MIDDLE, selector, 0)
        turned = {"type": "scroll", "x": x, "y": y, "deltaX": 0, "deltaY": distance}
        self._perform(type="wheel", id="wheel", actions=[turned])

    def downloaded(self) -> Path:
        """Wait for the next download; where it was put."""
        download = self.next_of(self.downloads)
        assert download["status"] == "complete"
        return Path(download["filepath"])

    def next_of(self, noted: list[Any]) -> Any:
        """Wait for an event; it is noted no longer."""
        end = time.monotonic() + ANSWERS_WITHIN_S
        while not noted:
            assert time.monotonic() < end, "nothing happens"
            # Events are read along with answers.
            self.call("() => new Promise((resolve) => setTimeout(resolve, 50))")
        return noted.pop(0)

    def _perform(self, **source: object) -> None:
        self.send("input.performActions", context=self.context, actions=[source])

    def _note(self, event: str, parameters: dict[str, Any]) -> None:
        if event == "browsingContext.downloadEnd":
            self.downloads.append(parameters)
        elif parameters["level"] in ("error", "warn"):
            self.complaints.append(parameters["text"])


@contextmanager
def firefox(path: str, folder: Path, width: int = 1280, height: int = 800) -> Iterator[Firefox]:
    """Start the Firefox at `path`, its profile and its downloads in `folder`, and end it afterwards."""
    profile = folder / "profile"
    profile.mkdir()
    settings = {"browser.download.folderList": 2, "browser.download.dir": str(folder)}
    lines = (f"user_pref({json.dumps(k)}, {json.dumps(v)});" for k, v in settings.items())
    (profile / "user.js").write_text("\n".join(lines))
    log = folder / "firefox.log"
    command = [path, "--headless", "--no-remote", "--remote-debugging-port=0", "--profile"]
    with log.open("w") as stream:
        process = subprocess.Popen([*command, str(profile)], stdout=stream, stderr=stream)
    try:
        # No limit to what a message may hold: the values of a slice are one.
        with connect(_address(process, log), proxy=None, max_size=None) as socket:
            browser = Firefox(socket)
            browser.start(width, height)
            yield browser
    finally:
        process.terminate()
        process.wait(WITHIN_S)
        print(log.read_text())


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    """Where it takes commands, which it says when it is ready."""
    end = time.monotonic() + WITHIN_S
    while time.monotonic() < end and process.poll() is None:
        said = re.search(r"WebDriver BiDi listening on (\S+)", log.read_text())
        if said is not None:
            return f"{said[1]}/session"
        time.sleep(0.1)
    raise AssertionError(f"Firefox did not start:\n{log.read_text()}")
