"""Merging keeps what people wrote: lines, comments, order, quotes, indentation; and says what the rules say."""

from __future__ import annotations

import textwrap

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.applying.drawing import FLOW, comments, kept, nested_yaml, written_json, written_yaml
from tokenop.applying import json_tree, merge, yaml_tree
from tokenop.applying.tree import data
from tokenop.errors import FindingsError


def dedented(text: str) -> str:
    return textwrap.dedent(text).lstrip("\n")


CASES = {
    "a new key comes last, with its comment, in the user's indentation": (
        """
        rules:
            mine:   # ours
                when: 'x'
        # about the rest
        rest: 1
        """,
        """
        # head of the template
        rules:
          # never more than this
          short:
            to: {provider: groq}
            text: |
              one
                two
        """,
        """
        rules:
            mine:   # ours
                when: 'x'
            # never more than this
            short:
              to: {provider: groq}
              text: |
                one
                  two
        # about the rest
        rest: 1
        """,
    ),
    "a value that differs is replaced in its quotes, its comment stays": (
        "ttl: '5m'  # why\nn: 1 # n\nt: x\n",
        "ttl: 1h\nn: 2\nt: \"y: z\"\n",
        "ttl: '1h'  # why\nn: 2 # n\nt: \"y: z\"\n",
    ),
    "keys go into brackets where the user writes brackets": (
        "a: {b: 1}\nc: [1, 2] # two\nd: {\n  e: 1,  # e\n}\n",
        "a:\n  x:\n    y: [1]\nc:\n  - 2\n  - z: 1\nd: {f: 2}\n",
        "a: {b: 1, x: {y: [1]}}\nc: [1, 2, {z: 1}] # two\nd: {\n  e: 1,  # e\n  f: 2,\n}\n",
    ),
    "brackets of the template become lines where the user writes lines": (
        "a:\n  b: 1\nc:\n- 1\nz: 0\n",
        "a: {x: {y: 1}, w: 2}\nc: [2, {k: v}]\n",
        "a:\n  b: 1\n  x: {y: 1}\n  w: 2\nc:\n- 1\n- 2\n- {k: v}\nz: 0\n",
    ),
    "what is empty is filled": (
        "a:   # later\nb: {}\nc: null\nd: []\nz: 0\n",
        "a:\n  # why\n  x: 1\nb:\n  y: 2\nc: 3\nd:\n  - 4\n",
        "a:   # later\n  # why\n  x: 1\nb:\n  y: 2\nc: 3\nd:\n  - 4\nz: 0\n",
    ),
    "a list keeps its items and order": ("a: [c, b]\n", "a: [a, b, c, a]\n", "a: [c, b, a]\n"),
    "a comment at the end of a mapping stays above what is added": (
        "a:\n  b: 1\n  # c: 2\n\n  # d: 3\n\n# next\ne: 1\n",
        "a: {f: 4}\n",
        "a:\n  b: 1\n  # c: 2\n\n  # d: 3\n  f: 4\n\n# next\ne: 1\n",
    ),
    "no line end at the end of the file": ("a: 1", "b: 2\n", "a: 1\nb: 2"),
    "pairs as line ends": (
        "a: 1\r\nb:\r\n  c: 1\r\n",
        "b:\n  d: 2\n  e: 3\n",
        "a: 1\r\nb:\r\n  c: 1\r\n  d: 2\r\n  e: 3\r\n",
    ),
    "few pairs among line feeds": ("a: 1\r\nb:\n  c: 1\nd: 1\n", "b: {e: 2}\n", "a: 1\r\nb:\n  c: 1\n  e: 2\nd: 1\n"),
    "a file of comments": ("# nothing yet\n", "# t\na: 1\n", "# nothing yet\n# t\na: 1\n"),
    "an empty file": ("", "a: 1\n", "a: 1\n"),
    "a start of document, and a mark of byte order": ("\ufeff---\na: 1\n", "b: 1\n", "\ufeff---\na: 1\nb: 1\n"),
    "a text of several lines is replaced by one, and one by several": (
        "a: |\n  old\n  lines\nb: old  # b\nz: 1\n",
        "a: new\nb: |\n  new\n    lines\n",
        "a: new\nb: |  # b\n  new\n    lines\nz: 1\n",
    ),
    "blank lines that a text keeps": ("a: |+\n  x\n\n\n", "b: 1\n", "a: |+\n  x\n\n\nb: 1\n"),
    "words that parsers read differently stay the user's": (
        "on: yes\nd: 2026-01-01\n",
        "e: 1\n",
        "on: yes\nd: 2026-01-01\ne: 1\n",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", CASES)
def test_yaml_is_merged_in_place(what: str) -> None:
    mine, theirs, wanted = (dedented(text) if text.startswith("\n") else text for text in CASES[what])
    merged = merge.yaml(mine, theirs, "router.yaml")
    assert merged == wanted
    assert merge.yaml(merged, theirs, "router.yaml") == merged


REFUSED = {
    "a: 1\nb: &x 1\n": (2, "anchor &x"),
    "b: 1\nc: *x\n": (2, "alias *x"),
    "a: !vault |\n  1\n": (1, "tag !vault"),
    "a: 1\n---\nb: 1\n": (2, "a second YAML document"),
    "a: 1\nk: {b: 1}\nk: 2\n": (3, "key 'k' stands twice"),
    "a: 1\nrules: [1]\n": (2, "holds a list, where the template writes a mapping"),
    "base:\n  <<: {a: 1}\n": (2, "merge key <<"),
    "a: [1\nb: 2\n": (2, "is not YAML"),
    "- a\n": (1, "is not a mapping"),
    "? [a]\n: b\n": (1, "a key is a list or mapping"),
    "a: x\u2028y\n": (1, "character U+2028"),
    "a:\n\t- b\n": (2, "is not YAML"),
}


@pytest.mark.parametrize("mine", REFUSED)
def test_yaml_that_cannot_be_edited_is_refused_with_its_line(mine: str) -> None:
    with pytest.raises(FindingsError) as error:
        merge.yaml(mine, "rules:\n  a: 1\n", "router.yaml")
    (found,) = error.value.findings
    line, message = REFUSED[mine]
    assert (found.file, found.line) == ("router.yaml", line)
    assert message in found.message
    assert found.fix


@pytest.mark.parametrize(
    ("mine", "wanted"),
    [
        ("", '{"a": {"b": [1]}}\n'),
        ("{}\n", '{\n  "a": {\n    "b": [\n      1\n    ]\n  }\n}\n'),
        ('{"z": 1}', '{"z": 1, "a": {"b": [1]}}'),
        (f'{{"z": {"1" * 50}.5e7}}', f'{{"z": {"1" * 50}.5e7, "a": {{"b": [1]}}}}'),
        (
            '{\n    "a": {},\n    "z": [ ]\n}\n',
            '{\n    "a": {\n        "b": [\n            1\n        ]\n    },\n    "z": [ ]\n}\n',
        ),
        ('{\n\t"a": {"b": [2, 3]}\n}', '{\n\t"a": {"b": [2, 3, 1]}\n}'),
        (
            '{\r\n "a": {\r\n  "b": [\r\n   2\r\n  ]\r\n }\r\n}\r\n',
            '{\r\n "a": {\r\n  "b": [\r\n   2,\r\n   1\r\n  ]\r\n }\r\n}\r\n',
        ),
    ],
)
def test_json_is_merged_in_its_own_layout(mine: str, wanted: str) -> None:
    merged = merge.json(mine, '{"a": {"b": [1]}}\n', "settings.json")
    assert merged == wanted
    assert merge.json(merged, '{"a": {"b": [1]}}\n', "settings.json") == merged


@pytest.mark.parametrize(
    "mine",
    ['{"a": 1, // no\n}', '{"a": 1,}', '{"a": 1, "a": 2}', "[1]", '{"a": 01}', '{"a": tru}', '{"a" 1}', '{"a": 1} x',
     '{"a":' * 70],
)  # fmt: skip
def test_what_is_no_json_is_refused_with_its_line(mine: str) -> None:
    with pytest.raises(FindingsError) as error:
        merge.json(mine, '{"b": 1}', "settings.json")
    assert error.value.findings[0].line >= 1


def no_way(error: FindingsError, mine: str) -> bool:
    """Return whether it is one of the two reasons that drawn files give."""
    (found,) = error.findings
    return "where the template writes" in found.message or ("a line break first" in found.fix and mine[-1:] != "\n")


@given(written_yaml(), written_yaml())
def test_any_yaml_merged_says_what_the_rules_say_and_keeps_every_other_line(mine: str, theirs: str) -> None:
    try:
        merged = merge.yaml(mine, theirs, "f.yaml")
    except FindingsError as error:
        assert no_way(error, mine)  # noqa: PT017 (most drawn files merge)
        return
    # A template's content ends with a line break.
    ours, wanted = data(yaml_tree.parse(mine, "f")), data(yaml_tree.parse(f"{theirs}\n", "t"))
    assert data(yaml_tree.parse(merged, "f")) == merge.agreed(ours, wanted)
    assert merge.yaml(merged, theirs, "f.yaml") == merged
    assert kept(comments(mine), merged)


@given(nested_yaml(), st.lists(FLOW, min_size=1, max_size=2))
def test_where_only_keys_are_added_every_line_stays(mine: str, values: list[str]) -> None:
    theirs = "".join(f"  new-{n}: {value}\n" for n, value in enumerate(values))
    assert kept(mine.splitlines(), merge.yaml(mine, f"outer:\n{theirs}", "f.yaml"))


@given(written_json(), written_json())
def test_any_json_merged_says_what_the_rules_say(mine: str, theirs: str) -> None:
    try:
        merged = merge.json(mine, theirs, "f.json")
    except FindingsError as error:
        assert no_way(error, mine)  # noqa: PT017
        return
    ours, wanted = data(json_tree.parse(mine, "f")), data(json_tree.parse(theirs, "t"))
    assert data(json_tree.parse(merged, "f")) == merge.agreed(ours, wanted)
    assert merge.json(merged, theirs, "f.json") == merged


@given(st.text(alphabet="ab \n\r#", max_size=30), st.text(alphabet="ab \n#", min_size=1, max_size=12))
def test_text_is_appended_once_below_what_is_there(mine: str, theirs: str) -> None:
    merged = merge.text(mine, theirs)
    assert merged.startswith(mine)
    assert merge.text(merged, theirs) == merged
