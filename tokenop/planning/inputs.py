"""Opening what a plan works on: a log of events, or a shared workload."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop import settings
from tokenop.errors import MisuseError, NoInputError

if TYPE_CHECKING:
    import duckdb

    from tokenop.evidence.model import Evidence
    from tokenop.inventory.model import Inventory
    from tokenop.prices.book import PriceBook
    from tokenop.profile.window import Window

DEFAULT_LOGS = ("events.jsonl", "events.parquet")
DEFAULT_INVENTORY = "inventory.yaml"


@dataclass(frozen=True)
class Opened:
    """A relation `calls` and where it comes from."""

    window: Window
    coverage: Mapping[str, object]
    inputs: Mapping[str, object]
    scalars: Mapping[str, Any] | None = None  # of a shared workload: computed on the events it was made from
    sample: bool | None = None


def default_log(folder: Path) -> Path:
    """Return the event log in `folder`.

    Raises:
        NoInputError: there is none; the message says how to make one.
    """
    for name in DEFAULT_LOGS:
        if (folder / name).is_file():
            return folder / name
    raise NoInputError(
        "there is no events.jsonl or events.parquet here: run `tokenop discover`, name a log with --events, "
        "or see it work with `tokenop demo`"
    )


def open_events(connection: duckdb.DuckDBPyConnection, book: PriceBook, path: Path, scratch: Path) -> Opened:
    """Create the relation `calls` from a log of events.

    Raises:
        FindingsError: the log has bad rows.
        NoInputError: it is empty.
    """
    from tokenop.events.log import open_log
    from tokenop.prices import calls
    from tokenop.profile import window

    log = open_log(connection, path, "events", scratch)
    coverage = calls.create(connection, book, "events", "calls")
    spread = window.of(connection, "calls")
    if spread is None:
        raise NoInputError(f"{path}: holds no event")
    return Opened(spread, coverage.as_dict(), {"kind": "events", "events_hash": log.content_hash})


def open_nothing(connection: duckdb.DuckDBPyConnection, book: PriceBook) -> Opened:
    """Create the relation `calls` without a row, for a plan of an inventory alone. The window is a month."""
    from tokenop.events import schema
    from tokenop.prices import calls
    from tokenop.profile.window import HOURS_PER_MONTH, Window

    columns = ", ".join(f"{name} {kind}" for name, kind in schema.types().items())
    connection.execute(f"CREATE OR REPLACE TEMP TABLE events ({columns})")
    coverage = calls.create(connection, book, "events", "calls")
    start = datetime(1970, 1, 1, tzinfo=UTC)
    month = Window(start, start + timedelta(hours=HOURS_PER_MONTH))
    return Opened(month, coverage.as_dict(), {"kind": "inventory", "events_hash": None}, sample=False)


def open_shared(connection: duckdb.DuckDBPyConnection, path: Path) -> Opened:
    """Create the relation `calls` from a shared workload (`tokenop profile --shareable`).

    Raises:
        FindingsError: the file is no such workload.
    """
    from tokenop.profile import workload

    info = workload.open_workload(connection, path, "calls")
    sources = {"kind": "workload", "events_hash": info.events_hash, "suppressed_calls": info.suppressed_calls}
    return Opened(info.window, info.coverage, sources, info.scalars, info.sample)


@dataclass(frozen=True)
class Fleet:
    """The inventory that a plan works on, if any, and where it comes from."""

    inventory: Inventory | None
    inputs: Mapping[str, object]
    path: Path | None = None


def open_inventory(named: Path | None, beside: Path | None) -> Fleet:
    """Return the inventory that is named, or `inventory.yaml` in the folder of `beside` (or here), or none.

    Raises:
        FindingsError: the file is no inventory; each error is named with its line.
        InputError: it cannot be read.
    """
    path = named
    folder = Path.cwd() if beside is None else beside.parent
    if path is None and (folder / DEFAULT_INVENTORY).is_file():
        path = folder / DEFAULT_INVENTORY
    if path is None:
        return Fleet(None, {})
    import tokenop.inventory

    inventory = tokenop.inventory.read(path)
    return Fleet(inventory, {"inventory_hash": hashlib.sha256(path.read_bytes()).hexdigest()[:32]}, path)


def choose_log(events: Path | None, workload: Path | None, inventory: Path | None = None) -> Path | None:
    """Return the log to open, None where a workload is given, or where there is an inventory and no log.

    Raises:
        MisuseError: both are given.
        NoInputError: neither is, and there is no log here, nor an inventory.
    """
    if events and workload:
        raise MisuseError("give either --events or --workload, not both")
    if workload or events:
        return events
    here = Path.cwd()
    if (inventory or (here / DEFAULT_INVENTORY).is_file()) and not any(
        (here / name).is_file() for name in DEFAULT_LOGS
    ):
        return None
    return default_log(here)


def evidence_beside(templates: Path) -> Evidence:
    """Return what people reported about the templates of a folder: `validations/` beside it, else the shipped one."""
    from tokenop.evidence import read

    beside = templates.absolute().parent / "validations"
    return read.load(beside if beside.is_dir() else settings.content("validations"))


def commit_of(folder: Path) -> str | None:
    """Return the git commit that `folder` is checked out at, None outside a checkout or without git."""
    try:
        done = subprocess.run(  # noqa: S603 fixed arguments, and a path of ours
            ["git", "-C", str(folder), "rev-parse", "HEAD"],  # noqa: S607 git is where the user has it
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() or None if done.returncode == 0 else None
