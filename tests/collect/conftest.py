"""Fixtures of the collector tests."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest


class Ran(NamedTuple):
    """What a collector made of some files: the counts, the events and the quarantine as dicts."""

    found: Any
    events: list[dict[str, Any]]
    rejected: list[dict[str, Any]]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        return self.found.events, self.found.duplicates, self.found.rejected, self.found.filtered


@pytest.fixture(scope="session")
def run_collector(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Ran]:
    """Return a function that runs one collector over files, without writing any output."""

    def run_one(*paths: Path, collector: str = "manual", folder: Path | None = None, **options: Any) -> Ran:
        from tokenop import database
        from tokenop.collect import engine, manifest, run, sources
        from tokenop.collect.options import parse

        parsed = parse(**options)
        scratch = tmp_path_factory.mktemp("scratch")
        chosen = manifest.load(folder) if folder else manifest.find(collector)
        with database.connect() as connection:
            files = sources.find(chosen, paths, scratch)
            collected = engine.collect(connection, chosen, files, parsed, scratch)
            run.settle(connection, [collected], parsed)
            found = run.count(connection, [collected])
            events = _dicts(
                connection,
                "SELECT * EXCLUDE (ts), strftime(ts AT TIME ZONE 'UTC', '%Y-%m-%dT%H:%M:%S.%fZ') AS ts "
                "FROM settled WHERE _status = 'event' ORDER BY settled.ts, id",
            )
            rejected = _dicts(connection, "SELECT * FROM quarantined ORDER BY file, line, rule")
        return Ran(found, events, rejected)

    return run_one


def _dicts(connection: Any, sql: str) -> list[dict[str, Any]]:
    cursor = connection.execute(sql)
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
