"""What a hit never crosses, and what does not hold calls apart."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.gateway.responses.world import BOTH, EXACT, World, question
from tests.thoroughness import examples
from tokenop.gateway.responses.keys import key_of, skipped
from tokenop.gateway.responses.policy import policy_of

ASKED = "How do I change my address?"
TOOL = {"type": "function", "function": {"name": "find", "parameters": {"type": "object"}}}
BASE = question(ASKED, temperature=0, tools=[TOOL], max_tokens=50)
BASE["messages"].insert(0, {"role": "system", "content": "Be brief."})


def changed(**more: Any) -> dict[str, Any]:
    return {**copy.deepcopy(BASE), **more}


def with_messages(*messages: dict[str, Any]) -> dict[str, Any]:
    return changed(messages=list(messages))


SYSTEM, USER = BASE["messages"]
PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,aGk="}}
APART = {
    "model": changed(model="gpt-4o"),
    "system prompt": with_messages({"role": "system", "content": "Be long."}, USER),
    "no system prompt": with_messages(USER),
    "tools": changed(tools=[{**TOOL, "function": {**TOOL["function"], "name": "seek"}}]),
    "no tools": {name: value for name, value in BASE.items() if name != "tools"},
    "tool_choice": changed(tool_choice="none"),
    "temperature": changed(temperature=0.5),
    "top_p": changed(top_p=0.5),
    "seed": changed(seed=1),
    "stop": changed(stop=["x"]),
    "answer format": changed(response_format={"type": "json_object"}),
    "max_tokens": changed(max_tokens=51),
    "effort": changed(reasoning_effort="low"),
    "a field that nobody knows": changed(some_new_field=1),
    "earlier turns": with_messages(SYSTEM, USER, {"role": "assistant", "content": "Why?"}, USER),
    "a picture": with_messages(SYSTEM, {"role": "user", "content": [{"type": "text", "text": ASKED}, PICTURE]}),
    "words": with_messages(SYSTEM, {"role": "user", "content": ASKED + " Now."}),
}


@pytest.fixture
def world(tmp_path: Path) -> World:
    world = World(tmp_path, EXACT)
    world.ask(BASE)
    assert world.said_of(BASE) == "exact"
    return world


@pytest.mark.parametrize("name", APART)
def test_a_hit_never_crosses(world: World, name: str) -> None:
    assert world.said_of(APART[name]) == "miss"


def test_a_hit_never_crosses_tenants_tiers_betas_and_wires(world: World) -> None:
    assert world.said_of(BASE, tenant="acme") == "miss"
    assert world.said_of(BASE, asked="T4") == "miss"
    assert world.said_of(BASE, facts={"tier": "T4"}) == "miss"
    assert world.said_of(BASE, headers={"anthropic-beta": "context-1m"}) == "miss"
    plain = {"model": "m", "max_tokens": 9, "messages": [USER]}
    world.ask(plain)
    assert (world.said_of(plain), world.said_of(plain, wire="anthropic-messages")) == ("exact", "miss")


@pytest.mark.parametrize(
    "more",
    [{"stream": True, "stream_options": {"include_usage": True}}, {"user": "sarah"}, {"metadata": {"intent": "x"}}],
    ids=str,
)
def test_what_changes_no_answer_holds_nothing_apart(world: World, more: dict[str, Any]) -> None:
    assert world.said_of(changed(**more)) == "exact"


def test_the_order_of_fields_holds_nothing_apart(world: World) -> None:
    assert world.said_of(dict(reversed(BASE.items()))) == "exact"


def test_a_config_may_hold_further_facts_apart(tmp_path: Path) -> None:
    world = World(tmp_path, {**EXACT, "partition_by": ["tenant", "requested_model", "intent", "user_id"]})
    sarah = {"labels": {"user_id": "sarah", "intent": "faq"}}
    world.ask(BASE, **sarah)
    assert world.said_of(BASE, **sarah) == "exact"
    assert world.said_of(BASE, labels={"user_id": "tom", "intent": "faq"}) == "miss"
    assert world.said_of(BASE, labels={"user_id": "sarah", "intent": "chat"}) == "miss"
    # All of whom nothing is known are not one person.
    assert world.said_of(BASE, labels={"intent": "faq"}) == "skipped"


@pytest.mark.parametrize("name", [name for name in APART if name not in {"words", "a picture"}])
def test_what_means_the_same_is_no_candidate_beyond_the_walls(tmp_path: Path, name: str) -> None:
    world = World(tmp_path, BOTH)
    policy = policy_of(world.serving)
    assert policy is not None
    here = key_of(world.call(BASE), policy, semantic=True)
    there = key_of(world.call(APART[name]), policy, semantic=True)
    assert here is not None
    assert there is not None
    assert here.partition is not None
    assert here.partition != there.partition


@pytest.mark.parametrize(
    "other",
    ["How do I not change my address?", "How do I change address 2?", "How do I change my Paris address?"],
)
def test_a_paraphrase_keeps_numbers_names_and_negations(tmp_path: Path, other: str) -> None:
    world = World(tmp_path, BOTH)
    policy = policy_of(world.serving)
    assert policy is not None
    keys = [
        key_of(world.call(text), policy, semantic=True) for text in (ASKED, other, "My address, how do I change it?")
    ]
    partitions = [key.partition for key in keys if key is not None]
    assert partitions[0] == partitions[2] != partitions[1]


def test_pictures_and_long_texts_are_found_by_the_same_bytes_alone(tmp_path: Path) -> None:
    world = World(tmp_path, BOTH)
    policy = policy_of(world.serving)
    assert policy is not None
    for body in (APART["a picture"], question("why? " * 1000), with_messages({"role": "assistant", "content": "So"})):
        key = key_of(world.call(body), policy, semantic=True)
        assert key is not None
        assert key.partition is None


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (with_messages(USER, {"role": "tool", "tool_call_id": "c", "content": "12"}), "tool result"),
        (question(ASKED, web_search_options={}), "server's tool"),
    ],
    ids=["tool result", "search"],
)
def test_what_depends_on_the_world_is_left_out(tmp_path: Path, body: dict[str, Any], why: str) -> None:
    world = World(tmp_path, EXACT)
    policy = policy_of(world.serving)
    assert policy is not None
    assert skipped(world.call(body), policy) == why


TEXTS = st.sampled_from(["", "a", "b", "a b"])
BODIES = st.fixed_dictionaries(
    {"messages": st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": TEXTS}), min_size=1, max_size=3)},
    optional={"temperature": st.sampled_from([0, 1]), "stream": st.booleans(), "user": TEXTS, "seed": st.just(1)},
)


@settings(max_examples=examples(60, 600), deadline=None)
@given(BODIES, BODIES, st.sampled_from([None, "t"]), st.sampled_from([None, "t"]))
def test_two_calls_have_one_key_just_where_they_say_the_same(
    one: dict[str, Any], two: dict[str, Any], mine: str | None, yours: str | None
) -> None:
    world = World(Path("unused"), BOTH)
    policy = policy_of(world.serving)
    assert policy is not None

    def meaning(body: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in body.items() if name not in ("stream", "user")}

    keys = [
        key_of(world.call({"model": "m", **body}, tenant=tenant), policy, semantic=False)
        for body, tenant in ((one, mine), (two, yours))
    ]
    assert keys[0] is not None
    assert (keys[0] == keys[1]) == ((meaning(one), mine) == (meaning(two), yours))
