"""Each rule is what the design says, finds what its examples show, and mends what it says it mends."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogue.examples import right, said, write, wrong
from tokenop.catalogue.rules import GROUPS, RULES
from tokenop.catalogue.rules.model import Example, Rule

EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id}-{number}")
    for rule in RULES.values()
    for number, example in enumerate(rule.examples)
]


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_a_wrong_example_is_found_and_a_right_one_is_not(rule: Rule, example: Example, tmp_path: Path) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    found = said(rule, example, write(example, bad, wrong(example), example.path), bad)
    assert found, f"{rule.id} does not find its example {example.wrong!r}"
    assert all(one.message and one.line >= 1 for one in found)
    assert said(rule, example, write(example, good, right(example)), good) == []


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_words_and_an_example(rule: Rule) -> None:
    assert rule.examples
    for text in (rule.what, rule.why, rule.how):
        assert text.endswith(".")
        assert text[0].isupper() or text.startswith("schema_version")
        assert "\n" not in text


def test_no_two_rules_have_the_same_identifier() -> None:
    assert len(RULES) == sum(len(rules) for rules in GROUPS.values())
