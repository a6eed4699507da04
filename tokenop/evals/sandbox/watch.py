"""Telling what a program tries that it must not. The walls hold without this; this gives their breaches a name."""

from __future__ import annotations

import sys
from collections.abc import Callable

_MOST = 20
# The beginning of an audit event's name → what it means.
_TRIES = {
    "os.fork": "start a process", "os.forkpty": "start a process", "os.posix_spawn": "start a program",
    "os.spawn": "start a program", "os.system": "start a program", "os.startfile": "start a program",
    "os.exec": "start a program", "subprocess.": "start a program", "pty.": "start a program",
    "_thread.start": "start a thread", "socket.": "open the network", "os.kill": "send a signal",
    "signal.pthread_kill": "send a signal", "ctypes.": "reach behind Python", "syslog.": "write to the system's log",
    "resource.": "change its limits",
}  # fmt: skip
_FILES = {
    "open": "open", "os.listdir": "list", "os.scandir": "list", "os.chdir": "go to", "os.mkdir": "make",
    "os.remove": "remove", "os.rmdir": "remove", "os.rename": "rename", "os.link": "link", "os.symlink": "link",
    "os.truncate": "truncate", "os.chmod": "change", "os.chown": "change", "os.utime": "change",
    "os.setxattr": "change", "shutil.rmtree": "remove", "shutil.copyfile": "copy", "shutil.move": "move",
    "sqlite3.connect": "open", "glob.glob": "list",
}  # fmt: skip
# Python itself looks there for the lines of a SyntaxError, of a warning and of a stack. It gets none.
_ITS_OWN = ("<answer>", "<harness>", "<string>", __file__.removesuffix("watch.py"))
_NOT_THERE = ("..", "/site-packages", "/dist-packages")
_WRITING = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC, O_APPEND


def watch(tell: Callable[[str], None], roots: tuple[str, ...]) -> None:
    """Call `tell` with each thing that is tried, and refuse it; below `roots` files may be read."""
    told: list[str] = []

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        what = _what(event, arguments, roots)
        if what is None:
            return
        if what not in told and len(told) < _MOST:
            told.append(what)
            tell(what)
        raise PermissionError(f"not allowed here: {what}")

    sys.addaudithook(hook)


def _what(event: str, arguments: tuple[object, ...], roots: tuple[str, ...]) -> str | None:
    if event in _FILES:
        return _about_file(event, arguments, roots)
    return next((tried for start, tried in _TRIES.items() if event.startswith(start)), None)


def _about_file(event: str, arguments: tuple[object, ...], roots: tuple[str, ...]) -> str | None:
    path = arguments[0] if arguments else ""
    name = path.decode(errors="replace") if isinstance(path, bytes) else str(path)
    if event == "sqlite3.connect" and name == ":memory:":
        return None
    flags = arguments[2] if event == "open" and len(arguments) > 2 and isinstance(arguments[2], int) else 0
    reading = event in ("open", "os.listdir", "os.scandir") and not flags & _WRITING
    if reading and name.startswith(_ITS_OWN):
        return None
    if reading and name.startswith(roots) and not any(part in name for part in _NOT_THERE):
        return None
    return f"{'write' if flags & _WRITING else _FILES[event]} {name[:100]}"
