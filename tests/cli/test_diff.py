"""`tokenop diff` on the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenop.reports.relations import KEYS, MEASURES

HEADER = ",".join((*KEYS, *MEASURES))
BEFORE = [
    "2026-10-01,acme,support,openai,gpt-4o,10,1000,0,0,200,0.1",
    "2026-10-01,acme,coding,openai,gpt-4o,5,500,0,0,100,0.2",
    "2026-10-02,'=globex,support,house,our-model,7,700,0,0,70,",
]
AFTER = [
    "2026-10-01,acme,support,openai,gpt-4o-mini,10,1000,0,0,200,0.05",
    "2026-10-01,acme,coding,openai,gpt-4o,5,500,0,0,100,0.2",
    "2026-10-02,'=globex,support,house,our-model,7,700,0,0,70,",
]


@pytest.fixture
def compare(tmp_path: Path, run_cli: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that writes two projections and compares them."""

    def run(*options: str, before: list[str] = BEFORE, after: list[str] = AFTER, header: str = HEADER) -> Any:
        for name, rows in (("a.csv", before), ("b.csv", after)):
            (tmp_path / name).write_text("\r\n".join([header, *rows, ""]), encoding="utf-8", newline="")
        return run_cli("diff", "--baseline", tmp_path / "a.csv", "--optimized", tmp_path / "b.csv", *options)

    return run


def test_totals_and_movers_are_signed(compare: Callable[..., Any]) -> None:
    result = compare("--json")
    assert result.exit_code == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["delta"]["cost_usd"] == -0.05
    moves = {move["key"]["model"]: move["delta"]["cost_usd"] for move in found["moves"]}
    assert moves == {"gpt-4o": -0.1, "gpt-4o-mini": 0.05, "our-model": None}


def test_the_table_shows_the_largest_change_first_and_the_total_last(compare: Callable[..., Any]) -> None:
    result = compare("--by", "model,intent")
    assert result.exit_code == 0
    lines = [line for line in result.stdout.splitlines() if "gpt-4o" in line]
    assert lines[0].split()[0] == "gpt-4o"
    assert "−$0.10" in lines[0]
    assert "−$0.05" in result.stdout.splitlines()[-2] or "−$0.050" in result.stdout.splitlines()[-2]


def test_a_name_that_was_neutralised_is_shown_as_it_is(compare: Callable[..., Any]) -> None:
    found = json.loads(compare("--json", "--by", "tenant").stdout)
    assert {move["key"]["tenant"] for move in found["moves"]} == {"acme", "=globex"}


def test_equal_files_differ_by_nothing(compare: Callable[..., Any]) -> None:
    found = json.loads(compare("--json", after=BEFORE).stdout)
    assert found["delta"]["cost_usd"] == 0


def test_sums_are_exact(compare: Callable[..., Any]) -> None:
    row = "2026-10-01,t,i,p,m,1,1,0,0,1,0.1"
    found = json.loads(compare("--json", before=[row] * 10, after=[row] * 7).stdout)
    assert found["before"]["cost_usd"] == 1.0
    assert found["delta"]["cost_usd"] == -0.3


def test_every_bad_cell_is_named_with_file_and_line(compare: Callable[..., Any]) -> None:
    bad = [
        "2026-10-01,acme,support,openai,gpt-4o,ten,1000,0,0,200,0.1",
        '2026-10-01,"two\nlines",support,openai,gpt-4o,1,1000,0,0,200,NaN',
        "01.10.2026,acme,support,openai,gpt-4o,1,1000,0,0,200,0.1",
        "2026-10-01,acme",
        "2026-10-01,a,b,c,d,1,1,0,0,1,1e999999",
    ]
    result = compare(before=bad)
    assert result.exit_code == 1
    for place in ("a.csv:2: calls:", "a.csv:3: cost_usd:", "a.csv:5: day:", "a.csv:6: row:", "a.csv:7: cost_usd:"):
        assert place in result.stderr
    assert result.stdout == ""


def test_findings_are_capped_with_a_count_of_the_rest(compare: Callable[..., Any]) -> None:
    result = compare(before=["2026-10-01,a,b,c,d,x,1,0,0,1,1"] * 250)
    assert result.exit_code == 1
    assert "150 more findings" in result.stderr


def test_a_missing_column_is_named(compare: Callable[..., Any]) -> None:
    result = compare(header=HEADER.replace("cost_usd", "cost"))
    assert result.exit_code == 1
    assert "a.csv:1: cost_usd: csv-column" in result.stderr


def test_zero_rows_exit_with_three(compare: Callable[..., Any], tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    assert compare(before=[]).exit_code == 3
    (tmp_path / "a.csv").write_bytes(b"")
    assert run_cli("diff", "--baseline", tmp_path / "a.csv", "--optimized", tmp_path / "b.csv").exit_code == 3


@pytest.mark.parametrize("content", [b"\xff\xfe", HEADER.encode() + b'\n"open', HEADER.encode() + b"\n\0\n"])
def test_what_is_no_csv_is_an_expected_error(
    compare: Callable[..., Any], tmp_path: Path, run_cli: Callable[..., Any], content: bytes
) -> None:
    compare()
    (tmp_path / "a.csv").write_bytes(content)
    result = run_cli("diff", "--baseline", tmp_path / "a.csv", "--optimized", tmp_path / "b.csv")
    assert result.exit_code == 1
    assert "a.csv" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_file_that_is_not_there_and_a_folder_are_expected_errors(tmp_path: Path, run_cli: Callable[..., Any]) -> None:
    for path in (tmp_path / "none.csv", tmp_path):
        result = run_cli("diff", "--baseline", path, "--optimized", path)
        assert result.exit_code == 1
        assert str(path) in result.stderr


def test_a_byte_order_mark_is_tolerated(compare: Callable[..., Any]) -> None:
    assert compare(header="\ufeff" + HEADER).exit_code == 0


def test_an_unknown_grouping_is_misuse(compare: Callable[..., Any]) -> None:
    result = compare("--by", "colour")
    assert result.exit_code == 2
    assert "colour" in result.stderr


amounts = st.decimals(allow_nan=False, allow_infinity=False, places=12, min_value=-(10**9), max_value=10**9)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
@given(st.lists(amounts, min_size=1, max_size=8), st.lists(amounts, min_size=1, max_size=8))
def test_the_change_is_after_minus_before_and_reverses(compare: Callable[..., Any], first: Any, second: Any) -> None:
    rows = [
        [f"2026-10-01,t,i,p,m{place},1,1,0,0,1,{amount:f}" for place, amount in enumerate(side)]
        for side in (first, second)
    ]
    there = json.loads(compare("--json", before=rows[0], after=rows[1]).stdout)
    back = json.loads(compare("--json", before=rows[1], after=rows[0]).stdout)
    assert there["delta"]["cost_usd"] == pytest.approx(float(sum(second) - sum(first)), abs=2e-6)
    assert there["delta"]["cost_usd"] == -back["delta"]["cost_usd"]
