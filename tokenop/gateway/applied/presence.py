"""What each running gateway says of itself in the state folder, for other processes of this machine.

A file `run/<pid>.json` tells what is served. Beside it stands a lock that the system takes away with the process,
however it ends: numbers of processes are used again, so a number alone proves nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tokenop import files
from tokenop.errors import InputError

FOLDER = "run"
LARGEST = 1 << 20
_TRIES = 100


class Presence:
    """This process among those that run."""

    def __init__(self, state: Path) -> None:
        """Take a name in the folder `run` of `state`.

        Raises:
            InputError: the folder cannot be written.
        """
        self._folder = state / FOLDER
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock, self._name = self._taken()
        except OSError as error:
            raise InputError(f"{self._folder}: cannot be written: {error.strerror or error}") from error

    @property
    def path(self) -> Path:
        """Return the file that tells what this process serves."""
        return self._folder / f"{self._name}.json"

    def tell(self, what: Mapping[str, Any]) -> None:
        """Say what is served now.

        Raises:
            InputError: it cannot be written.
        """
        files.write_text(self.path, json.dumps(what, indent=2, ensure_ascii=False) + "\n")

    def leave(self) -> None:
        """Take the file away."""
        for path in (self.path, self._folder / f"{self._name}.lock"):
            with contextlib.suppress(OSError):
                path.unlink()
        with contextlib.suppress(OSError):
            os.close(self._lock)

    def _taken(self) -> tuple[int, str]:
        # Containers that share a state folder may all run as process 1.
        for number in range(_TRIES):
            name = f"{os.getpid()}-{number}" if number else str(os.getpid())
            handle = _locked(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT)
            if handle is not None:
                return handle, name
        raise OSError(None, "no name is free")


def living(state: Path) -> tuple[dict[str, Any], ...]:
    """Return what every running gateway says of itself, in the order of their starts. Files of dead ones go."""
    found = []
    for path in sorted((state / FOLDER).glob("*.json")):
        lock = path.with_suffix(".lock")
        try:
            dead = _locked(lock, os.O_RDWR)
        except FileNotFoundError:  # it is leaving right now, or did not come from here
            continue
        except OSError:
            continue  # another user's: nothing is known of it
        if dead is not None:
            for left in (path, lock):
                with contextlib.suppress(OSError):
                    left.unlink()
            os.close(dead)
            continue
        said = _said(path)
        if said is not None:
            found.append(said)
    return tuple(sorted(found, key=lambda one: (str(one.get("started")), str(one.get("pid")))))


def _said(path: Path) -> dict[str, Any] | None:
    try:
        with path.open("rb") as file:
            said = json.loads(file.read(LARGEST))
    except (OSError, ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) else None


def _locked(path: Path, flags: int) -> int | None:
    """Return a handle of the file, locked; None where a process that lives holds it."""
    import fcntl

    handle = os.open(path, flags | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    except OSError:
        os.close(handle)
        raise
    return handle
