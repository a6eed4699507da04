"""Sharing: no cell below k, nothing personal in the file, nothing lost in the sums, and a workload that opens again."""

from __future__ import annotations

import random
from decimal import Decimal

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.database import connect
from tokenop.errors import InputError, NoInputError
from tokenop.profile import cells, document, window, workload, yaml_text
from tokenop.profile.scalars import compute

SUMS = "sum(n), sum(cost), sum(t_uncached), sum(t_read), sum(t_output)"


def made_up(count, seed=7):
    draw = random.Random(seed)
    return [
        {
            "ts": f"2026-09-{draw.randint(1, 9):02d}T{draw.randint(0, 23):02d}:{draw.randint(0, 59):02d}:00Z",
            "id": f"secret-id-{number}",
            "tenant": f"secret-tenant-{draw.randint(1, 3)}",
            "user_id": f"secret-user-{draw.randint(1, 60)}",
            "session_id": f"secret-session-{draw.randint(1, 200)}",
            "agent_id": draw.choice([None, "secret-agent"]),
            "intent": draw.choice(["ask", "ask", "sort"]),
            "operation": draw.choice(["chat", "edit"]),
            "model": draw.choice(["big", "small", "other"]),
            "input_tokens": draw.choice([500, 3_000, 50_000]),
            "latency_ms": draw.choice([None, 12.5, 900.25]),
            "prompt_hash": f"secret-hash-{draw.randint(1, 99)}",
            "prompt": f"secret prompt {number}",
            "endpoint": "secret-endpoint",
            "region": "secret-region",
            "batch": draw.random() < 0.2,
        }
        for number in range(count)
    ]


def shared(connection, k=20):
    span = window.of(connection)
    whole = connection.execute("SELECT sum(n)::BIGINT FROM calls").fetchone()[0]
    source = document.Source("hash", "prices", span, {"events": whole, "unpriced_models": []})
    return document.share(connection, source, k)


def written(tmp_path, profile):
    path = tmp_path / "profile.yaml"
    path.write_text(yaml_text.dump(profile), encoding="utf-8")
    return path


def test_nothing_personal_is_in_the_file(make_calls, tmp_path):
    text = written(tmp_path, shared(make_calls(made_up(2_000)))).read_text(encoding="utf-8")
    assert "secret" not in text
    assert "ask" in text


def test_every_cell_has_at_least_k_calls_and_the_rest_is_counted(make_calls):
    connection = make_calls(made_up(2_000))
    profile = shared(connection, 25)
    rows = [dict(zip(cells.CELL_COLUMNS, row, strict=True)) for row in profile["workload"]["cells"].rows]
    assert min(row["calls"] for row in rows) >= 25
    whole, left = profile["workload"]["whole"], profile["workload"]["suppressed"]
    assert sum(row["calls"] for row in rows) + left["calls"] == whole["calls"] == 2_000
    cost = sum((Decimal(row["cost"]) for row in rows if row["cost"]), Decimal(left["cost_usd"]))
    assert cost == connection.execute("SELECT sum(cost) FROM calls").fetchone()[0]


@settings(max_examples=examples(5, 15), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(count=st.integers(1, 300), k=st.integers(2, 60), seed=st.integers(0, 99))
def test_cells_and_suppressed_calls_are_the_whole(make_calls, count, k, seed):
    built = cells.build(make_calls(made_up(count, seed)), "calls", window.of_micros(0, 1).start.date(), k)
    at = cells.CELL_COLUMNS.index("calls")
    assert all(row[at] >= k for row in built.cells)
    assert sum(row[at] for row in built.cells) + built.suppressed.calls == count


def test_an_intent_of_few_users_is_not_named(make_calls):
    rows = made_up(600)
    for number, row in enumerate(rows):
        row["intent"] = "rare" if number % 3 == 0 else "common"
        row["user_id"] = f"u{number % 4}" if number % 3 == 0 else f"u{number % 50}"
    connection = make_calls(rows)
    assert cells.named_intents(connection, "calls", 20) == ["common"]
    intents = {row[1] for row in shared(connection)["workload"]["cells"].rows}
    assert intents == {"common", cells.OTHER}


def test_sessions_stand_in_for_users_and_services_have_neither(make_calls):
    base = {"ts": "2026-09-01T00:00:00Z"}
    rows = [{**base, "intent": "few", "session_id": f"s{n % 3}"} for n in range(40)]
    rows += [{**base, "intent": "many", "session_id": f"s{n}"} for n in range(40)]
    rows += [{**base, "intent": "service"} for n in range(40)]
    assert cells.named_intents(make_calls(rows), "calls", 20) == ["many", "service"]


def test_it_opens_as_the_relation_that_pricing_makes(make_calls, tmp_path):
    connection = make_calls(made_up(3_000))
    profile = shared(connection)
    opened = connect()
    info = workload.open_workload(opened, written(tmp_path, profile))
    described = dict(row[:2] for row in connection.execute("DESCRIBE calls").fetchall())
    again = dict(row[:2] for row in opened.execute("DESCRIBE calls").fetchall())
    assert {name: again[name] for name in described} == described
    assert list(again)[-5:] == ["hit_5m_tokens", "hit_1h_tokens", "repeat_calls", "warm_5m_calls", "warm_1h_calls"]
    assert info.suppressed_calls == profile["workload"]["suppressed"]["calls"]
    assert info.calls == opened.execute("SELECT sum(n)::BIGINT FROM calls").fetchone()[0]
    assert window.of(opened) == info.window == window.of(connection)
    assert info.scalars == compute(connection)


def test_without_suppression_the_sums_and_shares_are_those_of_the_events(make_calls, tmp_path):
    rows = [{**row, "model": "big", "batch": False, "agent_id": None} for row in made_up(3_000)]
    connection = make_calls(rows)
    opened = connect()
    info = workload.open_workload(opened, written(tmp_path, shared(connection, 2)))
    assert info.suppressed_calls == 0
    assert (
        opened.execute(f"SELECT {SUMS} FROM calls").fetchone()
        == connection.execute(f"SELECT {SUMS} FROM calls").fetchone()
    )
    events, pooled = compute(connection), compute(opened, window=info.window)
    same = (
        "calls", "monthly_cost_usd", "cached_input_share", "repeat_share", "warm_share", "batch_share", "agent_share",
        "session_share", "output_cost_share", "frontier_cost_share", "priced_cost_share", "window_hours",
    )  # fmt: skip
    assert {name: pooled[name] for name in same} == {name: events[name] for name in same}


def test_the_same_events_give_the_same_bytes(make_calls):
    rows = made_up(1_500)
    first = yaml_text.dump(shared(make_calls(rows)))
    assert yaml_text.dump(shared(make_calls(rows[::-1]))) == first


def test_fewer_than_k_calls_are_not_shared(make_calls):
    with pytest.raises(NoInputError, match="lower --k"):
        shared(make_calls(made_up(5)))


def test_a_workload_without_cells_is_no_input(make_calls, tmp_path):
    path = written(tmp_path, shared(make_calls(made_up(500))))
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    loaded["workload"]["cells"]["rows"] = []
    path.write_text(yaml.safe_dump(loaded), encoding="utf-8")
    with pytest.raises(NoInputError, match="no cell"):
        workload.open_workload(connect(), path)


def test_scalars_of_a_workload_without_latency_are_unknown(make_calls, tmp_path):
    rows = [{"ts": "2026-09-01T00:00:00Z", "latency_ms": None, "model": "other"}] * 30
    opened = connect()
    workload.open_workload(opened, written(tmp_path, shared(make_calls(rows))))
    found = compute(opened)
    assert (found["latency_p50_ms"], found["latency_p95_ms"], found["monthly_cost_usd"]) == (None, None, None)


def test_cells_start_coarser_where_they_would_be_too_many(make_calls):
    connection = make_calls(made_up(3_000))
    fine = cells.build(connection, "calls", window.of(connection).start.date(), 2)
    coarse = cells.build(connection, "calls", window.of(connection).start.date(), 2, most=100)
    assert len(fine.cells) > 100 >= len(coarse.cells)
    assert coarse.whole == fine.whole


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a profile of version"),
        ("schema_version: 1\nscalars: {}\n", "without --shareable"),
        ("schema_version: 1\nworkload: {k: 20}\n", "not a workload of this version"),
        ("a: [", "not YAML"),
        ("!!python/object:os.system {}", "not YAML"),
    ],
)
def test_a_file_that_is_no_workload_is_an_expected_error(tmp_path, text, message):
    path = tmp_path / "profile.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        workload.open_workload(connect(), path)


def test_a_cell_that_holds_text_for_a_number_is_an_expected_error(make_calls, tmp_path):
    path = written(tmp_path, shared(make_calls(made_up(500))))
    loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    loaded["workload"]["cells"]["rows"][0][cells.CELL_COLUMNS.index("calls")] = "many"
    path.write_text(yaml.safe_dump(loaded), encoding="utf-8")
    with pytest.raises(InputError, match="write it again"):
        workload.open_workload(connect(), path)


def test_a_workload_has_exactly_the_columns_of_priced_calls():
    from tokenop.events import schema
    from tokenop.prices import book, calls

    connection = connect()
    columns = ", ".join(f"NULL::{kind} AS {name}" for name, kind in schema.types().items())
    connection.execute(f"CREATE TABLE events AS SELECT {columns} WHERE false")
    calls.create(connection, book.load())
    priced = dict(row[:2] for row in connection.execute("DESCRIBE calls").fetchall())
    assert {**schema.types(), **workload.CALL_TYPES} == {**priced, "ts": "TIMESTAMPTZ"}
