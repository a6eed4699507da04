"""Values at the ends of their types, in every field that a mapping reads: rejected or unknown, never a crash."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.collect.exports import write
from tests.collect.reading import Read
from tokenop.settings import content

FOLDER = content("collectors")
EXTREMES: list[Any] = [
    9223372036854775807,
    -9223372036854775808,
    10**40,
    1e308,
    "1e400",
    "NaN",
    "infinity",
    "290000-01-01 00:00:00+00",
    "290000-01-01 (BC) 00:00:00+00",
    "",
    [],
    {},
    True,
]


def with_each_value_at_its_end(value: Any, extreme: Any) -> list[Any]:
    """Return `value` once for each value in it, that one replaced by `extreme`."""
    if isinstance(value, str) and value.startswith("{"):
        return [json.dumps(other) for other in with_each_value_at_its_end(json.loads(value), extreme)]
    if not isinstance(value, dict):
        return [extreme]
    return [value | {key: other} for key in value for other in with_each_value_at_its_end(value[key], extreme)]


def with_all_values_at_their_end(value: Any, extreme: Any) -> Any:
    """Return `value` with all numbers in it replaced by `extreme`."""
    if isinstance(value, str) and value.startswith("{"):
        return json.dumps(with_all_values_at_their_end(json.loads(value), extreme))
    if isinstance(value, dict):
        return {key: with_all_values_at_their_end(other, extreme) for key, other in value.items()}
    return extreme if isinstance(value, (int, float)) and not isinstance(value, bool) else value


@pytest.mark.parametrize("name", ["litellm", "posthog", "langsmith", "langfuse", "helicone"])
def test_no_value_breaks_the_reading_and_no_row_is_lost(name: str, tmp_path: Path) -> None:
    lines = (FOLDER / name / "sample.jsonl").read_text(encoding="utf-8").splitlines()
    # the samples hold rows with JSON that is cut short, too
    whole = [
        row
        for row in map(json.loads, lines)
        if not any(str(value).count("{") != str(value).count("}") for value in row.values())
    ]
    rows = [
        other for row in whole[:4] for extreme in EXTREMES for other in with_each_value_at_its_end(row, extreme)
    ] + [with_all_values_at_their_end(row, extreme) for row in whole for extreme in EXTREMES]
    for number, row in enumerate(rows):
        row |= {key: f"{number}" for key in ("request_id", "uuid", "id") if isinstance(row.get(key), str)}
    found = Read(FOLDER / name, write(tmp_path, rows), tmp_path / "scratch")
    assert found.counts.rows_in == len(rows) > 500
    assert found.counts.events > 50
    assert found.counts.rejected > 50
