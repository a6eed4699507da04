"""What holds for every log: groups add up to the whole, before − after is what is saved, nothing moved is no change."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.planning.platforms.exports import call, month, write
from tests.planning.platforms.test_databricks import analysis, roi, table
from tests.thoroughness import examples
from tokenop.database import connect
from tokenop.planning import inputs
from tokenop.planning.platforms import effect, rules, spend, world
from tokenop.prices import book as prices

BOOK = prices.load()


def opened(folder: Path, calls: list[dict[str, Any]], share: str) -> world.World:
    log = write(folder / "events.jsonl", calls)
    connection = connect()
    found = inputs.open_events(connection, BOOK, log, folder)
    count = world.scope(connection, None)
    moves = rules.parse(connection, BOOK, ["gpt-4=gpt-4o-mini"], Decimal(share), found.window.until, world.CALLS)
    return world.World(connection, BOOK, found, world.spread(found, count), count, moves, draws=20)


@st.composite
def logs(draw: st.DrawFn) -> list[dict[str, Any]]:
    made = [call(0)]
    for number in range(1, draw(st.integers(2, 25))):
        sent, cached = draw(st.integers(0, 20_000)), draw(st.integers(0, 100))
        made.append(
            call(
                number * draw(st.sampled_from([1, 3])) + 100 * number % 7,
                draw(st.sampled_from(["gpt-4", "gpt-4o-mini", "o-nobody-knows"])),
                id=f"c{number}", input_tokens=sent, output_tokens=draw(st.integers(0, 2000)),
                cache_read_input_tokens=min(sent, cached), latency_ms=draw(st.sampled_from([None, 10, 900, 7000])),
                endpoint=draw(st.sampled_from(["a", "b", "unknown"])), task_id=draw(st.sampled_from([None, "1", "2"])),
                cost_usd=draw(st.sampled_from([None, None, 0, 0.5])),
            )
        )  # fmt: skip
    return made


@settings(max_examples=examples(4, 12), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(logs(), st.sampled_from(["0", "0.25", "1"]), st.sampled_from(["endpoint", "job", "hour"]))
def test_groups_add_up_and_before_minus_after_is_the_saving(tmp_path, calls, share, by):
    with_rules = opened(tmp_path, calls, share)
    try:
        found = effect.measure(with_rules, by)
        whole = with_rules.row(f"SELECT sum(cost) AS cost, sum(n) AS calls FROM {with_rules.calls}")
        listed, spent = found.table.rows, spend.by(with_rules, by)
    finally:
        with_rules.connection.close()
    assert found.before == whole["cost"]
    assert sum(row["calls"] for row in listed) == sum(row["calls"] for row in spent.rows) == whole["calls"]
    for key in ("before_monthly_usd", "after_monthly_usd", "saved_monthly_usd"):
        assert sum(row[key] or 0 for row in listed) == pytest.approx(found.table.total[key] or 0, abs=1e-4)
    for row in listed:
        if row["before_monthly_usd"] is None:
            assert row["after_monthly_usd"] is row["savings_monthly_usd"] is None
            continue
        assert row["before_monthly_usd"] - row["after_monthly_usd"] == pytest.approx(row["saved_monthly_usd"], abs=1e-5)
        if share == "0" or not row["moved_calls"]:
            assert row["saved_monthly_usd"] == 0
            assert row["latency_p95_before_ms"] == row["latency_p95_after_ms"] or share != "0"
    if share == "0":
        assert found.before == found.after


def test_more_groups_than_are_listed_are_pooled_and_none_is_lost(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", [call(n, endpoint=f"e{n % 70}", input_tokens=1000 + n) for n in range(140)])
    found = roi(run_cli, tmp_path, "--reroute", "gpt-4=gpt-4o-mini")
    for name, of in (("by_endpoint", "spend"), ("reroute_by_endpoint", "endpoints")):
        listed = table(found, name, of)
        assert len(listed["rows"]) == spend.MOST_GROUPS + 1
        assert (listed["rows"][-1]["name"], listed["rows"][-1]["pooled"]) == ("20 others", 20)
        assert sum(row["calls"] for row in listed["rows"]) == 140


PLAN = """\
chosen:
  - {id: second, order: 2, effort_hours: 60, marginal_monthly_usd: 10, roi: {implementation_usd: 6000,
     running_monthly_usd: 5, payback_days: {p50: null}}}
  - {id: first, order: 1, effort_hours: 20, marginal_monthly_usd: 300.5, roi: {implementation_usd: 2000,
     running_monthly_usd: 0, payback_days: {p50: 41.6}}}
inputs: {events_hash: another}
"""


def test_the_steps_of_the_plan_follow_one_another(run_cli, tmp_path):
    write(tmp_path / "events.jsonl", month()[:48])
    (tmp_path / "optimization-plan.yaml").write_text(PLAN)
    told = analysis(roi(run_cli, tmp_path), "implementation")
    first, second = told["tables"][0]["rows"]
    assert (first["name"], first["from_week"], first["until_week"], first["payback"]) == ("first", 0.0, 0.5, "42 days")
    assert (second["name"], second["from_week"], second["until_week"], second["payback"]) == (
        "second",
        0.5,
        2.0,
        "never",
    )
    assert told["figures"] | {"events_hash": None} == {
        "templates": 2, "hours": 80.0, "weeks": 2.0, "cost_usd": 8000.0, "running_monthly_usd": 5.0,
        "events_hash": None,
    }  # fmt: skip
    assert "another log" in told["unknown"][0]["why"]


@pytest.mark.parametrize("text", ["chosen: [{id: x}]", "other: 1", "chosen: 3", "- 1"])
def test_a_plan_that_is_none_is_named(run_cli, tmp_path, text):
    write(tmp_path / "events.jsonl", month()[:48])
    (tmp_path / "optimization-plan.yaml").write_text(text)
    ran = run_cli("roi", "databricks", cwd=tmp_path)
    assert ran.exit_code == 1
    assert "optimization-plan.yaml" in ran.stderr


def test_an_inventory_alone_is_answered_and_the_rest_is_unknown(run_cli, tmp_path):
    from tokenop import inventory
    from tokenop.inventory.model import Count, Hourly, Inventory, Resource

    resource = Resource(
        "aws_autoscaling_group.a", "aws", "aws_autoscaling_group", "gpu", count=Count(4, 4, 0),
        hourly_usd=Hourly(Decimal(1)), monthly_usd=Decimal("2922.00"),
    )  # fmt: skip
    Inventory((), (resource,)).write(tmp_path / "inventory.yaml")
    assert inventory.read(tmp_path / "inventory.yaml").totals.monthly_usd == Decimal(2922)
    found = roi(run_cli, tmp_path)
    assert found["window"] is None
    assert found["baseline_monthly_usd"] is None
    status = {one["id"]: one["status"] for one in found["analyses"]}
    assert status["spend"] == status["jobs"] == status["mlflow"] == "unknown"
    figures = analysis(found, "clusters")["figures"]
    assert (figures["on_demand_instances"], figures["spot_share"], figures["monthly_usd"]) == (4, 0.0, 2922.0)
    assert json.dumps(found).count("NaN") == 0
