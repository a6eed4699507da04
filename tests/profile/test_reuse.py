"""Reuse is measured from real inter-arrival times."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.database import connect
from tokenop.profile import reuse

START = datetime(2026, 9, 1, tzinfo=UTC)


def log(rows):
    connection = connect()
    connection.execute(
        "CREATE TABLE events (id VARCHAR, ts TIMESTAMPTZ, tenant VARCHAR, provider VARCHAR, model VARCHAR, "
        "intent VARCHAR, input_tokens BIGINT, prefix_hashes VARCHAR[], prompt_hash VARCHAR)"
    )
    for number, row in enumerate(rows):
        seconds, tenant, tokens, blocks, prompt = row
        values = (f"e{number:04d}", START + timedelta(seconds=seconds), tenant, "p", "m", "i", tokens, blocks, prompt)
        connection.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", values)
    return connection


def hits(rows):
    found = log(rows).execute(f"SELECT hit_5m_blocks, hit_5m_tokens FROM ({reuse.prefix_hits('events')}) ORDER BY id")
    return found.fetchall()


def test_a_prefix_seen_within_the_lifetime_is_read_block_by_block():
    rows = [(0, "a", 1000, ["x", "xy"], None), (200, "a", 1500, ["x", "xy", "xyz"], None)]
    assert hits(rows) == [(0, 0), (2, 1000)]


def test_a_read_keeps_the_cache_alive_and_silence_lets_it_die():
    rows = [
        (0, "a", 500, ["x"], None),
        (299, "a", 500, ["x"], None),
        (598, "a", 500, ["x"], None),
        (899, "a", 500, ["x"], None),
    ]
    assert [blocks for blocks, _ in hits(rows)] == [0, 1, 1, 0]


def test_tenants_do_not_share_a_cache():
    assert [blocks for blocks, _ in hits([(0, "a", 500, ["x"], None), (1, "b", 500, ["x"], None)])] == [0, 0]


def test_only_the_leading_run_of_blocks_counts():
    rows = [(0, "a", 1000, ["x", "k"], None), (1, "a", 1500, ["y", "k", "z"], None)]
    assert hits(rows)[1] == (0, 0)


def test_equal_prompts_repeat_within_the_window_only_and_unknown_stays_unknown():
    rows = [
        (0, "a", 1, None, "p"),
        (3600, "a", 1, None, "p"),
        (3600 * 30, "a", 1, None, "p"),
        (3600 * 30 + 1, "a", 1, None, None),
    ]
    found = (
        log(rows)
        .execute(f"SELECT {reuse.repeat(24)} FROM (SELECT id, {reuse.NARROW} FROM events) ORDER BY id")
        .fetchall()
    )
    assert [value for (value,) in found] == [0, 1, 0, None]


def test_a_key_is_warm_only_within_its_lifetime():
    rows = [(0, "a", 1, None, None), (300, "a", 1, None, None), (601, "a", 1, None, None)]
    connection = log(rows)
    for ttl, expected in (("5m", [0, 1, 0]), ("1h", [0, 1, 1])):
        found = connection.execute(
            f"SELECT {reuse.warm(ttl)} FROM (SELECT id, {reuse.NARROW} FROM events) ORDER BY id"
        ).fetchall()
        assert [value for (value,) in found] == expected


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(0, 2000), st.sampled_from("ab"), st.integers(1, 4)).map(
            lambda drawn: (drawn[0], drawn[1], drawn[2] * 512, ["x", "xy", "xyz", "xyzw"][: drawn[2]], None)
        ),
        max_size=12,
        unique_by=lambda row: row[0],
    )
)
def test_the_window_query_finds_what_a_walk_through_time_finds(rows):
    seen, expected = {}, {}
    for number, (seconds, tenant, _, blocks, _) in sorted(enumerate(rows), key=lambda item: (item[1][0], item[0])):
        run = 0
        for block in blocks:
            if (tenant, block) in seen and seconds - seen[tenant, block] <= 300:
                run += 1
            else:
                break
        for block in blocks:
            seen[tenant, block] = seconds
        expected[number] = run
    assert [blocks for blocks, _ in hits(rows)] == [expected[number] for number in range(len(rows))]


def test_mooncakes_hour_of_traffic_has_the_block_hits_that_were_counted_before(shared_data):
    connection = connect()
    path = shared_data / "mooncake_conversation_trace.jsonl"
    connection.execute(
        f"CREATE TABLE events AS SELECT CAST(row_number() OVER () AS VARCHAR) AS id, "
        f"make_timestamptz(timestamp * 1000) AS ts, "
        f"'t' AS tenant, 'p' AS provider, 'm' AS model, input_length AS input_tokens, "
        f"CAST(hash_ids AS VARCHAR[]) AS prefix_hashes FROM read_json('{path}')"
    )
    blocks, hit, tokens, whole = connection.execute(
        reuse.totals(reuse.prefix_table(connection, "events"), "5m")
    ).fetchone()
    assert (blocks, hit) == (288_500, 83_010)
    assert tokens == 42_480_677
    assert whole == 144_793_823
