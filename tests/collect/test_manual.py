"""The collector for any table of calls: what becomes of a row."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest

from tokenop.errors import InputError, MisuseError

CALL = {"ts": "2026-03-02T09:00:00Z", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}


def runner(tmp_path, run_collector):
    """Return a function that runs the collector over rows (dicts, or lines as text or bytes)."""

    def run(*lines, name="calls.jsonl", **options):
        path = tmp_path / name
        raw = [x if isinstance(x, bytes) else (x if isinstance(x, str) else json.dumps(x)).encode() for x in lines]
        path.write_bytes(b"".join(line + b"\n" for line in raw))
        return run_collector(path, **options)

    return run


@pytest.fixture
def rows(tmp_path, run_collector):
    return runner(tmp_path, run_collector)


def call(**changed):
    return {name: value for name, value in (CALL | changed).items() if value is not ...}


@pytest.mark.parametrize(
    ("text", "zone", "utc"),
    [
        ("2023-11-16 18:15:46.6805900", "UTC", "2023-11-16T18:15:46.680590Z"),
        ("2023-11-16T18:15:46", "Europe/Berlin", "2023-11-16T17:15:46.000000Z"),
        ("2023-07-16 18:15", "Europe/Berlin", "2023-07-16T16:15:00.000000Z"),
        ("2023-11-16 18:15:46", "+05:30", "2023-11-16T12:45:46.000000Z"),
        ("2023-11-16", "-02:00", "2023-11-16T02:00:00.000000Z"),
        ("2023/11/16 18:15:46,5", "UTC", "2023-11-16T18:15:46.500000Z"),
        ("2023-11-16 18:15:46-0700", "UTC", "2023-11-17T01:15:46.000000Z"),
        ("2023-11-16 18:15:46 UTC", None, "2023-11-16T18:15:46.000000Z"),
        ("2023-11-16T18:15:46.123+05:30", None, "2023-11-16T12:45:46.123000Z"),
    ],
)
def test_times_become_utc(rows, text, zone, utc):
    ran = rows(call(ts=text), zone=zone)
    assert [event["ts"] for event in ran.events] == [utc]


@pytest.mark.parametrize(
    ("number", "epoch", "utc"),
    [
        (1723560043, "s", "2024-08-13T14:40:43.000000Z"),
        (1723560043.25, "s", "2024-08-13T14:40:43.250000Z"),
        ("1723560043123", "ms", "2024-08-13T14:40:43.123000Z"),
        (27482, "ms@2024-05-01T00:00:00Z", "2024-05-01T00:00:27.482000Z"),
        (0, "s@2024-05-01T02:00:00+02:00", "2024-05-01T00:00:00.000000Z"),
    ],
)
def test_numbers_become_times_with_an_epoch(rows, number, epoch, utc):
    assert [event["ts"] for event in rows(call(ts=number), epoch=epoch).events] == [utc]


@pytest.mark.parametrize(
    ("text", "rule", "flag"),
    [("2026-03-02 09:00:00", "EV-ZONE", "--tz"), ("2026-03-02", "EV-ZONE", "--tz"), (1772442000, "EV-TIME", "--epoch")],
)
def test_a_time_that_lacks_a_flag_is_rejected_naming_it(rows, text, rule, flag):
    (rejected,) = rows(call(ts=text)).rejected
    assert rejected["rule"] == rule
    assert flag in rejected["fix"]


NO_EVENTS = (
    ({"ts": "infinity"}, "EV-TIME"),
    ({"ts": "9999999999999999999"}, "EV-TIME"),
    ({"ts": "02/03/2026 09:00"}, "EV-TIME"),
    ({"ts": "2026-13-02T09:00:00Z"}, "EV-TIME"),
    ({"ts": None}, "EV-REQUIRED"),
    ({"ts": "2999-01-01T00:00:00Z"}, "EV-FUTURE"),
    ({"ts": "1999-01-01T00:00:00Z"}, "EV-EARLIEST"),
    ({"input_tokens": -1}, "EV-MIN"),
    ({"input_tokens": 12.7}, "EV-INTEGER"),
    ({"input_tokens": "NaN"}, "EV-NAN"),
    ({"input_tokens": "many"}, "EV-TYPE"),
    ({"output_tokens": 10**15}, "EV-MAX"),
    ({"output_tokens": "9" * 60}, "EV-MAX"),
    ({"output_tokens": "1e300"}, "EV-MAX"),
    ({"cost_usd": -0.1}, "SPEC-042-A-002"),
    ({"cost_usd": 1e9}, "EV-MAX"),
    ({"total_tokens": 13}, "SPEC-042-A-001"),
    ({"cache_read_input_tokens": 11}, "EV-CACHE-SUBSET"),
    ({"reasoning_output_tokens": 3}, "EV-REASONING-SUBSET"),
    ({"latency_ms": "fast"}, "EV-TYPE"),
    ({"quality_score": 1.5}, "EV-MAX"),
    ({"batch": "batch_17"}, "EV-TYPE"),
    ({"usage_source": "guessed"}, "EV-ENUM"),
    ({"model": "m" * 600}, "EV-LENGTH"),
)


def test_a_row_that_is_no_event_is_rejected_under_the_rule_that_validate_uses(rows):
    # One run for all: what is wrong with one row must not reach another.
    ran = rows(call(), *(call(**changed) for changed, _ in NO_EVENTS))
    assert [rejected["rule"] for rejected in ran.rejected] == [rule for _, rule in NO_EVENTS]
    assert [rejected["line"] for rejected in ran.rejected] == list(range(2, len(NO_EVENTS) + 2))
    assert len(ran.events) == 1


def test_whole_numbers_of_any_spelling_are_tokens(rows):
    ran = rows(call(input_tokens="17", output_tokens=12.0), call(input_tokens="1e3", output_tokens="007"))
    assert {(event["input_tokens"], event["output_tokens"]) for event in ran.events} == {(17, 12), (1000, 7)}


def test_what_the_source_does_not_say_is_unknown_and_never_zero(rows):
    (event,) = rows(call(model=" ", provider=None)).events
    assert (event["model"], event["provider"], event["tenant"]) == ("unknown",) * 3
    assert (event["latency_ms"], event["cost_usd"], event["cost_source"]) == (None, None, "unpriced")


def test_a_row_without_counts_says_that_usage_is_missing(rows):
    (event,) = [e for e in rows(call(), call(output_tokens=None)).events if e["output_tokens"] is None]
    assert event["usage_source"] == "missing"


ZERO_COSTS = (
    ({"model": "gpt-4o"}, None),
    ({"model": "ollama/llama3"}, Decimal(0)),
    ({"model": "ollama_chat/llama3"}, Decimal(0)),
    ({"provider": "vllm"}, Decimal(0)),
    ({"model": "x/y:free"}, Decimal(0)),
    ({"model": "collama"}, None),
    ({"cache_hit": True}, Decimal(0)),
    ({"input_tokens": 0, "output_tokens": 0}, Decimal(0)),
)


def test_a_cost_of_zero_is_unknown_where_it_can_hardly_be_true(rows):
    ran = rows(*(call(id=str(n), cost_usd=0, **changed) for n, (changed, _) in enumerate(ZERO_COSTS)))
    assert {event["id"]: event["cost_usd"] for event in ran.events} == {
        str(n): cost for n, (_, cost) in enumerate(ZERO_COSTS)
    }
    assert all((event["cost_source"] == "unpriced") == (event["cost_usd"] is None) for event in ran.events)
    assert ran.found.sources[0]["zero_costs_taken_as_unknown"] == 2


def test_zero_costs_are_kept_on_request(rows):
    (event,) = rows(call(cost_usd=0), settings=["zero_cost=free"]).events
    assert event["cost_usd"] == 0


def test_cached_tokens_are_added_where_the_source_leaves_them_out(rows):
    row = call(cache_read_input_tokens=100, cache_creation_input_tokens=5)
    assert rows(row).rejected[0]["rule"] == "EV-CACHE-SUBSET"
    (event,) = rows(row, settings=["input_excludes_cache=true"]).events
    assert event["input_tokens"] == 115


def test_a_negative_part_is_not_hidden_by_adding(rows):
    row = call(input_tokens=-5, cache_read_input_tokens=100)
    assert rows(row, settings=["input_excludes_cache=true"]).rejected[0]["field"] == "input_tokens"


def test_ids_survive_appending_moving_and_sorting(rows):
    some = [call(), call(model="a"), call()]
    before = {event["id"] for event in rows(*some).events}
    after = {event["id"] for event in rows(call(model="b"), *reversed(some), call(), name="other.jsonl").events}
    assert len(before) == 3
    assert before < after
    assert len(after) == 5


def test_ids_are_the_same_from_csv_and_json_lines(rows):
    (one,) = rows(call()).events
    (other,) = rows("output_tokens,ts,input_tokens,model", f"2,{CALL['ts']},10,gpt-4o", name="calls.csv").events
    assert one["id"] == other["id"]


def test_an_equal_row_with_the_same_id_is_a_duplicate(rows):
    ran = rows(call(id="a"), call(id="a"), call(id="b"))
    assert ran.counts == (2, 1, 0, 0)


def test_an_id_that_names_two_calls_rejects_the_second(rows):
    ran = rows(call(id="a"), call(id="a", output_tokens=3))
    assert ran.counts == (1, 0, 1, 0)
    assert "calls.jsonl:1" in ran.rejected[0]["message"]
    assert ran.events[0]["output_tokens"] == 2


def test_maps_reach_into_objects_and_text_that_holds_json(rows):
    row = {"t": "2026-03-02T09:00:00Z", "p": {"in": 5, "a.b": {"c": [1, 7]}}, "q": '{"model": "m"}'}
    (event,) = rows(
        row, maps=["ts=t", "input_tokens=p.in", 'output_tokens=p."a.b".c[1]', "model=q.model"]
    ).events  # fmt: skip
    assert (event["input_tokens"], event["output_tokens"], event["model"]) == (5, 7, "m")


def test_a_constant_fills_what_a_mapped_column_leaves_open(rows):
    ran = rows(call(team="a"), call(team=None), maps=["tenant=team"], constants=["tenant=rest", "provider=openai"])
    assert sorted(event["tenant"] for event in ran.events) == ["a", "rest"]
    assert {event["provider"] for event in ran.events} == {"openai"}


def test_lists_of_numbers_become_lists_of_hashes(rows):
    (event,) = rows(call(hash_ids=[0, 14]), maps=["prefix_hashes=hash_ids"]).events
    assert event["prefix_hashes"] == ["0", "14"]


def test_the_time_window_includes_its_start_and_excludes_its_end(rows):
    ran = rows(
        *(call(ts=f"2026-03-0{day}T00:00:00Z") for day in (1, 2, 3)), since="2026-03-02", until="2026-03-03"
    )  # fmt: skip
    assert ran.counts == (1, 0, 0, 2)
    assert ran.found.sources[0]["filtered_because"] == {"outside --since and --until": 2}


def test_names_that_differ_only_in_case_are_an_error_that_says_so(rows):
    with pytest.raises(InputError, match="differ only in case"):
        rows(call(MODEL="b"), maps=["intent=MODEL"])


def test_hostile_column_names_stay_names(rows):
    name = "x'\"; DROP TABLE y; --"
    (event,) = rows(call(**{name: "t"}), maps=[f"tenant={name}"]).events
    assert event["tenant"] == "t"
    with pytest.raises(MisuseError):
        rows(call(), maps=["tenant=nope'); SELECT 1 --"])


def test_the_quarantine_keeps_no_prompt(rows):
    ran = rows(call(input_tokens=-1, prompt="secret", output="secret"), maps=["prompt=prompt", "output=output"])
    assert "secret" not in (ran.rejected[0]["raw"] or "")


@pytest.mark.parametrize(("offset"), ["+24:00", "+99:99", "-05:60"])
def test_an_offset_that_no_zone_has_is_no_time(rows, offset):
    ran = rows(call(ts=f"2026-03-02T12:00:00{offset}"))
    assert [rejected["rule"] for rejected in ran.rejected] == ["EV-TIME"]


def test_microseconds_given_as_milliseconds_are_told_to_be_the_unit(rows):
    (rejected,) = rows(call(ts=1772442000000000), epoch="ms").rejected
    assert "milliseconds" in rejected["message"]
    assert "--epoch" in rejected["fix"]


def test_a_day_that_does_not_exist_is_not_said_to_lack_a_zone(rows):
    (rejected,) = rows(call(ts="2026-02-30"), zone="UTC").rejected
    assert (rejected["rule"], rejected["field"]) == ("EV-TIME", "ts")


@pytest.mark.parametrize("count", ["12.7", "1_000", "0x10"])
def test_counts_that_are_none_are_refused_where_cached_tokens_are_added_too(rows, count):
    ran = rows(call(input_tokens=count), settings=["input_excludes_cache=true"])
    assert ran.counts == (0, 0, 1, 0)


def test_an_index_beyond_any_list_is_misuse(rows):
    with pytest.raises(MisuseError, match="--map"):
        rows(call(a=[1]), maps=["tenant=a[99999999999999999999]"])
