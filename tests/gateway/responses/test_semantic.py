"""Semantic hits: none before enough was compared, then those alone that are alike enough."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path

import pytest

from tests.gateway.responses.world import BOTH, World, answer, outcome, question
from tokenop.gateway.model import Call
from tokenop.gateway.responses.bound import needed
from tokenop.gateway.responses.cache import NAME

ASKED, AGAIN = "How do I reset my password?", "How can I reset my password, please?"
ENOUGH = needed(0, 0.02)
# So many ways of asking it again: words without weight, in any order.
WAYS = [
    f"{' '.join(words)} how can I reset my password?"
    for words in permutations(["can", "you", "please", "tell", "me", "so"])
]


def learned(world: World, n: int = ENOUGH, text: str = "Click on Forgot.", *, ways: int = len(WAYS)) -> None:
    """Have `n` comparisons made, of calls whose fresh answers are not kept."""
    world.ask(ASKED, "Click on Forgot.")
    for number in range(n):
        call = world.call(WAYS[number % ways])
        assert world.look_up(call) is None
        assert call.cached == "miss"
        # The fresh answer is cut off from being kept, so that the next call is a semantic one again.
        world.cache.keep(call, outcome(answer(text), events=({"quality_score": 0.0},)))


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path, {**BOTH, "shadow_share": 0})


def test_no_semantic_hit_is_served_before_enough_was_compared(world: World) -> None:
    learned(world, ENOUGH - 1)
    call = world.call(AGAIN)
    assert world.look_up(call) is None
    assert call.notes[NAME].candidate is not None
    world.cache.keep(call, outcome(answer("Click on Forgot."), events=({"quality_score": 0.0},)))
    call = world.call(AGAIN)
    hit = world.look_up(call)
    assert hit is not None
    assert (call.cached, hit.kind, hit.response.text, hit.tokens_saved) == (
        "semantic",
        "semantic",
        "Click on Forgot.",
        30,
    )
    assert 0.75 < hit.likeness < 1
    assert world.cache.counts.compared == ENOUGH


def test_one_question_that_comes_often_proves_nothing_of_others(world: World) -> None:
    learned(world, 2 * ENOUGH, ways=3)
    assert world.said_of(AGAIN) == "miss"
    assert world.cache.gauges()["cache_false_hit_samples"] == 3


def test_a_question_that_differs_often_counts_each_time(world: World) -> None:
    learned(world, 9, "Ask your administrator.", ways=1)
    assert world.cache.gauges()["cache_false_hit_samples"] == 9


def test_answers_that_differ_keep_semantic_hits_from_being_served(world: World) -> None:
    learned(world, 20, "Ask your administrator for a new one.")
    assert world.cache.counts.differed == 20
    for way in WAYS[20 : 20 + ENOUGH]:
        call = world.call(way)
        world.look_up(call)
        assert call.cached == "miss"
        world.cache.keep(call, outcome(answer("Click on Forgot."), events=({"quality_score": 0.0},)))


def test_what_was_learned_is_there_after_a_restart(world: World) -> None:
    learned(world)
    again = world.process()
    call = world.call(AGAIN)
    hit = world.look_up(call, again)
    assert hit is not None
    assert call.cached == "semantic"
    told = again.gauges()
    assert 0.01 < told["cache_false_hit_bound"] <= 0.02
    assert (told["cache_false_hit_samples"], told["cache_likeness_threshold"]) == (ENOUGH, 0.75)


def test_before_anything_was_learned_that_is_what_is_told(world: World) -> None:
    world.ask(ASKED)
    told = world.cache.gauges()
    assert told["cache_entries"] == 1
    assert (told["cache_false_hit_bound"], told["cache_likeness_threshold"]) == (1, 2)


@pytest.mark.parametrize(
    "text",
    [
        "How do I not reset my password?",
        "How do I reset my password 2?",
        "How do I reset my Gmail password?",
        "What is the capital of France?",
    ],
)
def test_what_means_something_else_is_no_hit(world: World, text: str) -> None:
    learned(world)
    assert world.said_of(AGAIN) == "semantic"
    assert world.said_of(text) == "miss"


def test_a_semantic_hit_crosses_no_wall(world: World) -> None:
    learned(world)
    turn = {"role": "assistant", "content": "Hello."}
    assert world.said_of(AGAIN, tenant="acme") == "miss"
    assert world.said_of(question(AGAIN, temperature=1)) == "miss"
    body = question(AGAIN)
    assert world.said_of({**body, "messages": [turn, *body["messages"]]}) == "miss"


def test_what_one_tenant_taught_serves_no_other(world: World) -> None:
    learned(world)
    world.ask(ASKED, "Acme's answer.", tenant="acme")
    call = world.call(AGAIN, tenant="acme")
    assert world.look_up(call) is None
    assert call.notes[NAME].candidate is not None


def test_a_share_of_the_hits_is_answered_as_well_whatever_their_likeness(tmp_path: Path) -> None:
    world = World(tmp_path, {**BOTH, "shadow_share": 0.25})
    learned(world)
    served = drawn = 0
    for _ in range(400):
        call = world.call(AGAIN)
        if world.look_up(call) is None:
            assert call.cached == "miss"
            assert call.notes[NAME].candidate is not None
            drawn += 1
        else:
            served += 1
    assert served + drawn == 400
    assert 60 <= drawn <= 145  # 25 %, give or take five standard errors


def test_a_fresh_answer_that_was_cut_is_not_compared_and_a_refused_one_differs(world: World) -> None:
    world.ask(ASKED)
    for finish, compared, differed in (("length", 0, 0), ("refused", 1, 1)):
        call = world.call(AGAIN)
        world.look_up(call)
        world.cache.keep(call, outcome(answer("It", finish=finish)))
        assert (world.cache.counts.compared, world.cache.counts.differed) == (compared, differed)


def test_a_threshold_of_the_config_is_the_least_that_is_looked_at(tmp_path: Path) -> None:
    world = World(tmp_path, {**BOTH, "threshold": 0.99})
    world.ask(ASKED)
    call = world.call(AGAIN)
    world.look_up(call)
    assert call.notes[NAME].candidate is None


def test_an_embedder_that_fails_makes_a_miss(world: World) -> None:
    class Broken:
        space, floor = "hashed-1-384", 0.5

        async def embed(self, text: str) -> None:
            return None

        async def close(self) -> None:
            return None

    learned(world)
    assert world.cache._mind is not None
    world.cache._mind.embedder = Broken()
    assert world.said_of(AGAIN) == "miss"
    assert world.said_of(ASKED) == "exact"


def test_exact_alone_imports_nothing_and_writes_no_vector(tmp_path: Path) -> None:
    world = World(tmp_path, {"enabled": True})
    call: Call = world.ask(ASKED)
    assert call.cached == "miss"
    (path,) = (tmp_path / "cache").glob("answers-*")
    assert b"vector" not in path.read_bytes()
