"""Several collectors in one run: one log, whose totals are those of the parts."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from tokenop import database
from tokenop.database import quoted
from tokenop.settings import content

FOLDER = content("collectors")
NAMES = ("helicone", "langfuse", "langsmith", "litellm", "opentelemetry", "posthog")
TOKENS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
COUNTS = ("rows_in", "events", "duplicates", "rejected", "filtered")
Sums = dict[str, Decimal]


def sums(path: Path) -> Sums:
    """Return how many events the log holds, and what their tokens and costs add up to."""
    with database.connect() as connection:
        columns = ", ".join(f"{name}: 'VARCHAR'" for name in (*TOKENS, "cost_usd"))
        values = ", ".join(f"coalesce(sum(CAST({name} AS DECIMAL(38, 12))), 0)" for name in (*TOKENS, "cost_usd"))
        found = connection.execute(
            f"SELECT count(*), {values} FROM read_json({quoted(str(path))}, columns={{{columns}}}, "
            "format='newline_delimited')"
        ).fetchone()
    assert found
    return dict(zip(("events", *TOKENS, "cost_usd"), map(Decimal, found), strict=True))


def added(parts: list[Sums]) -> Sums:
    return {name: sum((part[name] for part in parts), Decimal(0)) for name in parts[0]}


@pytest.fixture(scope="module")
def collect(module_cli: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Any]:
    """Return a function that runs collectors over their samples: what discover says, and the sums of its log."""

    def run(*names: str) -> tuple[dict[str, Any], Sums]:
        folder = tmp_path_factory.mktemp("run")
        inputs = [part for name in names for part in ("--input", f"{name}={FOLDER / name / 'sample.jsonl'}")]
        ran = module_cli("discover", "--collectors", ",".join(names), *inputs, "--out", folder, "--json")
        assert ran.exit_code == 0, ran.stderr
        return json.loads(ran.stdout), sums(folder / "events.jsonl")

    return run


@pytest.fixture(scope="module")
def alone(collect: Callable[..., Any]) -> dict[str, tuple[dict[str, Any], Sums]]:
    """Return each collector's own run."""
    return {name: collect(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_discover_writes_what_the_collector_is_expected_to_find(alone: dict[str, Any], name: str) -> None:
    assert alone[name][1] == sums(FOLDER / name / "expected.jsonl")


# The next test holds the same of all six at once.
@pytest.mark.thorough
@pytest.mark.parametrize("names", list(combinations(NAMES, 2))[::4], ids="+".join)
def test_two_sources_at_once_give_one_log_whose_totals_equal_the_parts(
    collect: Callable[..., Any], alone: dict[str, Any], names: tuple[str, ...]
) -> None:
    said, together = collect(*names)
    assert together == added([alone[name][1] for name in names])
    for count in COUNTS:
        assert said[count] == sum(alone[name][0][count] for name in names)


def test_all_sources_at_once_give_one_log_whose_totals_equal_the_parts(
    collect: Callable[..., Any], alone: dict[str, Any]
) -> None:
    said, together = collect(*NAMES)
    assert together == added([part for _, part in alone.values()])
    assert said["rows_in"] == sum(said[name] for name in COUNTS[1:])


def test_the_order_of_the_sources_does_not_matter(collect: Callable[..., Any]) -> None:
    assert collect("litellm", "langfuse")[1] == collect("langfuse", "litellm")[1]
