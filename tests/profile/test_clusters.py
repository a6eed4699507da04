"""Clusters: representatives by intent, and groups of prompts that a person would group the same way."""

from __future__ import annotations

import numpy as np
import pytest

from tokenop.profile import clusters, similarity
from tokenop.profile.narrow import narrow

DAY = "2026-09-01T"
TOPICS = {
    "refund": "Please refund order {n}, the parcel arrived damaged and I want my money back",
    "password": "I cannot sign in to my account, how do I reset my password for user {n}?",
    "invoice": "Extract supplier, date and total amount from the invoice numbered {n} below",
}


def rows(count=60):
    names = list(TOPICS)
    return [
        {
            "ts": f"{DAY}{n // 60:02d}:{n % 60:02d}:00Z",
            "prompt": TOPICS[names[n % 3]].format(n=1000 + 7 * n),
            "intent": names[n % 3],
        }
        for n in range(count)
    ]


def grouped(connection, method):
    with narrow(connection):
        return method(connection, "calls")


def test_representatives_are_the_calls_nearest_to_the_median(make_calls):
    sizes = [100, 900, 1000, 1100, 9000]
    connection = make_calls([{"ts": f"{DAY}00:00:0{n}Z", "input_tokens": size} for n, size in enumerate(sizes)])
    (one,) = grouped(connection, clusters.by_intent).rows
    assert [call.id for call in one.representatives] == ["e2", "e3", "e1"]
    assert one.share == 1


def test_prompts_are_grouped_by_what_they_say(make_calls):
    found = grouped(make_calls(rows()), clusters.by_meaning)
    assert found.method == "semantic"
    assert found.prompts == 60
    assert all(len(one.intents) == 1 for one in found.rows)
    assert {name for one in found.rows for name in one.intents} == set(TOPICS)
    assert all(one.representatives[0].prompt for one in found.rows)


def test_hit_shares_fall_with_the_threshold_and_ignore_other_tenants(make_calls):
    twice = [{**row, "tenant": tenant} for row in rows(6) for tenant in ("a", "b")]
    found = grouped(make_calls([*twice, {**rows(1)[0], "ts": f"{DAY}09:00:00Z", "tenant": "a"}]), clusters.by_meaning)
    shares = list(found.hits.values())
    assert shares == sorted(shares, reverse=True)
    assert found.hits["0.99"] == pytest.approx(1 / 13, abs=1e-6)


def test_without_prompts_it_says_what_collecting_them_would_give(make_calls):
    found = grouped(make_calls([{"ts": f"{DAY}00:00:00Z"}]), clusters.by_meaning)
    assert found.method == "intent"
    assert "no prompts" in found.note
    assert "semantic cache" in found.note


def test_grouping_is_the_same_from_run_to_run():
    prompts = [row["prompt"] for row in rows(90)]
    first, second = (similarity.groups(similarity.vectors(prompts)) for _ in range(2))
    assert first == second
    assert sorted(index for group in first for index in group) == list(range(90))


@pytest.mark.parametrize("prompts", [["a"], ["", ""], ["same"] * 5, ["\ud800", "日本語の質問"]])
def test_odd_prompts_are_grouped_without_failing(prompts):
    matrix = similarity.vectors(prompts)
    assert np.isfinite(matrix).all()
    assert sum(len(group) for group in similarity.groups(matrix)) == len(prompts)


def test_an_excerpt_keeps_the_beginning_and_the_end():
    text = clusters.excerpt("first\nline " + "x " * 1000 + "the question?")
    assert text.startswith("first line x")
    assert text.endswith("the question?")
    assert len(text) < 400
