"""Which answers are kept, for how long, and how they come back."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.gateway.responses.world import EXACT, OPENAI, World, answer, outcome, question, serving
from tokenop.gateway.model import Outcome
from tokenop.providers.base import Target
from tokenop.providers.model import MISSING, Native, Response, Text, Thinking, ToolCall, Usage
from tokenop.routing.model import Decision

ASKED = "What does it cost?"
CHEAP = Target("local", "ollama", "small")
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object", "required": ["what"]}}}


def test_without_a_config_nothing_is_kept_and_no_folder_is_made(tmp_path: Path) -> None:
    for said in (None, {"enabled": False}, {"modes": ["exact"]}):
        world = World(tmp_path / "state", said)
        assert world.ask(ASKED).cached == "off"
        assert world.ask(ASKED).notes["hit"] is None
    assert not (tmp_path / "state").exists()


def test_an_answer_comes_back_as_it_was_with_what_it_had_used(tmp_path: Path) -> None:
    world = World(tmp_path, EXACT)
    parts = (
        Thinking("hm", signature="s"),
        Text("It is 5 €.\n", extra={"citations": [1]}),
        ToolCall("c1", "find", {"what": ["x"]}, raw='{"what": ["x"]}'),
        Native("anthropic", {"type": "other"}),
    )
    first = answer(parts=parts, finish="tool_calls", native_finish="tool_use", extra={"created": 1}, raw=b"{}")
    assert world.ask(question(ASKED, tools=[TOOL]), first).cached == "miss"
    call = world.ask(question(ASKED, tools=[TOOL], stream=True))
    hit = call.notes["hit"]
    assert (call.cached, hit.kind, hit.provider, hit.tokens_saved) == ("exact", "exact", "openai", 30)
    assert hit.response == replace(first, raw=None)
    assert hit.response.raw is None
    assert (world.cache.counts.saved_tokens, str(world.cache.counts.saved_usd)) == (30, "0.01")


@pytest.mark.parametrize(
    ("said", "billed", "saved"),
    [
        (MISSING, Usage(9, 4, source="estimated"), 13),
        (Usage(10**15, 7), Usage(9, 7, source="estimated"), 16),
        (Usage(-5, 7), Usage(9, 7, source="estimated"), 16),
        (Usage(10**12, 10**12), Usage(10**12, 10**12), 10**12),
        (MISSING, MISSING, None),
    ],
    ids=["nothing said", "more than any call has", "less than nothing", "the most of both", "nobody knows"],
)
def test_a_hit_saves_what_was_billed_and_not_what_a_provider_says(
    tmp_path: Path, said: Usage, billed: Usage, saved: int | None
) -> None:
    world = World(tmp_path, EXACT)
    first = world.call(ASKED)
    assert world.look_up(first) is None
    world.cache.keep(first, outcome(answer(usage=said), attempt={"usage": billed}))
    hit = world.ask(ASKED).notes["hit"]
    assert (hit.tokens_saved, world.cache.counts.saved_tokens) == (saved, saved or 0)


@pytest.mark.parametrize(
    ("written", "instead"),
    [
        (b'"tokens":30', b'"tokens":-1'),
        (b'"tokens":30', b'"tokens":1000000000001'),
        (b'"usd":"0.01"', b'"usd":"sNaN"'),
        (b'"usd":"0.01"', b'"usd":"-1"'),
        (b'"usd":"0.01"', b'"usd":"1e999999"'),
        (b'"text":"Click on it."', b'"text":5'),
        (b'"text":"Click on it."', b'"text":"x","extra":5'),
        (b'"type":"text","text":"Click on it."', b'"type":"tool_call","id":5,"name":[],"arguments":"x"'),
    ],
)
def test_a_line_that_no_gateway_wrote_is_no_answer(tmp_path: Path, written: bytes, instead: bytes) -> None:
    World(tmp_path, EXACT).ask(ASKED)
    (path,) = (tmp_path / "cache").glob("answers-*")
    line = path.read_bytes()
    assert written in line
    path.write_bytes(line.replace(written, instead))
    again = World(tmp_path, EXACT)
    again.cache.begin(again.serving)
    assert again.said_of(ASKED) == "miss"


def test_what_is_kept_is_on_disk_for_its_owner_alone(tmp_path: Path) -> None:
    World(tmp_path, EXACT).ask(ASKED)
    (path,) = (tmp_path / "cache").glob("answers-*")
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert ASKED.encode() not in path.read_bytes()  # a question is a hash


@pytest.mark.parametrize(
    ("response", "kept"),
    [
        (answer(), True),
        (answer(finish="stop_sequence"), True),
        (answer(finish="length"), False),
        (answer(finish="refused"), False),
        (answer(finish="unknown"), False),
        (answer(finish="paused"), False),
        (answer(" "), False),
        (answer("I'm sorry, but I can't help with that."), False),
        (answer("```py\nx = 1"), False),
        (answer(parts=(ToolCall("c", "find", None, raw="{"),), finish="tool_calls"), False),
        (answer("x" * 2_000_000), False),
        (answer("half a pair: \ud800"), False),
        (None, False),
    ],
    ids=str,
)
def test_only_whole_answers_that_look_good_are_kept(tmp_path: Path, response: Response | None, kept: bool) -> None:
    world = World(tmp_path, EXACT)
    call = world.call(ASKED)
    world.look_up(call)
    world.cache.keep(call, outcome(response))
    assert world.said_of(ASKED) == ("exact" if kept else "miss")


@pytest.mark.parametrize(
    ("ended", "kept"),
    [
        (outcome(answer(), events=({"quality_score": 0.79},)), False),
        (outcome(answer(), events=({"quality_score": 0.8},)), False),
        (outcome(answer(), events=({"quality_score": 0.81},)), True),
        (outcome(answer(), status=499), False),
        (outcome(answer(), status=500), False),
        (outcome(answer(usage=Usage(source="missing")), cost_usd=None), True),
    ],
    ids=["0.79", "0.8", "0.81", "499", "500", "no usage"],
)
def test_quality_and_status_decide_what_is_kept(tmp_path: Path, ended: Outcome, kept: bool) -> None:
    world = World(tmp_path, EXACT)
    call = world.call(ASKED)
    world.look_up(call)
    world.cache.keep(call, ended)
    assert world.said_of(ASKED) == ("exact" if kept else "miss")


def test_a_cheaper_answer_for_want_of_money_is_not_kept(tmp_path: Path) -> None:
    world = World(tmp_path, EXACT)
    for decision, ended, kept in (
        (Decision("rule", "T2", (OPENAI,), ""), outcome(answer(), target=CHEAP), False),
        (Decision("asked", None, (OPENAI, CHEAP), ""), outcome(answer(), attempt={"fallback_used": True}), False),
        (Decision("rule", "T2", (CHEAP, OPENAI), ""), outcome(answer(), attempt={"fallback_used": True}), True),
    ):
        call = world.call(ASKED)
        world.look_up(call)
        call.decision = decision
        world.cache.keep(call, ended)
        assert (world.said_of(ASKED) == "exact") == kept


def test_an_answer_is_served_for_its_time_and_no_longer(tmp_path: Path) -> None:
    world = World(tmp_path, {**EXACT, "ttl_seconds": 60})
    world.ask(ASKED)
    world.now += 60
    assert world.said_of(ASKED) == "exact"
    world.now += 1
    assert world.said_of(ASKED) == "miss"
    world.ask(ASKED, "It is dearer now.")
    hit = world.look_up(world.call(ASKED))
    assert hit is not None
    assert hit.response.text == "It is dearer now."


@pytest.mark.parametrize(
    ("header", "said", "then"),
    [("no-store", "skipped", "miss"), ("no-cache", "skipped", "exact"), ("max-age=0, No-Store", "skipped", "miss")],
)
def test_a_caller_may_ask_for_a_fresh_answer(tmp_path: Path, header: str, said: str, then: str) -> None:
    world = World(tmp_path, EXACT)
    assert world.ask(ASKED, headers={"cache-control": header}).cached == said
    assert world.said_of(ASKED) == then
    if then == "exact":
        assert world.ask(ASKED, "New.", headers={"cache-control": header}).cached == said
        assert world.ask(ASKED).notes["hit"].response.text == "New."


def test_calls_of_which_a_condition_holds_are_left_out(tmp_path: Path) -> None:
    world = World(tmp_path, {**EXACT, "skip": ["temperature > 0.3", "intent = 'draft'"], "max_prompt_tokens": 100})
    long = world.call(ASKED)
    long.input_tokens = 101
    world.look_up(long)
    assert long.cached == "skipped"
    assert world.ask(question(ASKED, temperature=0.4)).cached == "skipped"
    assert world.ask(ASKED, labels={"intent": "draft"}).cached == "skipped"
    assert world.ask(ASKED).cached == "miss"
    assert world.cache.counts.skipped == {"long": 1, "rule": 2}


def test_a_swapped_config_takes_effect_with_the_next_call(tmp_path: Path) -> None:
    world = World(tmp_path, EXACT)
    world.ask(ASKED)
    before = world.call(ASKED)
    world.serving = serving({**EXACT, "enabled": False})
    assert world.said_of(ASKED) == "off"
    world.look_up(before)  # a call goes by what held when it began
    assert before.cached == "exact"
    world.serving = serving({**EXACT, "min_quality": 1})
    assert world.said_of(ASKED) == "miss"


def test_the_answers_used_longest_ago_go_first(tmp_path: Path) -> None:
    world = World(tmp_path, EXACT, own={"cache": {"max_entries": 2}})
    world.ask("one")
    world.ask("two")
    assert world.said_of("one") == "exact"
    world.ask("three")
    assert [world.said_of(text) for text in ("one", "two", "three")] == ["exact", "miss", "exact"]


HOSTILE: list[dict[str, Any]] = [
    question("\x00\x1b]0;x\x07"),
    question("a" * 100_000),
    question("x", extra={"a": {"b": [[[[[1e308, -0.0, 2**60]]]]]}}),
    {"model": "m", "messages": [{"role": "user", "content": [{"type": "text", "text": ""}]}]},
]


@pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
def test_any_body_that_could_be_read_is_looked_up(tmp_path: Path, body: dict[str, Any]) -> None:
    world = World(tmp_path, {**EXACT, "modes": ["exact", "semantic"]})
    world.ask(body)
    assert world.said_of(body) == "exact"
    assert world.told == []
