"""`tokenop budgets` says how the limits stand over all processes, and frees users."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Ran
from tests.gateway.budgets.making import PAID, PER_INPUT, PER_OUTPUT, call, purse, row, serving
from tokenop.gateway.budgets import throttling
from tokenop.gateway.budgets.purse import PurseOfAll
from tokenop.gateway.budgets.throttling import Spike
from tokenop.routing.model import Budget

RunCli = Callable[..., Ran]
BUDGETS = {
    "people": {"per": "user", "period": "day", "usd": 1, "soft": 0.5},
    "words": {"per": "all", "period": "month", "usd": 90, "tokens": 100_000, "at_limit": "downgrade"},
}
NOW = datetime.now(UTC).replace(microsecond=0)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with two limits; the state lies beside it."""
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    (tmp_path / "tokenop").mkdir()
    (tmp_path / "tokenop" / "router.yaml").write_text(json.dumps({"budgets": BUDGETS}))
    return tmp_path


@pytest.fixture
def counted(project: Path) -> Iterator[PurseOfAll]:
    made = purse(project / "home" / "gateway", now=NOW)
    yield made
    made.close()


def spend(counted: PurseOfAll, user: str | None, usd: str) -> None:
    made = call(serving(), user, when=NOW)
    counted.spent(made, row(made, usd))


def limits(ran: Ran) -> dict[tuple[str, str | None], dict[str, object]]:
    assert ran.exit_code == 0, ran.stderr
    return {(one["budget"], one["subject"]): one for one in json.loads(ran.stdout)["limits"]}


def test_before_any_call_nothing_is_spent(project: Path, run_cli: RunCli) -> None:
    found = limits(run_cli("budgets", "--json", cwd=project))
    ours = [found["people", None], found["words", None]]
    assert [(one["spent_usd"], one["share"], one["state"]) for one in ours] == [(0, 0, "ok")] * 2
    assert not (project / "home").exists()


def test_spent_and_set_aside_are_those_of_all_processes(project: Path, counted: PurseOfAll, run_cli: RunCli) -> None:
    other = purse(project / "home" / "gateway", now=NOW)
    spend(counted, "ana", "0.5")
    spend(other, "ana", "0.25")
    spend(other, None, "2")
    under = serving(Budget("people", "user", "day", usd=Decimal(1)))
    other.reserve(call(under, "ana", when=NOW), (PAID,))
    found = limits(run_cli("budgets", "--json", cwd=project))
    other.close()
    ana = found["people", "ana"]
    assert (ana["spent_usd"], ana["limit_usd"], ana["state"], ana["at_limit"]) == (0.75, 1, "soft", "reject")
    assert ana["reserved_usd"] == float(1000 * (PER_INPUT + PER_OUTPUT))
    assert found["people", None]["state"] == "full"
    everybody = found["words", None]
    assert (everybody["spent_tokens"], everybody["spent_usd"], everybody["share"]) == (6000, 2.75, 0.06)
    # The other process is gone, with what it had set aside; of what it spent, no row is in the log.
    after = limits(run_cli("budgets", "--json", cwd=project))
    assert (after["people", "ana"]["spent_usd"], after["people", "ana"]["reserved_usd"]) == (0.5, 0)


def test_of_a_long_name_the_beginning_is_shown_and_that_there_is_more(
    project: Path, counted: PurseOfAll, run_cli: RunCli
) -> None:
    spend(counted, "x" * 64, "0.1")
    spend(counted, "x" * 64 + "y" * 448, "0.2")
    found = limits(run_cli("budgets", "--json", cwd=project))
    assert [found["people", name]["spent_usd"] for name in ("x" * 64, "x" * 64 + "…")] == [0.1, 0.2]


def test_the_table_names_limits_people_and_what_they_used(project: Path, counted: PurseOfAll, run_cli: RunCli) -> None:
    for number in range(5):
        spend(counted, f"user{number}", f"0.{number}")
    spend(counted, "\x1b[31mred", "0.6")
    said = run_cli("budgets", "--most", "3", cwd=project)
    assert said.exit_code == 0
    assert "\x1b" not in said.stdout
    assert "user <U+001B>[31mred" in said.stdout
    lines = said.stdout.splitlines()
    assert [line.split()[:3] for line in lines if line.startswith("people")][1:] == [
        ["people", "user", "user4"], ["people", "user", "user3"], ["people", "and", "3"]
    ]  # fmt: skip
    assert "0 at the limit, 1 near it, 0 throttled; 1 process counting. Next: tokenop costs" in said.stdout


def test_a_throttled_user_is_shown_and_freed(project: Path, counted: PurseOfAll, run_cli: RunCli) -> None:
    second = int(NOW.timestamp())
    hour = second - second % 3600
    throttling.slow_down(counted.folder, [Spike("ana", 5 * 10**12, 10**12, 2 * 10**12, hour, second, hour + 7200)])
    said = run_cli("budgets", cwd=project)
    assert "throttled: ana until" in said.stdout
    assert "(5.0 USD in an hour, usually 1.0)" in said.stdout
    told = json.loads(run_cli("budgets", "--json", cwd=project).stdout)
    assert [one["user_id"] for one in told["throttled"]] == ["ana"]
    assert [one["type"] for one in told["anomalies"]] == ["cost_spike"]
    assert run_cli("budgets", "clear-throttle", "ana", cwd=project).stdout.startswith("ana may use all providers again")
    again = run_cli("budgets", "clear-throttle", "ana", cwd=project)
    assert (again.exit_code, again.stderr.strip()) == (3, "tokenop: ana is not throttled: tokenop budgets says who is")
    assert json.loads(run_cli("budgets", "--json", cwd=project).stdout)["throttled"] == []


def test_files_that_cannot_be_served_are_refused_with_the_place(project: Path, run_cli: RunCli) -> None:
    (project / "tokenop" / "gateway.yaml").write_text("throttle: {factor: 0.5}\n")
    said = run_cli("budgets", cwd=project)
    assert said.exit_code == 1
    assert "tokenop/gateway.yaml:1: throttle.factor" in said.stderr
