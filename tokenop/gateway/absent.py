"""What stands in for a part that is not there: everything is open, nothing is kept or counted."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from tokenop.gateway.model import Call, Event, Grant, Hit, Identity, Outcome, Serving
from tokenop.providers.base import Target
from tokenop.providers.model import Request
from tokenop.routing.chain import as_json

NOBODY = Identity()


class OpenDoor:
    """Lets everybody in. For the loopback address alone."""

    def identify(self, headers: Mapping[str, str]) -> Identity:  # noqa: ARG002 nothing is looked at
        """Return an identity of which nothing is known."""
        return NOBODY

    def welcomes(self, origin: str) -> bool:  # noqa: ARG002 nothing is looked at
        """Welcome no page."""
        return False


class NoPurse:
    """Counts nothing."""

    def reserve(self, call: Call, chain: Sequence[Target]) -> Grant:  # noqa: ARG002 nothing is looked at
        """Return leave to ask all of `chain`."""
        return Grant(tuple(chain))

    def spent(self, call: Call, event: Event) -> None:
        """Do nothing."""

    def release(self, call: Call) -> None:
        """Do nothing."""


class NoCache:
    """Keeps no answers."""

    async def look_up(self, call: Call) -> Hit | None:  # noqa: ARG002 nothing is looked at
        """Return None."""
        return None

    def keep(self, call: Call, outcome: Outcome) -> None:
        """Do nothing."""


class NoBreakpoints:
    """Leaves requests as they are."""

    def prepared(self, call: Call, target: Target, request: Request) -> Request:  # noqa: ARG002 nothing is looked at
        """Return `request` itself."""
        return request

    def seen(self, call: Call, outcome: Outcome) -> None:
        """Do nothing."""


class PlainLog:
    """Writes events to one file, a line each. Waits for the disk: for trying things out alone."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[str] = path.open("a", encoding="utf-8")

    def append(self, event: Event) -> None:
        """Write one event."""
        try:
            self._file.write(as_json(event) + "\n")
            self._file.flush()
        except OSError as error:
            sys.stderr.write(f"tokenop: the log cannot be written: {error.strerror}\n")

    async def settled(self) -> None:
        """Return at once: what was appended was written."""

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class Fixed:
    """Holds one config for ever."""

    def __init__(self, serving: Serving) -> None:
        self.current = serving
