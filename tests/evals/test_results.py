"""Files of results: whole, the same for the same, strict when read; the database and the baseline that come of them."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.evals.outcomes import outcome
from tokenop.errors import FindingsError, InputError, MisuseError, NoInputError
from tokenop.evals import baseline, results, store
from tokenop.evals.model import Outcome
from tokenop.evals.results import Asking, Line, Part, RunInfo
from tokenop.providers.model import Usage

WHEN = datetime(2026, 3, 1, 12, tzinfo=UTC)


def info(started: datetime = WHEN, **more: Any) -> RunInfo:
    run_id = results.run_id_of(started, ("x",))
    return RunInfo(run_id, started, "c.yaml", "1" * 64, "2" * 64, ("T1",), 1, "live", **more)


def some(number: int) -> list[Outcome]:
    usage = Usage(100, 5, 20)
    costs = [Decimal("0.000001"), None]
    return [
        outcome(f"t1-{n}", ("pass", "fail", "infrastructure")[n % 3], usage=usage, cost_usd=costs[n % 2],
                latency_ms=float(n))
        for n in range(number)
    ]  # fmt: skip


outcomes = st.builds(
    outcome,
    st.text("abc-1", min_size=1, max_size=8),
    st.sampled_from(["pass", "fail", "infrastructure"]),
    st.integers(0, 3),
    check_detail=st.text(max_size=40),
    cost_usd=st.none() | st.decimals(0, 10, places=9),
    latency_ms=st.none() | st.floats(0, 1e6),
    usage=st.builds(Usage, st.none() | st.integers(0, 10**9), st.none() | st.integers(0, 10**9)),
)


@given(st.lists(outcomes, max_size=12, unique_by=lambda one: (one.task, one.repeat)), st.randoms())
@settings(max_examples=40, deadline=None)
def test_what_is_written_is_read_and_the_order_of_coming_does_not_matter(
    tmp_path_factory: pytest.TempPathFactory, found: list[Outcome], random: Any
) -> None:
    one, other = (tmp_path_factory.mktemp("runs") for _ in range(2))
    path = results.write(one, info(), found)
    random.shuffle(found)
    assert results.write(other, info(), found).read_bytes() == path.read_bytes()
    read = results.read(path)
    assert read.info == info()
    assert list(read.outcomes) == results.ordered(found)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"outcome": {"task": 1}}', "2"),
        (b"not json", "2"),
        (b'{"outcome": {"\xff', "2"),
        (b"{}", "neither a run nor an outcome"),
        (b"[" * 100_000, "2"),
        (b"null", "2"),
    ],
)
def test_a_line_that_is_none_is_named(tmp_path: Path, line: bytes, message: str) -> None:
    path = results.write(tmp_path, info(), [])
    path.write_bytes(path.read_bytes() + line + b"\n")
    with pytest.raises(FindingsError, match=message) as raised:
        results.read(path)
    assert raised.value.findings[0].line == 2


def test_an_escape_sequence_in_a_broken_line_does_not_reach_the_terminal(tmp_path: Path) -> None:
    path = results.write(tmp_path, info(), [])
    path.write_bytes(path.read_bytes() + b'{"outcome": {"task": "\\u001b[2J", "result": "\\u001b[2J"}}\n')
    with pytest.raises(FindingsError) as raised:
        results.read(path)
    assert "\x1b" not in str(raised.value)


def test_two_outcomes_of_one_task_are_refused(tmp_path: Path) -> None:
    path = results.write(tmp_path, info(), [outcome("t", "pass"), outcome("t", "fail")])
    with pytest.raises(FindingsError, match="two outcomes of t"):
        results.read(path)


def test_a_run_is_found_by_the_beginning_of_its_name(tmp_path: Path) -> None:
    with pytest.raises(NoInputError, match="Next: tokenop eval run"):
        results.find(tmp_path, None)
    early, late = (results.write(tmp_path, info(WHEN.replace(hour=hour)), []) for hour in (1, 2))
    assert results.find(tmp_path, None) == late
    assert results.find(tmp_path, "20260301T01") == early
    with pytest.raises(InputError, match="several begin"):
        results.find(tmp_path, "2026")
    with pytest.raises(InputError, match="no such file"):
        results.find(tmp_path, "../x.jsonl")


def test_calls_that_nobody_knows_the_end_of_count_with_their_worst_case(tmp_path: Path) -> None:
    part = Part(tmp_path, info())
    for task, worst in (("a", "0.5"), ("b", "0.25"), ("c", None)):
        part.add(Line(asking=Asking(task, 0, None if worst is None else Decimal(worst))))
    part.add(Line(outcome=outcome("a", "pass", cost_usd=Decimal("0.1"))))
    part.close(finished=False)
    (left,) = results.unfinished(tmp_path)
    assert left.spent == Decimal("0.35")


def test_a_call_after_an_outcome_of_the_same_task_counts_too(tmp_path: Path) -> None:
    part = Part(tmp_path, info())
    for line in (Asking("a", 0, Decimal(1)), outcome("a", "infrastructure", cost_usd=Decimal("0.1")),
                 Asking("a", 0, Decimal(2))):  # fmt: skip
        part.add(Line(asking=line) if isinstance(line, Asking) else Line(outcome=line))
    part.close(finished=False)
    (left,) = results.unfinished(tmp_path)
    assert left.spent == Decimal("2.1")


@pytest.mark.parametrize("usd", ["NaN", "-5", "Infinity"])
def test_no_amount_makes_room_in_a_budget(tmp_path: Path, usd: str) -> None:
    part = Part(tmp_path, info())
    part.add(Line(asking=Asking("a", 0, Decimal(1))))
    part.add(Line(outcome=outcome("a", "pass", cost_usd=Decimal(usd))))
    part.add(Line(asking=Asking("b", 0, Decimal(usd))))
    part.close(finished=False)
    (left,) = results.unfinished(tmp_path)
    assert (left.spent, left.outcomes) == (Decimal(1), [])
    path = results.write(tmp_path, info(), [outcome("a", "pass", cost_usd=Decimal(usd))])
    with pytest.raises(FindingsError, match="is no amount") as raised:
        results.read(path)
    assert raised.value.findings[0].line == 2


def test_two_programs_do_not_write_one_run(tmp_path: Path) -> None:
    first = Part(tmp_path, info())
    (seen,) = results.unfinished(tmp_path)
    assert seen.busy
    for before in (None, seen):
        with pytest.raises(InputError, match="another program is at this run"):
            Part(tmp_path, info(), before)
    first.add(Line(outcome=outcome("a", "pass")))
    first.close(finished=True)
    with pytest.raises(InputError, match="has just finished"):
        Part(tmp_path, info(), seen)
    assert not list(tmp_path.iterdir())


def age(path: Path) -> None:
    """Make the database one of an older form."""
    with duckdb.connect(str(path)) as connection:
        connection.execute("CREATE OR REPLACE TABLE runs AS SELECT 'x' AS folder, 1 AS something_else")


def test_a_database_that_another_program_holds_is_left_alone(tmp_path: Path) -> None:
    results.write(tmp_path / "runs", info(), some(6))
    target = store.refresh(tmp_path / "runs")
    code = f"import duckdb, sys; c = duckdb.connect({str(target)!r}); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(store.BusyError, match="another program has it open"):
            store.refresh(tmp_path / "runs")
        holder.communicate()
    assert store.refresh(tmp_path / "runs") == target


def test_the_database_has_a_row_an_outcome_and_is_built_anew_when_it_is_gone_or_broken(tmp_path: Path) -> None:
    results.write(tmp_path / "runs", info(), some(6))
    for damage in (lambda _: None, Path.unlink, lambda path: path.write_bytes(b"no database" * 1000), age):
        if store.path().exists():
            damage(store.path())
        target = store.refresh(tmp_path / "runs")
        with duckdb.connect(str(target), read_only=True) as connection:
            rows = connection.sql("SELECT tier, count(*), sum(pass), count(pass) FROM runs GROUP BY tier").fetchall()
            summary = connection.sql("SELECT asked, passed, failed, infrastructure, cost_usd FROM run_summaries")
            assert rows == [("T1", 6, 2, 4)]
            assert summary.fetchall() == [(6, 2, 2, 2, None)]


def test_rows_of_other_folders_stay_and_those_of_deleted_files_go(tmp_path: Path) -> None:
    for name in ("a", "b"):
        results.write(tmp_path / name, info(), some(3))
        store.refresh(tmp_path / name)
    next((tmp_path / "a").glob("*.jsonl")).unlink()
    target = store.refresh(tmp_path / "a")
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.sql("SELECT DISTINCT folder FROM runs").fetchall() == [(str((tmp_path / "b").resolve()),)]


def test_a_strange_file_among_the_results_does_not_harm_the_database(tmp_path: Path) -> None:
    path = results.write(tmp_path, info(), some(3))
    path.write_bytes(path.read_bytes() + b'garbage\n{"outcome": {"task": "x"}}\n')
    (tmp_path / "notes.jsonl").write_text("not a run\n")
    (row,) = [row for row in store.summaries(results.files_in(tmp_path)) if row["tier"] == "T1"]
    assert row["asked"] == 3


def test_a_folder_may_have_any_name_and_hold_anything(tmp_path: Path) -> None:
    folder = tmp_path / "runs [1]*?'x"
    results.write(folder, info(), some(3))
    (folder / f"{info(WHEN.replace(hour=3)).run_id}.jsonl").mkdir()
    (folder / "x.part").mkdir()
    assert store.summaries(results.files_in(folder))[0]["asked"] == 3
    assert results.find(folder, None).stem == info().run_id
    assert results.unfinished(folder) == []


def test_where_no_database_can_be_it_is_told(tmp_path: Path) -> None:
    results.write(tmp_path, info(), some(3))
    store.path().mkdir(parents=True)
    with pytest.raises(store.BusyError, match="cannot be written"):
        store.refresh(tmp_path)


def test_costs_of_a_summary_are_unknown_where_one_is(tmp_path: Path) -> None:
    path = results.write(tmp_path, info(), [outcome("a", "pass", cost_usd=Decimal("0.1"))])
    assert store.summaries([path])[0]["cost_usd"] == Decimal("0.1")
    path = results.write(tmp_path, info(), some(2))
    assert store.summaries([path])[0]["cost_usd"] is None


def test_a_baseline_gives_the_same_bytes_and_is_read_again(tmp_path: Path) -> None:
    known = [one for one in some(9) if one.result != "infrastructure"]
    run = results.read(results.write(tmp_path, info(), known))
    for name in ("a.json", "b.json"):
        baseline.write(run, tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()
    read = baseline.read(tmp_path / "a.json")
    assert (read.info, read.outcomes) == (run.info, run.outcomes)


def test_a_baseline_says_that_it_is_a_sample(tmp_path: Path) -> None:
    run = results.read(results.write(tmp_path, info(), [outcome("a", "pass", source="sample")]))
    baseline.write(run, tmp_path / "b.json")
    assert json.loads((tmp_path / "b.json").read_text())["sample"] is True


def test_a_run_of_which_something_is_unknown_is_no_baseline(tmp_path: Path) -> None:
    run = results.read(results.write(tmp_path, info(), some(3)))
    with pytest.raises(MisuseError, match="nothing is known of t1-2"):
        baseline.write(run, tmp_path / "b.json")
    with pytest.raises(NoInputError, match="no baseline yet"):
        baseline.read(tmp_path / "b.json")


def test_a_broken_baseline_is_named(tmp_path: Path) -> None:
    (tmp_path / "b.json").write_text('{"schema_version": 1}')
    with pytest.raises(FindingsError, match="missing required field"):
        baseline.read(tmp_path / "b.json")


def test_a_baseline_is_read_as_strictly_as_a_run(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    baseline.write(results.read(results.write(tmp_path, info(), some(2))), path)
    good = json.loads(path.read_text())
    for change, told in (
        ({"schema_version": 2}, "schema_version"),
        ({"outcomes": good["outcomes"] * 2}, "two outcomes of t1-0"),
        ({"outcomes": [good["outcomes"][0] | {"cost_usd": "NaN"}]}, "NaN is no amount"),
    ):
        path.write_text(json.dumps(good | change))
        with pytest.raises(FindingsError, match=told):
            baseline.read(path)
