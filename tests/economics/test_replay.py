"""A written plan, projected onto the calls."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.economics import world
from tokenop.economics import replay
from tokenop.errors import FindingsError
from tokenop.prices import book as prices

BOOK = prices.load()
TO = {"provider": "openai", "model": "gpt-4o-mini"}


def plan_file(folder, kinds, where="true", **changed):
    levers = [
        {
            "kind": kind,
            "where": where,
            "parameters": {
                name: {"low": value, "expected": value, "high": value, "evidence": "assumed", "source": "test"}
                for name, value in world.DEFAULTS[kind].items()
            },
            "options": {
                **world.OPTIONS.get(kind, {}),
                **({"to": dict(TO)} if "to" in world.OPTIONS.get(kind, {}) else {}),
            },
        }
        | changed
        for kind in kinds
    ]
    path = folder / "optimization-plan.yaml"
    path.write_text(yaml.safe_dump({"chosen": [{"id": "one", "levers": levers}]}))
    return path


def projected(log, path):
    made = world.build(log, [])
    replay.project(made.connection, BOOK, path, SimpleNamespace(window=made.spread.window))
    return made.connection.execute(
        "SELECT sum(calls), sum(cost), sum(optimized_cost), "
        "sum(t_uncached + t_read + t_write_5m + t_write_1h) FROM projection"
    ).fetchone()


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(log=world.calls(), kinds=st.lists(st.sampled_from(sorted(world.DEFAULTS)), max_size=4, unique=True))
def test_todays_side_of_a_projection_is_the_log_itself_and_the_plans_side_is_its_replay(log, kinds, tmp_path_factory):
    path = plan_file(tmp_path_factory.mktemp("plan"), kinds)
    calls, cost, after, tokens = projected(log, path)
    assert calls == len(log)
    assert cost == sum((row["cost"] for row in log), Decimal(0))
    assert tokens == sum(row["input_tokens"] for row in log)
    bound = world.build(log, [])
    planned = replay.read(path)
    from tokenop.economics import binding, draws, rows, work

    bounds = binding.bind(bound.connection, BOOK, planned, bound.spread.window.until)
    work.build(bound.connection, bounds, bound.spread)
    assert after == rows.replay(bound.connection, bounds, draws.expected(bounds), bound.spread).after


def test_moved_calls_stand_on_the_model_that_answers_them(tmp_path):
    log = [world.call(n, t_uncached=10_000) for n in range(10)]
    made = world.build(log, [])
    replay.project(made.connection, BOOK, plan_file(tmp_path, ["reroute"]), SimpleNamespace(window=made.spread.window))
    found = made.connection.execute(
        "SELECT optimized_model, sum(calls), round(sum(optimized_calls), 6) FROM projection GROUP BY ALL ORDER BY ALL"
    ).fetchall()
    # Six in ten move; of these one in twenty comes back and is asked twice.
    assert found == [("gpt-4o-mini", 0, 6.0), ("large", 10, 4.3)]


def test_an_empty_plan_changes_nothing(tmp_path):
    log = [world.call(n) for n in range(3)]
    _, cost, after, _ = projected(log, plan_file(tmp_path, []))
    assert cost == after


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"where": "(SELECT count(*) FROM calls) > 0"}, "where"),
        ({"where": "read_text('README.md') = ''"}, "where"),
        ({"kind": "magic"}, "unknown kind"),
        ({"parameters": {}}, "lacks the parameter"),
        ({"options": "none"}, "not a lever"),
    ],
)
def test_an_edited_plan_is_checked_before_anything_of_it_runs(tmp_path, changed, said):
    path = plan_file(tmp_path, ["trim"], **changed)
    with pytest.raises(FindingsError) as refused:
        replay.read(path)
    assert said in str(refused.value)
    assert "optimization-plan.yaml:" in str(refused.value)
