"""What is proven never to happen never happens, and what is said to happen does."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.routing import drawn
from tokenop.routing.model import Facts
from tokenop.routing.predicates import Expression, compiled, read
from tokenop.routing.predicates.reach import Effort, Reached, reached


@functools.cache
def tree(sql: str) -> Expression:
    found, problems = read(sql)
    assert found is not None, problems
    return found


def asked(wanted: str, *before: str) -> Reached:
    return reached(tree(wanted), [tree(one) for one in before])


@functools.cache
def function(sql: str) -> Callable[[Facts], bool | None]:
    return compiled(tree(sql))


def comes_through(wanted: str, before: Sequence[str], call: Mapping[str, object]) -> bool:
    said = [function(one)(call) for one in (wanted, *before)]
    return said[0] is True and True not in said[1:]


def hold_against_calls(wanted: str, before: list[str], calls: list[Mapping[str, object]]) -> None:
    found = asked(wanted, *before)
    if found.witness is not None:
        assert comes_through(wanted, before, found.witness)
    if found.proven:
        assert not any(comes_through(wanted, before, call) for call in calls)


@settings(max_examples=20, deadline=None)
@given(drawn.predicates, st.lists(drawn.predicates, max_size=2), st.lists(drawn.facts, min_size=10, max_size=10))
def test_no_drawn_call_contradicts_a_proof_and_every_witness_comes_through(
    wanted: str, before: list[str], calls: list[Mapping[str, object]]
) -> None:
    hold_against_calls(wanted, before, calls)


@pytest.mark.thorough
@settings(max_examples=300, deadline=None)
@given(drawn.predicates, st.lists(drawn.predicates, max_size=2), st.lists(drawn.facts, min_size=40, max_size=40))
def test_thousands_of_drawn_calls_contradict_no_proof(
    wanted: str, before: list[str], calls: list[Mapping[str, object]]
) -> None:
    hold_against_calls(wanted, before, calls)


_simple = st.sampled_from(
    [
        *("input_tokens <= 2", "input_tokens > 1", "input_tokens = 2", "input_tokens BETWEEN 1 AND 2"),
        *("input_tokens IS NULL", "input_tokens IN (0, 3)", "2 < input_tokens", "input_tokens <> 1"),
        *("intent = 'a'", "intent IN ('a', 'b')", "intent IS NOT NULL", "intent <> 'b'", "coalesce(intent, 'a') = 'a'"),
        *("has_tools", "has_tools IS NOT TRUE", "has_tools = false"),
    ]
)
simple = st.recursive(_simple, drawn.grown, max_leaves=5)
# Every value that the predicates above can tell apart, and some that they cannot.
TOKENS, INTENTS, TOOLS = [0, 1, 2, 3, 4, 10**9, None], ["a", "b", "c", None], [True, False, None]
EVERY = [
    {"input_tokens": tokens, "intent": intent, "has_tools": tools}
    for tokens, intent, tools in itertools.product(TOKENS, INTENTS, TOOLS)
]


@settings(max_examples=60, deadline=None)
@given(simple, st.lists(simple, max_size=3))
def test_where_facts_are_held_against_constants_the_answer_is_that_of_trying_every_call(
    wanted: str, before: list[str]
) -> None:
    found = asked(wanted, *before)
    assert found.proven is not any(comes_through(wanted, before, call) for call in EVERY)
    assert found.proven is (found.witness is None)


@pytest.mark.parametrize(
    ("wanted", "before"),
    [
        ("input_tokens > 10 AND input_tokens < 11", []),
        ("input_tokens < 0", []),
        ("input_tokens <= 100 AND intent = 'a'", ["input_tokens <= 200"]),
        ("has_tools", ["has_tools AND stream", "has_tools AND stream IS NOT TRUE"]),
        ("regexp_matches(intent, 'sql') AND has_tools", ["regexp_matches(intent, 'sql')"]),
        ("intent = 'my sql'", ["regexp_matches(intent, 'sql')"]),
        ("intent IN ('a', 'b')", ["intent = 'a'", "intent LIKE 'b%'"]),
    ],
)
def test_a_rule_that_others_cover_is_proven_unreachable(wanted: str, before: list[str]) -> None:
    assert asked(wanted, *before).proven


@pytest.mark.parametrize(
    ("wanted", "before"),
    [
        ("has_tools", ["has_tools AND stream", "has_tools AND NOT stream"]),  # where `stream` is not known
        ("2 * input_tokens > 1000 AND 2 * input_tokens < 1010", []),
        ("regexp_matches(intent, 'sql') AND NOT regexp_matches(intent, 'code')", ["regexp_matches(intent, 'code')"]),
        ("temperature > 0.1 AND temperature < 0.2", ["temperature = 0.15"]),
        ("intent LIKE 'a%' AND intent LIKE '%b'", ["intent = 'ab'"]),
    ],
)
def test_a_rule_that_calls_still_reach_is_not_called_unreachable(wanted: str, before: list[str]) -> None:
    assert not asked(wanted, *before).proven


def test_what_only_looks_covered_stays_open() -> None:
    # Every text with `sql` has `sql` or `code`; patterns are not compared, so that is neither proven nor shown false.
    found = asked("regexp_matches(intent, 'sql')", "regexp_matches(intent, 'sql|code')")
    assert found == Reached(proven=False, witness=None)


def test_what_all_searches_take_together_is_bounded() -> None:
    parts = "input_tokens > {0} OR tool_count < {0} OR regexp_matches(user_id, 'x{0}')"
    rules = [tree(f"regexp_matches(intent, 'a.*b') AND ({parts.format(number)})") for number in range(20)]
    effort = Effort(left=500)
    found = [reached(rule, rules[:place], effort) for place, rule in enumerate(rules)]
    assert effort.left < 0
    assert not any(one.proven for one in found)
    assert found[-1].witness is None
