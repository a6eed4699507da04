"""What is told of the log: that it cannot be written, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from tokenop.errors import TokenOpError


class LogError(TokenOpError):
    """Events cannot be brought to disk. They wait in memory; who must be sure that they are there cannot be."""


@dataclass(frozen=True, slots=True)
class Health:
    """How the log is.

    `waiting` rows (of `waiting_bytes`) are in memory only; `written` are in files. `lost` rows were given up because
    too many waited, `refused` could not be put in words at all. `error` is why rows wait, since `since`.
    """

    waiting: int
    waiting_bytes: int
    written: int
    lost: int
    refused: int
    error: str | None
    since: datetime | None
    segment: Path | None
    durable: bool

    def told(self) -> dict[str, Any]:
        """Return it as `/healthz` says it. Of a durable log that cannot be written, no call can be answered."""
        told: dict[str, Any] = {"ok": self.error is None}
        if self.error is not None and self.since is not None:
            told |= {"error": self.error, "failing_since": self.since.isoformat(timespec="seconds")}
            told |= {"fatal": True} if self.durable else {}
        names = ("waiting", "waiting_bytes", "written", "lost", "refused", "durable")
        return told | {name: getattr(self, name) for name in names}
