"""Headless Chromium driven over its debugging pipe: no driver program, no network port, no package.

`--remote-debugging-pipe` speaks the Chrome DevTools Protocol as JSON messages that end with a NUL byte, read from
file descriptor 3 and written to file descriptor 4.
"""

from __future__ import annotations

import base64
import json
import os
import select
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync",
    "--disable-component-update", "--disable-default-apps", "--disable-dev-shm-usage", "--no-first-run",
    "--hide-scrollbars", "--force-color-profile=srgb", "--remote-debugging-pipe",
    # Whatever a page might ask for, no name resolves: an offline machine in one flag.
    "--host-resolver-rules=MAP * ~NOTFOUND",
)  # fmt: skip


def find() -> str:
    """Return the browser to run: `$TOKENOP_CHROMIUM`, else the first of the usual names on PATH; fail without one."""
    configured = os.environ.get("TOKENOP_CHROMIUM")
    found = configured or next((path for name in NAMES if (path := shutil.which(name))), None)
    if not found or not shutil.which(found):
        raise AssertionError(
            "No Chromium found. The browser tests never skip: install it (Debian: apt-get install chromium) "
            "or name the program in TOKENOP_CHROMIUM."
        )
    return found


# The numbers 3 and 4 are the browser's convention. A small Python puts our ends there and becomes the browser; both go
# through higher numbers first, since either may happen to be 3 or 4 itself.
BECOME = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """A running Chromium with one page at a time."""

    def __init__(self, profile: Path, seconds: float = 60) -> None:
        self.seconds = seconds
        self.events: deque[dict[str, Any]] = deque()
        self._number = 0
        self._buffer = b""
        self._session: str | None = None
        self._profile = profile

    def __enter__(self) -> Browser:
        command = [find(), *FLAGS, f"--user-data-dir={self._profile}", "about:blank"]
        read_end, self._out = os.pipe()
        self._in, write_end = os.pipe()
        self._process = subprocess.Popen(
            [sys.executable, "-c", BECOME, str(read_end), str(write_end), *command],
            pass_fds=(read_end, write_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(read_end)
        os.close(write_end)
        try:
            target = self.call("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.call(f"{domain}.enable")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the browser, and our ends of the pipes."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self._in)
        os.close(self._out)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Return the result of a DevTools method; events that come meanwhile are kept in `events`."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        deadline = time.monotonic() + self.seconds
        while True:
            answer = self._receive(deadline)
            if answer.get("id") == self._number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def open(self, page: Path, width: int = 1280, height: int = 900, scheme: str = "light", media: str = "") -> None:
        """Load `page` in a window of that size, for a reader who prefers `scheme`, and wait until it has loaded."""
        self.events.clear()
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call(
            "Emulation.setEmulatedMedia", media=media, features=[{"name": "prefers-color-scheme", "value": scheme}]
        )
        self.call("Page.navigate", url=page.resolve().as_uri())
        deadline = time.monotonic() + self.seconds
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive(deadline))

    def evaluate(self, script: str) -> Any:
        """Return the value of a JavaScript expression; a promise is waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait_until(self, script: str) -> None:
        """Wait until a JavaScript expression is true; fail after the time limit."""
        deadline = time.monotonic() + self.seconds
        while not self.evaluate(f"Boolean({script})"):
            assert time.monotonic() < deadline, f"never true: {script}; console: {self.complaints()}"
            self.evaluate("new Promise(done => setTimeout(done, 20))")

    def screenshot(self, path: Path, selector: str | None = None) -> bytes:
        """Write the whole page, or the first element of `selector`, to `path` as PNG and return its bytes."""
        box = self.evaluate(f"""(() => {{
            const r = ({f"document.querySelector({json.dumps(selector)})" if selector else "document.documentElement"})
                .getBoundingClientRect();
            return {{x: r.x + scrollX, y: r.y + scrollY, width: r.width, height: r.height}} }})()""")
        shot = self.call(
            "Page.captureScreenshot", format="png", captureBeyondViewport=True, clip={**box, "scale": 1}
        )["data"]  # fmt: skip
        image = base64.b64decode(shot)
        path.write_bytes(image)
        return image

    def complaints(self) -> list[str]:
        """Return what the console said since the page was opened: exceptions, errors, warnings, refused loads."""
        said = []
        for event in self.events:
            match event.get("method"):
                case "Runtime.exceptionThrown":
                    said.append(str(event["params"]["exceptionDetails"]))
                case "Log.entryAdded" if event["params"]["entry"]["level"] in ("error", "warning"):
                    said.append(event["params"]["entry"]["text"])
                case "Runtime.consoleAPICalled" if event["params"]["type"] in ("error", "warning", "assert"):
                    said.append(str(event["params"]["args"]))
        return said

    def requests(self) -> list[str]:
        """Return the addresses that the page asked for since it was opened, itself included."""
        return [
            event["params"]["request"]["url"]
            for event in self.events
            if event.get("method") == "Network.requestWillBeSent"
        ]

    def _receive(self, deadline: float) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            ready, _, _ = select.select([self._in], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"Chromium did not answer within {self.seconds:.0f} s"
            piece = os.read(self._in, 1 << 20)
            assert piece, "Chromium went away"
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        loaded: dict[str, Any] = json.loads(message)
        return loaded
