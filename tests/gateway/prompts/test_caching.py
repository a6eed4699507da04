"""Which prompts the gateway has cached, and which it leaves alone."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.prompts.calls import CLAUDE, QUESTION, RULES, USUAL, Provider, World, body, marks, outcome, serving
from tokenop.gateway.prompts.history import known
from tokenop.gateway.prompts.sights import UNKNOWN, Sights
from tokenop.providers.base import Target
from tokenop.providers.caching.boundary import MARKER

MARKED = f"{RULES}\n{MARKER}\nToday is Monday."
TOOL = {"name": "look_up", "description": "Finds an order. " * 500, "input_schema": {"type": "object"}}


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(serving(tmp_path))


def test_a_prompt_that_nobody_has_seen_is_sent_as_it_came(world: World) -> None:
    call = world.call(body())
    assert world.prompts.prepared(call, CLAUDE, call.request) is call.request


def test_a_prefix_that_comes_again_in_time_is_marked_from_the_second_time_on(world: World) -> None:
    asked = [marks(world.sent(body(RULES, {"role": "user", "content": f"Question {n}"}))) for n in range(3)]
    assert asked == [[], ["system[0]:5m"], ["system[0]:5m"]]


def test_a_prefix_that_comes_again_too_late_is_not(world: World) -> None:
    for _ in range(5):
        assert marks(world.sent(body())) == []
        world.now += 301


def test_what_is_shorter_than_the_model_caches_is_left_alone(world: World) -> None:
    short = body("Be brief.")
    for _ in range(3):
        call = world.call(short)
        assert world.prompts.prepared(call, CLAUDE, call.request) is call.request


def test_what_stands_before_the_marker_is_marked_at_once_and_the_marker_is_not_sent(world: World) -> None:
    said = body(MARKED, top_unknown={"kept": 1})
    before = copy.deepcopy(said)
    sent = world.sent(said)
    assert marks(sent) == ["system[0]:5m"]
    assert sent.as_sent is not None
    assert [block["text"] for block in sent.as_sent.body["system"]] == [f"{RULES}\n", "Today is Monday."]
    assert sent.as_sent.body["top_unknown"] == {"kept": 1}
    assert said == before


def test_what_follows_volatile_text_is_marked_only_once_it_was_seen_again(world: World) -> None:
    labels = {"session_id": "s", "agent_id": "a"}
    turns = [QUESTION, {"role": "assistant", "content": "It is."}, {"role": "user", "content": "Why?"}]
    assert marks(world.sent(body(MARKED, *turns[:1]), **labels)) == ["system[0]:5m"]
    assert marks(world.sent(body(MARKED, *turns), **labels)) == ["system[0]:5m", "messages[2][0]:5m"]
    changed = body(MARKED.replace("Monday", "Tuesday"), *turns, turns[1], turns[2])
    assert marks(world.sent(changed, **labels)) == ["system[0]:5m"]


def test_the_session_of_an_agent_is_marked_at_once_and_at_each_step(world: World) -> None:
    first, second = body(RULES, QUESTION, tools=[TOOL]), {"role": "assistant", "content": "It is."}
    labels = {"session_id": "s", "agent_id": "a"}
    assert marks(world.sent(first, **labels)) == ["tools[0]:5m", "system[0]:5m", "messages[0][0]:5m"]
    grown = body(RULES, QUESTION, second, {"role": "user", "content": "Why?"}, tools=[TOOL])
    assert marks(world.sent(grown, **labels))[-1] == "messages[2][0]:5m"


def test_a_conversation_that_has_grown_is_marked_without_being_told_what_it_is(world: World) -> None:
    turns = [QUESTION, {"role": "assistant", "content": "It is."}, {"role": "user", "content": "Why?"}]
    assert marks(world.sent(body(RULES, *turns[:1]))) == []
    assert marks(world.sent(body(RULES, *turns))) == ["system[0]:5m", "messages[2][0]:5m"]


def test_what_is_written_again_and_again_and_never_read_is_marked_no_more(world: World) -> None:
    provider, written = Provider(), []
    for number in range(60):
        call = world.call(body(f"{number} {MARKED}"))
        sent = world.prompts.prepared(call, CLAUDE, call.request)
        usage = provider.usage(sent, world.now)
        world.prompts.seen(call, outcome(call, usage))
        written.append(usage.cache_creation_input_tokens)
    assert 0 < sum(map(bool, written)) < 15
    assert not any(written[20:])


def test_a_cache_that_does_not_keep_what_it_is_given_is_given_less(world: World) -> None:
    held = []
    for _ in range(40):
        call = world.call(body())
        sent = world.prompts.prepared(call, CLAUDE, call.request)
        held.append(bool(marks(sent)))
        usage = Provider().usage(sent, world.now)  # a new one each time: nothing is ever read
        world.prompts.seen(call, outcome(call, usage))
    assert 0 < sum(held) < 10


def test_marks_of_the_caller_stay_as_they_are(world: World) -> None:
    own = [{"type": "text", "text": RULES, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    for _ in range(3):
        call = world.call(body(own))
        assert world.prompts.prepared(call, CLAUDE, call.request) is call.request
    assert marks(world.sent(body(own, {"role": "user", "content": MARKED}))) == ["system[0]:1h", "messages[0][0]:5m"]


def test_a_further_try_of_a_call_is_no_further_sight(world: World) -> None:
    call = world.call(body())
    for _ in range(3):
        assert world.prompts.prepared(call, CLAUDE, call.request) is call.request


@pytest.mark.parametrize(
    ("gap", "expected"), [(60, "system[0]:5m"), (900, "system[0]:1h"), (4000, None)], ids=["1 min", "15 min", "67 min"]
)
def test_where_the_config_says_no_lifetime_the_cheaper_one_is_taken(
    tmp_path: Path, gap: int, expected: str | None
) -> None:
    cache = {"enabled": True, "providers": {"claude": {"breakpoints": ["system"]}}}
    world = World(serving(tmp_path, cache))
    for _ in range(6):
        found = marks(world.sent(body()))
        world.now += gap
    assert found == ([] if expected is None else [expected])


def test_no_lifetime_of_an_hour_follows_one_of_five_minutes(tmp_path: Path) -> None:
    world = World(serving(tmp_path, {"enabled": True, "providers": {"claude": {"breakpoints": ["tools", "system"]}}}))
    for number in range(8):  # the tools come each minute, the system prompt each fifth of an hour
        found = marks(world.sent(body(RULES if number % 4 == 0 else f"{number}{RULES}", tools=[TOOL])))
        world.now += 200
    assert found[0] == "tools[0]:5m"
    assert "1h" not in "".join(found[1:])


@pytest.mark.parametrize("guard", [0, 1, 4])
def test_the_guard_of_the_config_holds(tmp_path: Path, guard: int) -> None:
    cache = {"enabled": True, "providers": {"claude": USUAL}, "guards": {"min_expected_reads_per_write": guard}}
    world = World(serving(tmp_path, cache))
    first = next(number for number in range(20) if marks(world.sent(body())))
    assert first == {0: 1, 1: 1, 4: 3}[guard]


@pytest.mark.parametrize(
    ("cache", "mode", "target"),
    [
        ({"enabled": False, "providers": {"claude": USUAL}}, "route", CLAUDE),
        ({"enabled": True, "providers": {"openai": USUAL}}, "route", CLAUDE),
        (None, "recon", CLAUDE),
        (None, "route", Target("claude", "anthropic", "claude-never-priced")),
        (None, "route", Target("claude", "claude-cli", "claude-sonnet-4-5")),
        (None, "route", Target("claude", "groq", "llama-3.3-70b-versatile")),
    ],
    ids=["disabled", "another provider", "recon", "no price", "a program", "another wire"],
)
def test_requests_stay_as_they_are_where_nothing_is_to_be_done(
    tmp_path: Path, cache: dict[str, Any] | None, mode: str, target: Target
) -> None:
    world = World(serving(tmp_path, cache, mode))
    for _ in range(3):
        call = world.call(body(MARKED))
        assert world.prompts.prepared(call, target, call.request) is call.request


def test_the_settings_for_a_model_say_how_short_a_prefix_may_be(tmp_path: Path) -> None:
    for said, expected in (({"claude-sonnet": 10}, True), ({"default": 10}, False), ({"default": 3000}, False)):
        cache = {"enabled": True, "providers": {"claude": {**USUAL, "min_tokens": said}}}
        world = World(serving(tmp_path, cache))
        found = [bool(marks(world.sent(body("Some words of a rule. " * 20)))) for _ in range(2)]
        assert found == [False, expected]


def test_a_caller_of_another_wire_is_marked_as_well(world: World) -> None:
    said = {"model": "auto", "messages": [{"role": "system", "content": MARKED}, QUESTION]}
    sent = world.sent(said)
    assert sent.as_sent is None
    assert [getattr(part, "cache", None) for part in sent.system] == ["5m", None]


def test_examples_before_the_question_are_static_where_the_config_asks_for_them(tmp_path: Path) -> None:
    world = World(
        serving(tmp_path, {"enabled": True, "providers": {"claude": {"breakpoints": ["last_static_message"]}}})
    )
    shots = [{"role": "user", "content": RULES}, {"role": "assistant", "content": [{"type": "text", "text": "Yes."}]}]
    asked = [marks(world.sent(body("", *shots, {"role": "user", "content": f"And {n}?"}))) for n in range(3)]
    assert asked == [[], ["messages[1][0]:5m"], ["messages[1][0]:5m"]]


def test_what_is_remembered_is_bounded_and_the_last_used_stays() -> None:
    sights = Sights(most_prefixes=10, most_kinds=3)
    for number in range(50):
        sights.look(0, number, sights.kind("kept", UNKNOWN))
        sights.look(number, number, sights.kind(number, UNKNOWN))
    assert len(sights.prefixes) == 10
    assert 0 in sights.prefixes
    assert sights.kind("kept", UNKNOWN).sights > 40


def test_what_the_log_knows_of_an_agent_marks_its_first_prompt(tmp_path: Path, world: World) -> None:
    day = tmp_path / "log" / "2026-11-21"
    day.mkdir(parents=True)

    def row(agent: str, read: int, written: int) -> str:
        said = {"tenant": "unknown", "intent": "unknown", "agent_id": agent, "cache_read_input_tokens": read}
        return json.dumps({**said, "cache_creation_input_tokens": written})

    rows = [row("reader", 2000 * (n > 0), 2000 * (n == 0)) for n in range(9)]
    rows += [row("writer", 0, 2000) for _ in range(9)] + ["torn {", "[]", '{"agent_id": 5}', ""]
    (day / "segment.jsonl").write_text("\n".join(rows), encoding="utf-8")
    told = known(tmp_path / "log")
    assert [(each.name[1], each.sights, each.again) for each in told] == [("reader", 9, 8), ("writer", 9, 0)]
    world.prompts = world.process(known=told)
    assert marks(world.sent(body(), agent_id="reader")) == ["system[0]:5m"]
    assert marks(world.sent(body(), agent_id="writer")) != []  # the same words: they came before, in time
    assert marks(world.sent(body(f"Other: {RULES}"), agent_id="writer")) == []
    assert known(tmp_path / "nowhere") == ()


def test_only_the_end_of_a_long_log_is_read(tmp_path: Path) -> None:
    day = tmp_path / "2026-11-21"
    day.mkdir()
    (day / "a.jsonl").write_text('{"agent_id":"old","cache_read_input_tokens":1}\n' * 100, encoding="utf-8")
    (day / "b.jsonl").write_text('{"agent_id":"new","cache_read_input_tokens":1}\n' * 100, encoding="utf-8")
    assert [each.name[1] for each in known(tmp_path, most_bytes=1000)] == ["new"]
