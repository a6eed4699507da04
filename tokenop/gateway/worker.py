"""One of several processes on one port: told on stdin how to serve, and over when stdin ends."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tokenop.errors import TokenOpError
from tokenop.gateway.model import Settings

if TYPE_CHECKING:
    from tokenop.gateway.parts import Parts

_PATHS = ("root", "state", "config", "recordings", "metrics")


def told(settings: Settings, drain: int, listening: int, ready: int | None) -> bytes:
    """Return what a process is told: one line. `listening` and `ready` are handles that it inherits."""
    said: dict[str, Any] = {name: getattr(settings, name) for name in Settings.__slots__}
    said.update({name: None if said[name] is None else str(said[name]) for name in _PATHS}, env=dict(settings.env))
    return msgspec.json.encode({"settings": said, "drain": drain, "listening": listening, "ready": ready}) + b"\n"


def read(line: bytes) -> tuple[Settings, int, int, int | None]:
    """Return what `told` said."""
    all_told = msgspec.json.decode(line)
    said = all_told["settings"]
    said.update({name: None if said[name] is None else Path(said[name]) for name in _PATHS})
    return Settings(**said), all_told["drain"], all_told["listening"], all_told["ready"]


def main() -> int:
    """Serve as told on stdin. Returns the exit code."""
    settings, drain, listening, handle = read(_line())
    if handle is not None:
        os.set_inheritable(handle, False)

    def ready(parts: Parts, port: int) -> None:
        from tokenop.gateway import starting

        if settings.worker == 0 and handle is not None:
            with contextlib.suppress(OSError):  # as below
                sys.stdout.write("".join(f"{line}\n" for line in starting.lines(parts, port)))
                sys.stdout.flush()
            os.write(handle, b"1")
            os.close(handle)

    def tell(line: str) -> None:
        with contextlib.suppress(OSError):  # whoever read it may be gone: no reason to stop answering calls
            sys.stderr.write(f"tokenop: {line}\n")
            sys.stderr.flush()

    threading.Thread(target=_leave_with_the_one_above, daemon=True, name="above").start()
    try:
        from tokenop.gateway import serving

        serving.serve(settings, drain=drain, ready=ready, tell=tell, bound=socket.socket(fileno=listening))
    except TokenOpError as error:
        tell(str(error))
        return error.exit_code
    return 0


# stdin is read without Python's buffer: a thread that waits in it would not let the process end.
def _line() -> bytes:
    said = bytearray()
    while not said.endswith(b"\n"):
        piece = os.read(0, 65536)
        if not piece:
            break
        said += piece
    return bytes(said)


def _leave_with_the_one_above() -> None:
    while os.read(0, 4096):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
