"""Users whose calls go to local providers alone for a while, since they suddenly spent much more than they use to.

One file says who, for all processes; another keeps what was noticed. Who is told here what is new in them reads them
when they change, never while a call waits.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from tokenop import files
from tokenop.gateway.budgets.recount import PICO

FILE, ANOMALIES, BASELINES, LOCK = "throttled.json", "anomalies.jsonl", "baselines.json", "throttle.lock"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class Spike:
    """What was noticed: money in pico-dollars, times in seconds since 1970. `hour` is the one in which it was spent."""

    user: str
    spent: int
    baseline: int
    most: int
    hour: int
    since: int
    until: int

    def as_json(self) -> dict[str, Any]:
        """Return it as the files say it."""
        return {
            "type": "cost_spike",
            "user_id": self.user,
            "reason": "spent more in an hour than is usual",
            "spent_usd": _usd(self.spent),
            "baseline_usd": _usd(self.baseline),
            "limit_usd": _usd(self.most),
            "hour": _iso(self.hour),
            "since": _iso(self.since),
            "until": _iso(self.until),
        }


@dataclass(frozen=True, slots=True)
class Throttled:
    """Who is slowed down, with all that is said of it, and who is not judged again in which hour."""

    users: Mapping[str, Mapping[str, Any]]
    cleared: Mapping[str, int]

    def until(self, user: str, second: float) -> int | None:
        """Return when a user's calls are free again, in seconds since 1970; None where they are."""
        entry = self.users.get(user)
        if entry is None:
            return None
        end = int(entry["until_s"])
        return end if second < end else None


def read(folder: Path) -> Throttled:
    """Return what the file says; nobody where there is none, or none that can be read."""
    try:
        said: Any = msgspec.json.decode((folder / FILE).read_bytes())
        users = {str(name): entry for name, entry in said["users"].items() if isinstance(entry["until_s"], int)}
        return Throttled(users, {str(name): int(hour) for name, hour in said["cleared"].items()})
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
        return Throttled({}, {})


def slow_down(folder: Path, spikes: list[Spike]) -> None:
    """Add users, and keep what was noticed. What another process noticed in the same hour is not told twice.

    Raises:
        InputError: the file cannot be written.
        OSError: the anomalies cannot.
    """
    with _alone(folder):
        before = read(folder)
        new = [one for one in spikes if _is_news(before, one)]
        if not new:
            return
        now = max(one.since for one in new)
        kept = {name: entry for name, entry in before.users.items() if entry["until_s"] > now}
        kept |= {one.user: {**one.as_json(), "hour_s": one.hour, "until_s": one.until} for one in new}
        _write(folder, kept, {name: hour for name, hour in before.cleared.items() if hour + 7200 > now})
        with (folder / ANOMALIES).open("a", encoding="utf-8", newline="\n") as file:
            for one in new:
                file.write(json.dumps({"ts": _iso(one.since), **one.as_json()}, ensure_ascii=False) + "\n")


def clear(folder: Path, user: str, now: float) -> bool:
    """Free a user, who is then not judged again in this hour. False where the user was free.

    Raises:
        InputError: the file cannot be written.
    """
    with _alone(folder):
        before = read(folder)
        if before.until(user, now) is None:
            return False
        users = {name: entry for name, entry in before.users.items() if name != user}
        _write(folder, users, {**before.cleared, user: int(now) - int(now) % 3600})
    return True


def baselines(folder: Path) -> dict[str, int]:
    """Return what the hours of users usually cost, in pico-dollars; users of whom too little is known are not in it."""
    try:
        said: Any = msgspec.json.decode((folder / BASELINES).read_bytes())
        return {str(name): int(mean) for name, mean in said["users"].items()}
    except (OSError, msgspec.DecodeError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def changed(folder: Path) -> tuple[tuple[int, int], ...]:
    """Return something that is another after either file was replaced."""
    return tuple(_stamp(folder / name) for name in (FILE, BASELINES))


def _is_news(before: Throttled, spike: Spike) -> bool:
    entry = before.users.get(spike.user)
    known = entry is not None and (entry.get("hour_s") == spike.hour or entry["until_s"] >= spike.until)
    return not known and before.cleared.get(spike.user) != spike.hour


def _write(folder: Path, users: Mapping[str, Any], cleared: Mapping[str, int]) -> None:
    document = {"version": _VERSION, "users": dict(sorted(users.items())), "cleared": dict(sorted(cleared.items()))}
    files.write_text(folder / FILE, json.dumps(document, ensure_ascii=False, indent=2) + "\n")


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_ino


def _usd(pico: int) -> float:
    return round(pico / PICO, 6)


def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat().replace("+00:00", "Z")
