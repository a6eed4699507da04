"""Where breakpoints are put."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.providers.anthropic import strategies
from tests.thoroughness import examples
from tokenop.providers.base import Target
from tokenop.providers.caching.boundary import MARKER, split
from tokenop.providers.caching.limits import minimum_tokens, tokens_at_least
from tokenop.providers.caching.place import Policy, explained, place
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.model import Image, Message, Native, Part, Request, Text, Tool, ToolResult

LONG = "Stable words of a rule. " * 300
TOOL = Tool("look_up", "Finds an order by its number. " * 400, {"type": "object"})
HI = Message("user", (Text("Hi"),))


def request(*system: Text, **more: Any) -> Request:
    return Request("claude-sonnet-4-5", (HI,), system, max_output_tokens=9, **more)


def marks(found: Request) -> list[str | None]:
    """Return the caches of all parts, in the order of the wire."""
    return [tool.cache for tool in found.tools] + [getattr(part, "cache", None) for part in parts(found)]


def parts(found: Request) -> Iterator[Part]:
    yield from found.system
    for message in found.messages:
        yield from message.parts


def test_what_stands_before_the_marker_is_cached_and_what_follows_is_not() -> None:
    placed = place(request(Text(f"{LONG}\n{MARKER}\nToday is Monday.")))
    assert placed.system == (Text(f"{LONG}\n", "5m"), Text("Today is Monday."))
    assert placed.messages == (HI,)


def test_without_a_marker_nobody_said_what_is_stable() -> None:
    assert place(request(Text(LONG))) == request(Text(LONG))


def test_each_stable_block_is_a_step_and_the_volatile_ones_are_none() -> None:
    placed = place(request(Text(LONG), Text(LONG), Text(f"{MARKER}\nmemory"), Text(LONG), tools=(TOOL,)))
    assert marks(placed) == ["5m", "5m", "5m", None, None, None]


def test_of_more_than_four_steps_the_longest_and_the_first_ones_stay() -> None:
    found = explained(request(*[Text(LONG)] * 6, Text(f"{MARKER}\nmemory")))
    assert found.set_at == ("system[0]", "system[1]", "system[2]", "system[5]")
    assert [name for name, _ in found.left_out] == ["system[3]", "system[4]"]


def test_what_is_too_short_to_be_cached_is_left_out_with_the_reason() -> None:
    found = explained(request(Text("Be brief."), Text(LONG), Text(f"{MARKER}\nmemory")))
    assert found.set_at == ("system[1]",)
    assert found.left_out == (("system[0]", "at least 1 tokens, and claude-sonnet-4-5 caches from 1024 on"),)
    short = request(Text(LONG), Text(f"{MARKER}\nmemory")).to("claude-haiku-4-5")
    assert explained(short).set_at == ()
    assert explained(short, Policy(minimum_tokens=100)).set_at == ("system[0]",)


def test_breakpoints_of_the_caller_stay_and_count() -> None:
    asked = request(*[Text(LONG)] * 3, Text(f"{MARKER}\nmemory"), tools=(TOOL,))
    message = Message("user", (Text("a", "5m"), Native("anthropic-messages", {"cache_control": {"type": "ephemeral"}})))
    placed = place(replace(asked, messages=(message,), extra={"cache_control": {"type": "ephemeral"}}))
    assert placed.messages == (message,)
    assert [each for each in marks(placed)[:5] if each] == ["5m"]
    assert placed.system[2].cache == "5m"


def test_a_mark_of_the_caller_on_what_is_volatile_is_taken_away() -> None:
    placed = place(request(Text(f"{LONG}\n{MARKER}\nToday.", "1h"), Text("State.", "1h")))
    assert marks(placed) == ["5m", None, None, None]


def test_long_times_stand_before_short_ones_whatever_the_caller_has_set() -> None:
    asked = request(Text(LONG), Text(f"{MARKER}\nmemory"))
    hour_after = replace(asked, messages=(Message("user", (Text("a", "1h"),)),))
    assert marks(place(hour_after)) == ["1h", None, "1h"]
    short_before = replace(asked, tools=(replace(TOOL, cache="5m"),))
    assert marks(place(short_before, Policy(ttl="1h")))[:2] == ["5m", "5m"]
    both = replace(short_before, messages=hour_after.messages)
    assert explained(both).left_out == (("system[0]", "a breakpoint of 1h must not follow one of 5m"),)


def test_a_marker_in_the_question_caches_the_document_before_it() -> None:
    message = Message("user", (Image(url="https://x.test/a.png"), Text(f"{LONG}\n{MARKER}\nWhat does it say?")))
    placed = place(replace(request(Text("Be brief.")), messages=(message, HI)))
    assert marks(placed) == [None, None, "5m", None, None]


def test_a_model_that_knows_no_breakpoints_is_asked_as_before() -> None:
    asked = request(Text(f"{LONG}\n{MARKER}\nx"), tools=(TOOL,)).to("llama-3.3-70b-versatile")
    assert explained(asked, Policy(minimum_tokens=1)).request is asked


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("claude-sonnet-4-5-20250929", 1024),
        ("eu.anthropic.claude-haiku-4-5-20251001-v1:0", 4096),
        ("claude-opus-4-6", 4096),
        ("claude-opus-4-8", 1024),
        ("claude-3-5-haiku-latest", 2048),
        ("sonnet", 2048),
        ("gpt-5", None),
    ],
)
def test_each_family_caches_from_its_own_length_on(model: str, least: int | None) -> None:
    assert minimum_tokens(model) == least


system_texts = st.lists(st.sampled_from([LONG, "short", f"{MARKER}\n", f"a\n{MARKER}\nb\n{MARKER}\nc", ""]), max_size=7)


@settings(max_examples=examples(30, 100))
@given(strategies.requests, system_texts, st.sampled_from(("5m", "1h")), st.integers(0, 6))
def test_placing_keeps_the_words_and_the_wires_rules(asked: Request, texts: list[str], ttl: Any, most: int) -> None:
    asked = replace(asked, model="claude-sonnet-4-5", system=tuple(map(Text, texts)))
    before, policy = repr(asked), Policy(ttl, most)
    placed = place(asked, policy)
    assert repr(asked) == before
    assert sum(text.count(MARKER) for text in texts) > 1 or place(placed, policy) == placed
    set_at = explained(asked, policy).set_at
    assert len(set_at) <= min(most, 4)
    stable, marked = boundary(texts), [name for name in set_at if name.startswith("system")]
    assert all(int(name[7:-1]) < stable for name in marked)
    said = "".join(part.text for part in placed.system if isinstance(part, Text))
    assert squeezed(said) == squeezed("".join(unmarked(texts)))
    assert FORMAT.write_request(placed, Target("t", "anthropic", "claude-sonnet-4-5")).body


def boundary(texts: list[str]) -> int:
    """Return how many parts can be stable: those up to the first marker."""
    return next((number + 1 for number, text in enumerate(texts) if MARKER in text), 0)


def unmarked(texts: list[str]) -> Iterator[str]:
    """Yield the texts without the first marker."""
    gone = False
    for text in texts:
        yield text.replace(MARKER, "", 0 if gone else 1)
        gone = gone or MARKER in text


def squeezed(text: str) -> str:
    return "".join(text.split())


@pytest.mark.parametrize(
    "line",
    [
        "<!-- CACHE BOUNDARY -->",
        "  <!-- === CACHE BOUNDARY === everything below changes -->",
        "## CACHE BOUNDARY",
        "# === CACHE BOUNDARY (stable above) ===",
        "--- CACHE BOUNDARY ---",
        "**CACHE BOUNDARY**",
        "CACHE BOUNDARY",
    ],
)
def test_a_marker_is_a_line_of_its_own(line: str) -> None:
    for ending in ("\n", "\r\n"):
        found = split(f"a{ending}{line}{ending}b")
        assert (found.stable, found.volatile, found.lines) == (f"a{ending}", "b", (2,))


@pytest.mark.parametrize(
    "text",
    [
        "Put a CACHE BOUNDARY line into each agent.",
        "- CACHE BOUNDARY is where it ends",
        "`<!-- CACHE BOUNDARY -->`",
        "```\n<!-- CACHE BOUNDARY -->\n```\n",
        "~~~md\n## CACHE BOUNDARY\n~~~\n",
        "<!-- cache boundary -->",
        "<!-- CACHE BOUNDARY --> and more",
    ],
)
def test_words_about_the_marker_are_none(text: str) -> None:
    assert split(text).lines == ()


def test_the_estimate_counts_fewer_tokens_than_the_recorded_prompts_had() -> None:
    # Characters and input tokens of test_anthropic_cache_real_api and …_bedrock_real_api.
    for characters, tokens in ((5428, 1114), (43278, 9514)):
        assert 0.85 * tokens < tokens_at_least(characters) < tokens


def test_results_of_tools_count_towards_the_length() -> None:
    result = Message("user", (ToolResult("1", (Text(LONG),)), Text(f"x\n{MARKER}\ny")))
    assert explained(replace(request(), messages=(result,))).set_at == ("messages[0][1]",)
