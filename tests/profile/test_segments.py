"""Segments: exact figures by key, a pooled tail that adds up, and shapes over the week."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tokenop.profile import segments
from tokenop.profile.narrow import narrow

DAY = "2026-09-01T"  # a Tuesday


def measured(connection, prefixes=True):
    with narrow(connection) as table:
        return segments.measure(connection, table, "calls", prefixes)


def test_figures_of_one_segment(make_calls):
    rows = [
        {"ts": f"{DAY}10:{minute:02d}:00Z", "latency_ms": float(minute), "prompt_hash": f"p{minute % 5}"}
        for minute in range(20)
    ]
    found = measured(make_calls([*rows, {"ts": f"{DAY}11:30:00Z", "latency_ms": None, "batch": True}]))
    (one,) = found.rows
    assert (one.tenant, one.intent, one.provider, one.model) == ("t", "ask", "p", "big")
    assert one.calls == 21
    assert one.cost_usd == Decimal("0.1575")
    assert (one.latency_p50_ms, one.latency_p95_ms, one.latency_p99_ms) == (9, 18, 19)
    assert one.repeat_share == pytest.approx(15 / 20)
    assert one.batch_share == pytest.approx(1 / 21)
    assert one.warm_share == pytest.approx(19 / 21)
    assert one.prefix_reuse_5m_share is None
    assert found.pooled == 0


def test_shape_has_a_digit_an_hour_of_the_week(make_calls):
    rows = [{"ts": f"{DAY}10:00:0{second}Z"} for second in range(9)] + [{"ts": "2026-09-07T00:30:00Z"}]
    (one,) = measured(make_calls(rows)).rows
    assert len(one.shape) == 168
    assert one.shape[24 + 10] == "9"
    assert one.shape[0] == "1"
    assert sum(map(int, one.shape)) == 10


def test_the_tail_is_pooled_and_the_segments_add_up(make_calls, monkeypatch):
    rows = [{"ts": f"{DAY}00:{n:02d}:00Z", "tenant": f"t{n}", "output_tokens": 100 * (n + 1)} for n in range(10)]
    connection = make_calls(rows)
    whole = connection.execute("SELECT sum(cost) FROM calls").fetchone()[0]
    monkeypatch.setattr(segments, "MOST", 4)
    found = measured(connection)
    assert [row.tenant for row in found.rows] == ["t9", "t8", "t7", segments.POOLED]
    assert found.pooled == 7
    assert found.rows[-1].calls == 7
    assert sum(row.cost_usd for row in found.rows) == whole


def test_unpriced_segments_come_last_with_unknown_cost(make_calls):
    found = measured(make_calls([{"ts": f"{DAY}00:00:00Z", "model": "other"}, {"ts": f"{DAY}00:00:01Z"}]))
    assert [row.cost_usd is None for row in found.rows] == [False, True]
    assert found.rows[1].unpriced_calls == 1


def test_prefix_reuse_by_lifetime(make_calls):
    blocks = {"input_tokens": 2000, "prefix_hashes": ["s", "x"]}
    found = measured(make_calls([{"ts": f"{DAY}00:00:00Z", **blocks}, {"ts": f"{DAY}00:30:00Z", **blocks}]))
    assert found.rows[0].prefix_reuse_5m_share == 0
    assert found.rows[0].prefix_reuse_1h_share == 0.5
    assert found.prefix == segments.Prefix(4000, 0, 2000)
