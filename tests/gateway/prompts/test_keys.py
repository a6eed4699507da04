"""Names of prompts, for providers that cache by themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.gateway.prompts.calls import NOBODY, RULES, World, serving
from tokenop.gateway.model import Identity
from tokenop.gateway.prompts.keys import Names
from tokenop.providers.base import Target

OPENAI = Target("openai", "openai-compatible", "gpt-4o-mini", "http://127.0.0.1:1/v1")
FORM = "{tenant}:{intent}:{system_prompt_sha256}"


def asked(system: str = RULES, **more: Any) -> dict[str, Any]:
    return {
        "model": "auto",
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": "Hi"}],
        **more,
    }


@pytest.fixture
def world(tmp_path: Path) -> World:
    settings = {"prompt_cache_key": FORM, "max_calls_per_minute_per_key": 15}
    return World(serving(tmp_path, {"enabled": True, "providers": {"openai": settings}}))


def name(world: World, body: dict[str, Any], identity: Identity = NOBODY, **labels: str) -> str:
    call = world.call(body, identity, **labels)
    sent = world.prompts.prepared(call, OPENAI, call.request)
    assert sent.as_sent is not None
    assert sent.as_sent.body["prompt_cache_key"] == sent.extra["prompt_cache_key"]
    assert {**sent.as_sent.body, "prompt_cache_key": None} == {**body, "prompt_cache_key": None}
    return str(sent.extra["prompt_cache_key"])


def test_calls_share_a_name_where_all_that_it_is_made_of_is_the_same(world: World) -> None:
    first = name(world, asked(), intent="a")
    assert first == name(world, asked(temperature=1), intent="a", session_id="s")
    others = [
        name(world, asked("Another. "), intent="a"),
        name(world, asked(), intent="b"),
        name(world, asked(), Identity(tenant="t"), intent="a"),
    ]
    assert len({first, *others}) == 4


def test_a_name_is_short_and_tells_nobody_who_asks(world: World) -> None:
    found = name(world, asked(), Identity(tenant="acme-" * 100), intent="a")
    assert len(found) <= 64
    assert "acme" not in found


def test_a_name_of_the_caller_stays(world: World) -> None:
    call = world.call(asked(prompt_cache_key="mine"))
    assert world.prompts.prepared(call, OPENAI, call.request) is call.request


def test_above_its_limit_a_name_is_spread_by_user_and_each_user_keeps_one(world: World) -> None:
    def names() -> list[str]:
        return [name(world, asked(), Identity(user_id=f"user-{n % 10}"), intent="a") for n in range(60)]

    assert len(set(names()[:15])) == 1
    later = names()
    assert 1 < len(set(later)) <= 8
    assert all(len(set(later[user::10])) <= 2 for user in range(10))
    world.now += 200
    assert len(set(names()[:15])) == 1


def test_processes_that_share_the_calls_share_the_limit(tmp_path: Path, world: World) -> None:
    world.prompts = world.process(workers=3)
    found = [name(world, asked(), Identity(user_id=f"user-{n}"), intent="a") for n in range(15)]
    assert len(set(found[:5])) == 1
    assert len(set(found)) > 1


def test_what_is_remembered_is_bounded(world: World) -> None:
    names = Names(most=5)
    for number in range(40):
        call = world.call(asked(f"{number}"))
        names.named(call, call.request, FORM, 15, 0.0)
    assert len(names._rates) == len(names._prompts) == 5
