"""The bot's comment: made of its own words, told once, and remembered."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from tests.conftest import ROOT
from tokenop.catalogue.rules import RULES
from tokenop.community import comment
from tokenop.community.comment import Item, Place, Result, State
from tokenop.community.comment_words import UNKNOWN, words
from tokenop.community.comment_words import shown as shown_name

SHA = "a" * 40
PLACE = Place("https://github.com", "octo/tokenop", SHA)
HOSTILE = st.text(st.sampled_from("`<>|[]()!@#*_\\\n\r\u202e\"'&;$ab/.-") | st.characters(), min_size=1, max_size=60)


def told(*items: Item, **changed: object) -> str:
    result = Result(PLACE, items, {"templates": 1}, **changed)
    return comment.rendered(result, State(SHA))


@given(HOSTILE)
def test_a_file_name_stays_a_name(name: str) -> None:
    text = told(Item(name, 3, 1, "FM003", "error"))
    tokens = MarkdownIt("gfm-like", {"html": True, "linkify": False}).parse(text)
    inline = [child for token in tokens for child in token.children or ()]
    assert not [child.content for child in inline if child.type == "html_inline"]
    # One link to the commit and one to the file, whatever the name looks like.
    links = [child.attrs["href"] for child in inline if child.type == "link_open"]
    assert len(links) == 2
    assert all(str(link).startswith("https://github.com/octo/tokenop/") for link in links)
    assert not [child for child in inline if child.type == "text" and "@" in child.content]


def test_a_comment_without_findings_is_one_line() -> None:
    lines = [line for line in told().splitlines()[1:] if line]
    assert len(lines) == 1
    assert lines[0].startswith("**Passed** at")


def test_the_verdict_is_counted_and_never_said_otherwise() -> None:
    error, warning = Item("a.md", 1, 1, "FM003", "error"), Item("a.md", 2, 1, "SC002", "warning")
    assert "**Passed** at" in told(warning)
    assert "0 errors, 1 warning" in told(warning)
    assert "**Not passed** at" in told(error, warning)
    assert "1 error, 1 warning" in told(error, warning)
    assert "**Not passed** at" in told(more=3)
    for note in ("unlike", "unusable", "waiting", "missing", "many"):
        assert "**Not passed** at" in told(notes=frozenset({note}))
    assert "**Passed** at" in told(notes=frozenset({"engine"}))


def test_the_same_words_are_said_once_a_file() -> None:
    text = told(*[Item("a.md", line, 1, "FM003", "error") for line in range(1, 501)])
    assert text.count(words("FM003").what) == 1
    assert f"[2:1](https://github.com/octo/tokenop/blob/{SHA}/a.md?plain=1#L2)" in text
    assert "and 497 more places" in text


@pytest.mark.parametrize("severity", ["error", "warning"])
def test_what_only_people_can_judge_comes_first_whatever_else_is_found(severity: str) -> None:
    found = Item("templates/a.md", 3, 1, "SE004", "warning")
    lines = told(found, Item("templates/a.md", 1, 1, "FM003", severity)).splitlines()
    assert lines[3] == "> [!WARNING]"
    assert "speaks to a model" in lines[4]
    assert not lines[1].startswith("**Passed**")


def test_each_note_is_a_paragraph_of_its_own() -> None:
    text = told(notes=frozenset({"engine", "moved", "many"}))
    quotes = [token for token in MarkdownIt().parse(text) if token.type == "blockquote_open"]
    assert len(quotes) == 3


def test_savings_are_the_own_run_s_word_and_here_nobody_else_s() -> None:
    saved = {"templates/x/a.md": {"sample-month": (1.0, 2.0, 3.0)}}
    text = told(economics=saved)
    assert "Replayed by this pull request's own run, not by the main branch." in text
    assert "`tokenop test-template --template templates/x/a.md --dry-run --validate-economics`" in text
    assert "own run" not in comment.told(Result(None, (), {"templates": 1}, saved))
    assert "--template PATH" in told(economics={"templates/x/$(id).md": saved["templates/x/a.md"]})


def test_a_long_list_is_cut_and_says_so() -> None:
    text = told(*[Item(f"{number}.md", 1, 1, "FM003", "error") for number in range(500)])
    assert "and 460 more" in text


@pytest.mark.parametrize("letter", ["a", "\N{GRINNING FACE}", "<"])
def test_no_choice_of_names_makes_a_comment_that_github_refuses(letter: str) -> None:
    paths = [f"templates/{number}/" + letter * length for number in range(500) for length in (180, 1000, 4000)]
    items = tuple(Item(path, line, 999, "FM001", "error") for path in paths for line in (1, 2, 3))
    saved: dict[str, tuple[float, float, float] | None] = dict.fromkeys(map(str, range(50)), (1.0, 2.0, 3.0))
    # Savings are told of templates with names in order alone.
    templates = [f"templates/x/{'a' * 170}{number}.md" for number in range(500)]
    text = told(*items, unlike=items, economics=dict.fromkeys(templates, saved))
    assert len(text) < 65_536
    assert "more" in text


def test_the_command_is_the_one_that_mends() -> None:
    assert "`tokenop templates lint --fix a.md`" not in told(Item("a.md", 1, 1, "FM003", "error"))
    mine = Item("templates/x/a.md", 1, 1, "FM003", "error")
    assert "`tokenop templates lint --fix templates/x/a.md`" in told(mine)
    claim = Item(mine.path, 2, 1, "EC003", "error")
    assert "`tokenop templates lint --fix --replay templates/x/a.md`" in told(mine, claim)
    reviews = Item("validations/a/reviews.md", 1, 1, "RP001", "error")
    assert "`tokenop templates lint --fix validations/a/reviews.md`" in told(reviews)
    assert "templates lint" not in told(Item("collectors/x/map.sql", 1, 1, "COLLECTOR-MAP", "error"))


def test_no_file_takes_all_places_of_a_list_that_is_cut() -> None:
    loud = [Item("a.md", line, 1, "FM001", "error") for line in range(500)]
    assert "`b.md:1:1`" in told(*loud, Item("b.md", 1, 1, "FM003", "error"))


def test_only_plain_names_are_put_into_a_command() -> None:
    text = told(Item("templates/x/$(id).md", 1, 1, "FM003", "error"))
    assert "`tokenop templates lint --fix templates`" in text


@pytest.mark.parametrize("rule", sorted(RULES))
def test_each_rule_has_words_for_the_comment(rule: str) -> None:
    assert words(rule).what == RULES[rule].what
    assert words(rule).how == RULES[rule].how


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("FM003", "FM003"),
        ("COLLECTOR-MAP", "COLLECTOR-MAP"),
        ("TRIAL-PATCH", "TRIAL-PATCH"),
        ("COLLECTOR-APPROVED-MERGE-AT-ONCE", "COLLECTOR"),
        ("EV-TYPE", "EV"),
        ("sql-binder", "sql"),
        ("APPROVED-BY-MAINTAINERS-MERGE-NOW", "other"),
    ],
)
def test_no_name_of_a_rule_brings_a_word_into_the_comment(said: str, shown: str) -> None:
    assert shown_name(said) == shown


def test_each_check_of_collectors_has_its_name_shown() -> None:
    found = {
        name
        for path in (ROOT / "tokenop" / "collect").rglob("*.py")
        for name in re.findall(r'"(COLLECTOR-[A-Z]+)"', path.read_text(encoding="utf-8"))
    }
    assert found
    assert {shown_name(name) for name in found} == found


def test_checks_beside_the_rules_have_words_too() -> None:
    assert words("COLLECTOR-EXPECTED") != words("COLLECTOR-MAP") != UNKNOWN
    assert words("ZZ999") == UNKNOWN


handles = st.from_regex(r"[a-z0-9](-?[a-z0-9]){0,20}", fullmatch=True)


@given(
    st.builds(
        State,
        st.just(SHA),
        st.lists(handles).map(tuple),
        st.lists(handles).map(tuple),
        st.none() | st.dates(date(2020, 1, 1)),
        st.integers(0, 9),
        st.integers(0, 10**12),
        st.just("") | st.from_regex(r"[0-9]{1,12}\.[0-9]{1,3}", fullmatch=True),
    )
)
def test_what_a_comment_remembers_is_read_again(state: State) -> None:
    assert comment.remembered(comment.rendered(Result(PLACE, (), {}), state)) == state


@given(st.text())
def test_any_other_text_is_no_memory(text: str) -> None:
    assert comment.remembered(text) is None
    assert comment.remembered(f"<!-- tokenop:pull-request {text} -->") is None


def test_the_part_with_the_reviewers_is_kept_as_it_stands() -> None:
    part = "<!-- tokenop:reviewers -->\nwho\n<!-- /tokenop:reviewers -->"
    text = comment.rendered(Result(PLACE, (), {}), State(SHA), part)
    assert comment.kept(text) == part
    assert comment.kept("nothing") == ""


def test_requests_count_once_from_those_who_may_and_only_on_a_line_of_their_own() -> None:
    thread = [
        (1, "ada", "/tokenop reroll"),
        (2, "Ada", " /tokenop recheck\n"),
        (3, "eve", "/tokenop reroll"),
        (4, "ada", "please /tokenop reroll"),
    ]
    allowed = {"reroll": ["ada"], "recheck": ["ada"]}
    assert comment.commands(thread, State(SHA), allowed) == ["recheck", "reroll"]
    assert comment.commands(thread, State(SHA, seen=1), allowed) == ["recheck"]
    assert comment.commands(thread, State(SHA, seen=2), allowed) == []


@given(st.text())
def test_code_has_no_way_out(text: str) -> None:
    shown = comment.code(text)
    assert "\n" not in shown
    fence = re.match(r"`+", shown)
    assert fence
    assert fence[0] not in shown[len(fence[0]) : -len(fence[0])].replace(" ", "x") or fence[0] == "`"
