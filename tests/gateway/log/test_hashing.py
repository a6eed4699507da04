"""Hashes tell which prompts and which beginnings of prompts are equal, and nothing else."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.gateway.capture.calls import TOOLS, call, outcome, request
from tokenop.errors import InputError
from tokenop.events.schema import columns
from tokenop.gateway.log.hashing import BLOCK, LONGEST, Hasher, hasher
from tokenop.gateway.log.prompts import PromptHashes
from tokenop.providers.model import Image, Message, Request, Text, Tool, ToolResult

HASHES = Hasher(b"k" * 32)


def asked(*texts: str) -> Request:
    return request(*(Message("user", (Text(text),)) for text in texts))


def test_an_installation_keeps_its_secret_for_itself(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    first = hasher(one).hashes(asked("hello"))
    assert hasher(one).hashes(asked("hello")) == first
    assert hasher(other).hashes(asked("hello")) != first
    (key,) = one.iterdir()
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    key.write_bytes(b"short")
    with pytest.raises(InputError, match="remove it for a new one"):
        hasher(one)


def test_prompts_that_go_on_share_the_hashes_of_their_beginning() -> None:
    beginning = "b" * (3 * BLOCK + 5)
    short, long = HASHES.hashes(asked(beginning, "x")), HASHES.hashes(asked(beginning, "y" * BLOCK))
    assert short["prefix_hashes"][:3] == long["prefix_hashes"][:3]
    assert short["prefix_hashes"][3] != long["prefix_hashes"][3]
    assert short["prompt_hash"] != long["prompt_hash"]
    assert (len(short["prefix_hashes"]), len(long["prefix_hashes"])) == (4, 5)


TURNS = st.lists(
    st.tuples(
        st.sampled_from(["user", "assistant"]), st.lists(st.text("a\x1d\x1e\x1fu") | st.just("\x1duser"), max_size=3)
    ),
    max_size=4,
)


def turned(turns: list[tuple[Any, list[str]]]) -> Request:
    return Request("m", tuple(Message(role, tuple(map(Text, texts))) for role, texts in turns))


@given(TURNS, TURNS)
def test_equal_hashes_are_equal_prompts(one: Any, other: Any) -> None:
    assert (HASHES.hashes(turned(one)) == HASHES.hashes(turned(other))) == (one == other)


def test_everything_that_is_asked_counts_and_how_it_is_asked_does_not() -> None:
    base = request(*TOOLS)
    same = (base.to("another-model"), request(*TOOLS, temperature=0.5, stream=True, max_output_tokens=9))
    tool = Tool("look", "looks", {"type": "object"})
    others = (
        request(*TOOLS, system=(Text("Be brief."),)),
        request(*TOOLS, tools=(tool,)),
        request(*TOOLS, tools=(Tool("look", "looks twice", {"type": "object"}),)),
        request(*TOOLS[:2]),
        request(Message("user", (Text("What is this?"), Image("image/png", data="other"))), *TOOLS[1:]),
    )
    wanted = HASHES.hashes(base)["prompt_hash"]
    assert all(HASHES.hashes(one)["prompt_hash"] == wanted for one in same)
    assert len({HASHES.hashes(one)["prompt_hash"] for one in (base, *others)}) == len(others) + 1


def test_a_mark_for_the_prompt_cache_changes_nothing() -> None:
    def said(text: str, mark: Any) -> Request:
        inner = Text("a cat", cache=mark)
        return request(Message("user", (Text(text, cache=mark), ToolResult("c1", (inner,), cache=mark))))

    for text in ("hello", "odd \x1d"):
        assert HASHES.hashes(said(text, "5m")) == HASHES.hashes(said(text, None))


def test_a_very_long_prompt_has_none() -> None:
    assert HASHES.hashes(asked("x" * (LONGEST + 1))) == {}
    assert HASHES.hashes(asked("é" * (LONGEST // 2 + 10))) == {}


def test_rows_get_them_unless_that_is_switched_off() -> None:
    watcher, one, two = PromptHashes(HASHES), call(1), call(2)
    watcher.began(one)
    watcher.on = False
    watcher.began(two)
    watcher.ended(one, outcome())
    assert set(one.notes["event"]) == {"prompt_hash", "prefix_hashes"}
    assert two.notes == {}
    assert set(one.notes["event"]) <= {column.name for column in columns()}
