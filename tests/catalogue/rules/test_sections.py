"""SC001 to SC006: the sections of the body, and mending them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.catalogue.rules import specimen
from tests.catalogue.rules.texts import BODY, PATH, TEMPLATE, mended, said
from tokenop.catalogue.draft import Draft
from tokenop.catalogue.places import find
from tokenop.catalogue.rules import RULES, markup, reading
from tokenop.catalogue.rules.sections.sc006 import guess
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.sections import SECTIONS, named, split
from tokenop.settings import content

BLOCKS = re.split(r"(?m)^(?=## )", TEMPLATE[BODY:])


def template(*blocks: str) -> Draft:
    return specimen.draft(TEMPLATE[:BODY] + "".join(blocks))


def messages(rule: str, draft: Draft) -> list[tuple[int, str]]:
    return [(found.line, found.message) for found in specimen.said(rule, draft)]


def again(rule: str, draft: Draft) -> Draft:
    """Return the template after the rule's fix, which must be done after one round."""
    after = specimen.draft(specimen.mended(rule, draft))
    assert specimen.said(rule, after) == []
    assert specimen.mended(rule, after) == after.document.text
    return after


def test_the_specimen_has_nothing_to_say_against() -> None:
    assert [
        found
        for rule in RULES
        if rule.startswith("SC") and rule != "SC006"
        for found in messages(rule, template(*BLOCKS))
    ] == []


@given(st.sets(st.integers(1, 9)))
def test_whatever_is_missing_is_added_where_it_belongs(gone: set[int]) -> None:
    draft = template(*(block for number, block in enumerate(BLOCKS) if number not in gone))
    assert {message for _, message in messages("SC001", draft)} == {
        f"section {SECTIONS[number - 1]} is missing" for number in gone
    }
    after = again("SC001", draft)
    assert tuple(section.title for section in split(after.document)) == SECTIONS
    assert specimen.said("SC002", after) == []
    assert set(draft.document.text.split("\n")) <= set(after.document.text.split("\n"))
    stubs = [found for found in RULES["FM008"].check(_source(after), specimen.around()) if "TODO" in found.message]
    assert len(stubs) == len(gone)


def _source(draft: Draft) -> Source:
    return Source(PATH, draft.document.text)


@given(st.permutations(range(1, 10)), st.booleans())
def test_sections_are_moved_with_all_that_is_in_them(order: list[int], own: bool) -> None:
    blocks = [BLOCKS[0], *(BLOCKS[number].rstrip("\n") + "\n\n" for number in order)]
    if own:
        blocks.insert(4, "## Of our own\n\n```text\n## Not a heading\n```\n\n")
    draft = template(*blocks)
    assert bool(messages("SC002", draft)) == (order != sorted(order))
    after = again("SC002", draft)
    titles = [section.title for section in split(after.document)]
    assert [title for title in titles if title in SECTIONS] == list(SECTIONS)
    if own:
        assert titles[3] == "Of our own"
    said_before, said_after = ({s.title: s.text for s in split(d.document)} for d in (draft, after))
    assert said_before == said_after
    assert "\n\n\n" not in after.document.body


@pytest.mark.parametrize(
    "text", ["", "\n", "<!-- later -->", "### Part\n\n***\n", "---", "<!-- a -->\n\n#### x ####", "<!-- open"]
)
def test_headings_comments_and_rules_alone_say_nothing(text: str) -> None:
    draft = template(*(f"## Problem\n\n{text}\n\n" if block.startswith("## Problem") else block for block in BLOCKS))
    assert [message for _, message in messages("SC003", draft)] == ["section Problem is empty"]


@pytest.mark.parametrize(
    "text", ["x", "### Part\n\nx", "- x", "| a |\n|---|", "**Bold**", "```text\nx\n```", "<!-- a --> x"]
)
def test_anything_that_is_said_counts(text: str) -> None:
    draft = template(*(f"## Problem\n\n{text}\n\n" if block.startswith("## Problem") else block for block in BLOCKS))
    assert messages("SC003", draft) == []


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("**Time**: 5 minutes.", "**Time**: 5 minutes, then an hour of watching.", []),
        ("**Time**: 5 minutes.", "**Time**: about 300 seconds.", []),
        ("**Time**: 5 minutes.", "Each time 5 minutes pass.", ["does not say how long it takes"]),
        ("**Time**: 5 minutes.", "**Time**: soon.", ["does not say how long it takes"]),
        ("**Time**: 5 minutes.", "**Time**: 2 hours.", ["says 2 hours, risk.rollback_minutes says 5"]),
        ("**Owner**: the team that owns the prompt.", "The owners know.", ["names no owner"]),
        ("**Owner**: the team that owns the prompt.", "**Owner**: …", ["names no owner"]),
        ("2. Deploy.", "Deploy.", ["has no numbered steps"]),
    ],
)
def test_rollback_says_who_and_how_long(old: str, new: str, told: list[str]) -> None:
    draft = specimen.changed((old, new))
    line = TEMPLATE[: TEMPLATE.index("## Rollback")].count("\n") + 1
    assert messages("SC004", draft) == [(line, f"section Rollback {message}") for message in told]


def test_a_threshold_is_a_figure_or_an_event() -> None:
    for cell, wrong in (("quite high", True), ("above 5 %", False), ("any for a day", False), ("not lower", False)):
        draft = template(
            *BLOCKS[:8], f"## Monitoring\n\n| Metric | Threshold |\n|---|---|\n| errors | {cell} |\n\n", BLOCKS[9]
        )
        assert bool(messages("SC005", draft)) == wrong


@pytest.mark.parametrize(
    ("content", "language"),
    [
        ('{"a": [1]}\n', "json"),
        ("a: 1\nb:\n  - c\n", "yaml"),
        ("- a: 1\n  b: 2\n", "yaml"),
        ("tokenop plan\ngit push\n", "sh"),
        ("curl -s \\\n  https://x.example\n", "sh"),
        ("# comment\n$ tokenop plan\n", "sh"),
        ("SELECT 1\nFROM t\n", "sql"),
        ("FROM python:3.12\nRUN x\n", "dockerfile"),
        ('resource "aws_x" "y" {\n  a = 1\n}\n', "hcl"),
        ("Note: this is prose.\nIt goes on.\n", "text"),
        ("cache hit 12 %\n", "text"),
        ("[" * 100_000, "text"),
        ("", "text"),
    ],
)
def test_a_language_is_guessed_only_where_it_is_certain(content: str, language: str) -> None:
    assert guess(content) == language
    text = f"Text.\n\n```\n{content}```\n"
    assert [(found.line, found.column) for found in said("SC006", text)] == [(3, 1)]
    assert mended("SC006", text) == f"Text.\n\n```{language}\n{content}```\n"


def test_fences_in_lists_quotes_and_other_fences_are_told_apart() -> None:
    text = "1. a\n\n   ```\n   x\n   ```\n\n> ~~~\n> y\n> ~~~\n\n"
    text += "````text\n```\nz\n```\n````\n\n    ```\n    code\n    ```\n"
    assert [found.line for found in said("SC006", text)] == [3, 7, 17]
    assert mended("SC006", text).count("text") == 3
    assert said("SC006", "```sh\nx\n```\n\n~~~yaml\n```\n~~~\n") == []


@given(
    st.lists(
        st.sampled_from(["```", "~~~", "````", "``` a", "text", "> ```", "    ```", "  ```x", "``` `", "- ```", ""]),
        max_size=9,
    )
)
def test_fences_at_the_margin_are_those_of_commonmark(lines: list[str]) -> None:
    text = "\n".join(["Text.", "", *lines])
    read = reading.Reading(text)
    if all(fence.flush for fence in read.fences):
        exact = {(block.line, block.info) for block in markup.parsed(Source(PATH, text)).fences}
        assert {(read.line(fence.start), fence.info) for fence in read.fences} <= exact


def test_shipped_templates_have_nothing_to_mend_in_their_sections() -> None:
    for path in find(content("templates")):
        draft = specimen.draft(path.read_text(encoding="utf-8"))
        found = [one for rule in RULES if re.match("SC00[1-5]", rule) for one in specimen.said(rule, draft)]
        assert [(path.name, str(one)) for one in found] == []
        assert len(named(draft.document)) == len(split(draft.document))


def test_long_headings_take_no_time() -> None:
    for line in ("## " + " " * 200_000 + "x", "## " + "# " * 100_000, "##" + "\t" * 200_000 + "x"):
        assert len(split(template(BLOCKS[0], line + "\n").document)) == 1
