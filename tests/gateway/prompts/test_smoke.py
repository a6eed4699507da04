"""The seed's smoke test through the gateway's own path: three dispatches, and 40 % of the input read from the cache."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests import wire
from tests.gateway.prompts.calls import CLAUDE, RULES, USUAL, Provider, World, body, marks, outcome, serving
from tests.thoroughness import examples
from tokenop.gateway.model import Outcome
from tokenop.gateway.upstream import GatewaySender, Upstream
from tokenop.providers.base import Target
from tokenop.providers.caching.boundary import MARKER
from tokenop.providers.caching.metrics import use
from tokenop.providers.model import Usage
from tokenop.routing.chain import arun


def bare(said: Any) -> Any:
    """Return a recorded body without the breakpoints that its caller had set."""
    if isinstance(said, dict):
        return {name: bare(value) for name, value in said.items() if name != "cache_control"}
    return [bare(each) for each in said] if isinstance(said, list) else said


async def dispatched(world: World, target: Target, bodies: Sequence[dict[str, Any]], **labels: str) -> list[Usage]:
    """Send bodies one after the other as the gateway does, and return what each answer says was used."""
    found = []
    async with GatewaySender({"ANTHROPIC_API_KEY": "k", "OPENAI_API_KEY": "k"}) as sender:
        for each in bodies:
            call = world.call(each, **labels)
            result = await arun([target], call.request, Upstream(sender, world.prompts, call), sleep=asyncio.sleep)
            assert result.error is None
            world.prompts.seen(call, Outcome(200, result.attempts, result.response))
            found.append(result.attempts[-1].usage)
    return found


@pytest.mark.parametrize("first", [0, 1])
def test_three_dispatches_read_40_percent_of_the_recorded_input(tmp_path: Path, shared_data: Path, first: int) -> None:
    assert shared_data.is_dir()
    recorded = [each for each in wire.exchanges("anthropic") if "cache" in each.file and "real_api" in each.file]
    three = recorded[first : first + 3]
    world = World(serving(tmp_path))
    # Bedrock names the model in its address: its answers are Claude's own.
    bodies = [bare({"model": CLAUDE.model, "max_tokens": 9, **(each.request_body or {})}) for each in three]
    with wire.serve(three) as server:
        target = replace(CLAUDE, base_url=server.base_url)
        usages = asyncio.run(dispatched(world, target, bodies, session_id="s", agent_id="a"))
        sent = [str(each.body) for each in server.received]
    assert all("cache_control" in each for each in sent)
    assert (use(usages).hit_ratio or 0) >= 0.4


def test_openai_is_told_the_name_of_the_prompt_and_reads_what_it_wrote(tmp_path: Path, shared_data: Path) -> None:
    assert shared_data.is_dir()
    pair = [each for each in wire.exchanges("openai_prompt_cache") if "openai_chat" in each.file]
    world = World(serving(tmp_path, {"enabled": True, "providers": {"openai": {"prompt_cache_key": "{intent}"}}}))
    said = [
        bare({name: one for name, one in (each.request_body or {}).items() if "cache" not in name}) for each in pair
    ]
    with wire.serve(pair) as server:
        target = Target("openai", "openai-compatible", "gpt-5.6-sol", server.base_url, "OPENAI_API_KEY")
        usages = asyncio.run(dispatched(world, target, said, intent="look_up"))
        names = {each.body["prompt_cache_key"] for each in server.received}
    assert len(names) == 1
    assert [usage.cache_read_input_tokens for usage in usages] == [0, 4012]


def played(folder: Path, gaps: Sequence[float], cache: dict[str, Any], texts: Sequence[int], **labels: str) -> Provider:
    """Send prompts of some kinds, each so long after the one before, and return what that came to."""
    world, provider = World(serving(folder, cache)), Provider()
    for gap, kind in zip(gaps, texts, strict=True):
        world.now += gap
        call = world.call(body(f"{kind} {RULES}"), **labels)
        world.prompts.seen(
            call, outcome(call, provider.usage(world.prompts.prepared(call, CLAUDE, call.request), world.now))
        )
    return provider


def test_a_simulated_provider_reads_two_of_three_dispatches(tmp_path: Path) -> None:
    world, provider = World(serving(tmp_path)), Provider()
    usages = []
    for number in range(3):
        call = world.call(body(f"{RULES}\n{MARKER}\nIt is {number} o'clock."))
        usages.append(provider.usage(world.prompts.prepared(call, CLAUDE, call.request), world.now))
    assert (use(usages).hit_ratio or 0) > 0.6


@given(
    traffic=st.lists(
        st.tuples(st.sampled_from([1.0, 60.0, 290.0, 310.0, 1000.0, 3500.0, 4000.0]), st.integers(0, 3)),
        min_size=1,
        max_size=60,
    ),
    ttl=st.sampled_from(["5m", "1h", None]),
    agent=st.booleans(),
)
@hypothesis.settings(max_examples=examples(25, 400), deadline=None)
def test_whatever_comes_costs_little_more_than_without_a_cache(
    tmp_path_factory: pytest.TempPathFactory, traffic: list[tuple[float, int]], ttl: str | None, agent: bool
) -> None:
    settings = {"breakpoints": USUAL["breakpoints"]} | ({"ttl": ttl} if ttl else {})
    cache = {"enabled": True, "providers": {"claude": settings}}
    labels = {"agent_id": "a", "session_id": "s"} if agent else {}
    gaps, texts = zip(*traffic, strict=True)
    provider = played(tmp_path_factory.mktemp("traffic"), gaps, cache, texts, **labels)
    one = provider.plain / len(traffic)
    # What is learned is paid for: some writes that nobody reads, never a share of all calls.
    assert provider.paid <= provider.plain + 8 * one


def test_steady_traffic_costs_nearly_as_little_as_a_cache_can(tmp_path: Path) -> None:
    provider = played(tmp_path, [60.0] * 200, {"enabled": True, "providers": {"claude": USUAL}}, [1] * 200)
    assert provider.paid < 0.12 * provider.plain
    assert marks(World(serving(tmp_path)).sent(body())) == []
