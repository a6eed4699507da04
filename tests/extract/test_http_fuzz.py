"""Answers that nobody expects: each source ends with rows or with an error of ours, and nothing planted is kept."""

from __future__ import annotations

import copy
import json
from random import Random
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.loopback import Answer, Got
from tests.extract.sessions import day, fetch, opened, stream_of
from tests.extract.vendors import VENDORS
from tokenop.errors import TokenOpError
from tokenop.extract import retry
from tokenop.extract.model import Window

ODD: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, "", "x" * 5000, [], {}, [None], [[]], {"a": {"b": 1}}, "\ud83d", "2026-13-45", "\u0000",
)  # fmt: skip


def mutated(value: Any, random: Random) -> Any:
    """Return a copy of a JSON value with one place changed, removed or added."""
    changed = copy.deepcopy(value)
    place, steps = changed, random.randrange(1, 6)
    for _ in range(steps):
        if isinstance(place, dict) and place:
            key: Any = random.choice(sorted(place))
        elif isinstance(place, list) and place:
            key = random.randrange(min(len(place), 3))
        else:
            break
        if random.random() < 0.35 or not isinstance(place[key], dict | list) or not place[key]:
            if random.random() < 0.2:
                del place[key]
            else:
                place[key] = random.choice(ODD)
            break
        place = place[key]
    return changed


@pytest.mark.parametrize("name", sorted(VENDORS))
def test_mutated_answers_end_in_rows_or_in_an_error(
    name: str, serve: Any, waits: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry.Policy.__init__, "__defaults__", (2, 1.0, 60.0, 900.0, 1800.0))
    vendor, random = VENDORS[name](), Random(f"fuzz {name}")
    asked: list[int] = []

    def answer(got: Got) -> Any:
        asked.append(1)
        if len(asked) > 60:
            return Answer(400, {})  # a mutated answer may promise pages without end
        found = vendor(got)
        return mutated(found, random) if random.random() < 0.6 else found

    server = serve(answer)
    stream = stream_of(name, vendor.stream)
    ended = {"rows": 0, "error": 0}
    said: list[str] = []
    session = opened(name, vendor.environment(server.url), waits)
    for _ in range(60):
        asked.clear()
        try:
            rows = fetch(session, stream, Window(day(0), day(1)))
            ended["rows"] += 1
            assert CANARY not in json.dumps(rows)
            assert all(set(row) <= set(stream.columns) for row in rows)
        except TokenOpError as error:
            ended["error"] += 1
            said.append(str(error))
    session.close()

    assert vendor.secret not in str(said)
    assert min(ended.values()) > 0, ended
