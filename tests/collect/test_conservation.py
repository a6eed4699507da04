"""Rows in = events + duplicates + rejected + filtered, whatever the input is; and every event is a sound one."""

from __future__ import annotations

import json
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.thoroughness import examples

BASE = [
    {"id": str(n), "ts": f"2026-03-02T09:00:{n:02d}Z", "model": "gpt-4o", "input_tokens": 10 * n, "output_tokens": n}
    for n in range(6)
] + [{"ts": "2026-03-02T09:00:00Z", "input_tokens": 1, "output_tokens": 1, "cost_usd": 0.5}] * 3

VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 10**13),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=8),
    st.sampled_from(
        ["2026-03-02", "12.0", "NaN", "", " ", "9" * 40, "1e400", "-0", "0x10", "2026-03-02T09:00:00+14:00"]
    ),
    st.lists(st.integers(0, 3), max_size=2),
    st.dictionaries(st.sampled_from(["a", "b"]), st.integers(), max_size=1),
)
FIELDS = st.one_of(
    st.sampled_from(["id", "ts", "model", "input_tokens", "output_tokens", "cost_usd", "latency_ms", "status"]),
    st.sampled_from(["cache_read_input_tokens", "total_tokens", "batch", "prefix_hashes", "usage_source", "other"]),
    st.sampled_from(["cost_source", "attempt", "quality_score"]),
)


@st.composite
def files(draw: st.DrawFn) -> list[bytes]:
    """Lines of a log of which some are dropped, doubled, changed in a field, cut off or overwritten with bytes."""
    lines: list[bytes] = []
    for row in BASE:
        action = draw(st.sampled_from(["keep", "drop", "double", "change", "change", "cut", "bytes", "blank"]))
        text = json.dumps(row).encode()
        if action == "change":
            text = json.dumps(row | draw(st.dictionaries(FIELDS, VALUES, max_size=3))).encode()
        elif action == "cut":
            text = text[: draw(st.integers(0, len(text) - 1))]
        elif action == "bytes":
            text = draw(st.binary(max_size=12)).replace(b"\n", b"")
        elif action == "blank":
            text = draw(st.sampled_from([b"", b"   ", b"\r"]))
        lines += {"drop": [], "double": [text, text]}.get(action, [text])
    return lines


@settings(max_examples=examples(7, 25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lines=files(), ending=st.sampled_from([b"\n", b"\r\n"]))
def test_no_row_is_lost_and_each_event_is_sound(tmp_path, run_collector, lines, ending):
    path: Path = tmp_path / "calls.jsonl"
    path.write_bytes(ending.join([json.dumps(BASE[0]).encode(), *lines]))
    ran = run_collector(path)
    # `count` itself refuses sums that do not add up; this holds its rows_in against the file.
    physical = path.read_bytes().split(b"\n")
    assert ran.found.rows_in == sum(bool(line.strip()) for line in physical)
    assert sum(ran.counts) == ran.found.rows_in
    assert len(ran.rejected) == ran.found.rejected
    assert len({event["id"] for event in ran.events}) == ran.found.events == len(ran.events)
    for rejected in ran.rejected:
        assert physical[rejected["line"] - 1].strip()
        assert rejected["rule"]
        assert rejected["message"]
    for event in ran.events:
        assert event["usage_source"] == "missing" or (event["input_tokens"] >= 0 and event["output_tokens"] >= 0)
        assert event["cost_usd"] is None or event["cost_usd"] >= 0
        assert (event["cost_source"] == "unpriced") == (event["cost_usd"] is None)


@settings(max_examples=examples(2, 5), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(len(BASE))))
def test_the_order_of_the_rows_changes_no_event(tmp_path, run_collector, order):
    path: Path = tmp_path / "calls.jsonl"
    shuffled: Path = tmp_path / "shuffled.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in BASE))
    shuffled.write_text("".join(json.dumps(BASE[n]) + "\n" for n in order))
    without_origin = [
        [{name: value for name, value in event.items() if name[0] != "_"} for event in run_collector(file).events]
        for file in (path, shuffled)
    ]
    assert without_origin[0] == without_origin[1]
    assert len(without_origin[0]) == len(BASE)
