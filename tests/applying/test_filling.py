"""Parameters: a value can only be a value, whatever it holds."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.applying.making import template
from tokenop.applying import filling, json_tree, yaml_tree
from tokenop.applying.tree import data
from tokenop.catalogue.model import Parameter
from tokenop.catalogue.parameters import parsed
from tokenop.errors import FindingsError, MisuseError

NAME = Parameter("name", "Any text.")
COUNT = Parameter("count", "A number.", "integer", 3)
SHARE = Parameter("share", "A share.", "number", Decimal("0.5"))
ON = Parameter("on", "Whether.", "boolean", default=False)
ALL = (NAME, COUNT, SHARE, ON)

YAML = """\
# {{name}} in a comment stays
plain: a-{{name}}-b
double: "x {{name}}"
single: '{{name}}'
count: "{{count}}"
flow: {share: "{{share}}", on: '{{on}}', list: ["{{name}}", {k: "{{count}} of {{count}}"}]}
text: |
  one {{name}}
  two
other: "{{ name }} ${{name }} {name}"
"""
# What people and attackers type; line breaks and the like are refused before.
VALUES = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"]), min_size=1, max_size=12)


def yaml_of(name: str) -> object:
    one = template("x", ("a.yaml", "yaml", YAML), parameters=ALL)
    text = filling.filled(one, one.patches[0], filling.values(one, {"name": name}))
    return data(yaml_tree.parse(text, "x"))


@given(
    VALUES
    | st.sampled_from(["a: b", "x\" y: 'z", "- a", "}", "#", "null", "*x", "!!python/x", "{{count}}", "\\n", "%"])
)
def test_in_yaml_a_value_is_that_very_text_and_adds_no_key(name: str) -> None:
    def text(value: str) -> tuple[str, str]:
        return ("text", value)

    assert yaml_of(name) == {
        "plain": text(f"a-{name}-b"),
        "double": text(f"x {name}"),
        "single": text(name),
        "count": ("integer", 3),
        "flow": {
            "share": ("number", Decimal("0.5")),
            "on": ("boolean", False),
            "list": [text(name), {"k": text("3 of 3")}],
        },
        "text": text(f"one {name}\ntwo\n"),
        "other": text("{{ name }} ${{name }} {name}"),
    }


@given(VALUES)
def test_in_json_a_value_is_that_very_text(name: str) -> None:
    one = template("x", ("a.json", "create", '{"a": "{{name}}", "b": ["x{{name}}", "{{on}}"]}'), parameters=ALL)
    text = filling.filled(one, one.patches[0], filling.values(one, {"name": name}))
    assert data(json_tree.parse(text, "x")) == {
        "a": ("text", name),
        "b": [("text", f"x{name}"), ("boolean", False)],
    }


def test_in_other_text_only_harmless_characters_go() -> None:
    one = template("x", ("main.tf", "create", 'name = "{{name}}"\n'), parameters=(NAME,))
    assert filling.filled(one, one.patches[0], {"name": "us-east-1"}) == 'name = "us-east-1"\n'
    for value in ('a"b', "${x}", "a b", "%h", "a;b"):
        with pytest.raises(FindingsError, match="may hold letters, digits"):
            filling.filled(one, one.patches[0], {"name": value})
    prompt = template("x", ("p.md", "create", "Answer in {{name}}.\n"), parameters=(NAME,), kind="prompt-file")
    assert filling.filled(prompt, prompt.patches[0], {"name": "plain French"}) == "Answer in plain French.\n"


def test_what_is_wrong_with_values_is_said_at_once() -> None:
    one = template("x", parameters=(*ALL, Parameter("region", "Where.", choices=("eu", "us"))))
    with pytest.raises(MisuseError) as error:
        filling.values(one, {"count": "1.5", "on": "yes", "share": "x", "region": "cn", "nmae": "x"})
    said = str(error.value)
    assert "has no parameter 'nmae'" in said
    assert "--set name=… (Any text.), or --interactive to be asked" in said
    assert "--set count=1.5: must be a whole number" in said
    assert "--set on=yes: must be true or false" in said
    assert "--set region=cn: must be one of eu, us" in said


@pytest.mark.parametrize("style", ["|", ">"])
def test_a_value_that_would_change_the_indentation_of_a_text_is_refused(style: str) -> None:
    one = template("x", ("a.yaml", "yaml", f"t: {style}\n  {{{{name}}}}\n  two\n"), parameters=(NAME,))
    with pytest.raises(FindingsError, match="cannot stand where it goes"):
        filling.filled(one, one.patches[0], {"name": "   x"})
    assert filling.filled(one, one.patches[0], {"name": "# x"}) == f"t: {style}\n  # x\n  two\n"


def test_what_others_write_about_a_value_cannot_repaint_the_terminal() -> None:
    one = template("x", parameters=(Parameter("to", "Where\x1b[31m.", choices=("eu", "us")),))
    for values in ({}, {"to": "\x1b[2J"}):
        with pytest.raises(MisuseError) as error:
            filling.values(one, values)
        assert "\x1b" not in str(error.value)
        assert "eu, us" in str(error.value)


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "\x1b[0m", "\u202e", "\u200b", "", "x" * 501, "\u2028", "\ud800"])
def test_values_with_anything_invisible_are_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"invisible|must have"):
        parsed(NAME, value)


def test_a_pattern_holds_for_the_whole_value_and_cannot_hang() -> None:
    slow = Parameter("x", "x", pattern="(a+)+b")
    with pytest.raises(ValueError, match="must match"):
        parsed(slow, "a" * 400)
    assert parsed(slow, "aab") == "aab"
    with pytest.raises(ValueError, match="must match"):
        parsed(slow, "aabc")
    with pytest.raises(ValueError, match="no regular expression"):
        parsed(Parameter("x", "x", pattern="(?=a)"), "a")


def test_a_placeholder_that_is_no_parameter_is_refused() -> None:
    one = template("x", ("a.yaml", "yaml", "a: '{{nmae}}'\n"), parameters=(NAME,))
    with pytest.raises(FindingsError, match="nmae"):
        filling.filled(one, one.patches[0], {"name": "x"})


def test_control_characters_in_a_patch_are_refused() -> None:
    one = template("x", ("a.yaml", "yaml", "a: \x1b[31m\n"))
    with pytest.raises(FindingsError, match=r"U\+001B"):
        filling.filled(one, one.patches[0], {})
