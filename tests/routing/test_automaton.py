"""Patterns mean what RE2 means by them, and no pattern takes longer than its text."""

from __future__ import annotations

import functools

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.routing.predicates import regex
from tokenop.routing.predicates.automaton import Automaton
from tokenop.routing.predicates.needed import needed

_ATOMS = st.sampled_from(
    ["a", "b", ".", r"\.", r"\d", r"\W", r"\s", "[ab]", "[^a]", "[a-c-]", "[]b]", r"[\d_]", r"[^\s]", "é", "-", "}"]
)
_REPEATS = st.sampled_from(["", "", "", "*", "+", "?", "{2}", "{1,3}", "{0,1}", "{2,}", "*?", "+?"])


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    series = st.lists(inner | st.sampled_from(["^", "$"]), max_size=4).map("".join)
    group = st.tuples(st.sampled_from(["(", "(?:"]), st.lists(series, min_size=1, max_size=3), _REPEATS)
    return group.map(lambda parts: f"{parts[0]}{'|'.join(parts[1])}){parts[2]}")


_pieces = st.recursive(st.tuples(_ATOMS, _REPEATS).map("".join), _grown, max_leaves=4)
patterns = st.lists(_pieces | st.sampled_from(["^", "$"]), max_size=4).map("".join)
texts = st.text(alphabet="abc.-_1 é\n}", max_size=8)


@functools.cache
def judge() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    # The optimiser of DuckDB 2.0.0 takes `^(?:)` for a prefix, and finds it in the empty text alone.
    connection.execute("PRAGMA disable_optimizer")
    return connection


@settings(max_examples=80, deadline=None)
@given(patterns, st.lists(texts, min_size=1, max_size=8))
def test_what_is_found_is_what_duckdb_finds(pattern: str, found_in: list[str]) -> None:
    sql = "SELECT regexp_matches(t, $2), regexp_full_match(t, $2) FROM (SELECT unnest($1::VARCHAR[]) AS t)"
    judged = judge().execute(sql, [found_in, pattern]).fetchall()
    anywhere, whole = Automaton(pattern), Automaton(pattern, whole=True)
    assert [(anywhere.matches(text), whole.matches(text)) for text in found_in] == judged


@settings(max_examples=80, deadline=None)
@given(patterns.filter(lambda pattern: "^" not in pattern and "$" not in pattern))
def test_a_sample_of_a_pattern_is_found_by_it(pattern: str) -> None:
    assert Automaton(pattern).matches(regex.sample(regex.parse(pattern)))


class Counting(Automaton):
    """Counts how often a step has to be worked out, which is what a hostile text makes slow."""

    def __init__(self, pattern: str) -> None:
        self.steps = 0
        super().__init__(pattern)

    def _follow(self, state: object, kind: int) -> object:
        self.steps += 1
        return super()._follow(state, kind)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a|aa)+$", "(.*)*x", "(a?){60}a{60}b", "^(a|b|ab)*c$"])
def test_patterns_that_backtrack_without_end_take_one_step_a_character(pattern: str) -> None:
    automaton = Counting(pattern)
    text = "a" * 5_000 + "!"
    assert automaton.matches(text) is False
    assert automaton.steps < 200
    assert automaton.matches(text) is False


def test_what_is_remembered_of_a_pattern_is_bounded() -> None:
    automaton = Automaton("a.{12}b")  # 2^13 states where all are kept
    for number in range(3_000):
        automaton.matches("".join("ab"[number >> bit & 1] for bit in range(12)) * 2)
    assert len(automaton._states) <= 500


@pytest.mark.parametrize(
    "pattern",
    [
        *("(", "a)", "[a", "[b-a]", "*a", "a**", "a{3,2}", "a{101}", "a{", r"\b", r"\pL", "(?i)a", "(?P<n>a)"),
        *("[[:alpha:]]", "a\\", "(" * 40 + ")" * 40, "((a{50}){50})"),
    ],
)
def test_what_is_not_read_is_refused_with_its_place(pattern: str) -> None:
    with pytest.raises(ValueError, match=r"character \d+ of the pattern"):
        Automaton(pattern)


@settings(max_examples=80, deadline=None)
@given(patterns, texts, st.integers(0, 8))
def test_what_a_pattern_needs_is_in_every_text_that_it_finds(pattern: str, text: str, place: int) -> None:
    node = regex.parse(pattern)
    for whole in (text, text[:place] + regex.sample(node) + text[place:]):
        automaton = Automaton(pattern)
        wanted, automaton._needed = automaton._needed, ()
        assert not (wanted and automaton.matches(whole)) or any(one in whole for one in wanted)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("plan|re(?:as)on|(^|[^a-z])tag", ("plan", "reason", "tag")),
        ("a+bc*de", ("de",)),
        ("(ab|cd){2}x", ("ab", "cd")),
        ("(ab)?", ()),
        ("ab|[xy]", ()),
        ("^$", ()),
        ("", ()),
    ],
)
def test_a_pattern_needs_one_of_these(pattern: str, expected: tuple[str, ...]) -> None:
    assert needed(regex.parse(pattern)) == expected
