"""Each rule is what the design says, finds what its examples show, and mends what it says it mends."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.catalogue.examples import linted, right, said, write, wrong
from tokenop.catalogue import rules as package
from tokenop.catalogue.linting.fixing import mend, proposals
from tokenop.catalogue.rules import GROUPS, RULES
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.suppressions.su005 import NEVER, suppressible

EXAMPLES = [
    pytest.param(rule, example, id=f"{rule.id}-{number}")
    for rule in RULES.values()
    for number, example in enumerate(rule.examples)
]

# The rules as the design lists them, and those that were added since: E error, W warning, F mends.
WANTED = """
    FM001 E  FM002 E  FM003 EF FM004 E  FM005 WF FM006 EF FM007 EF FM008 W  FM099 E
    ID001 E  ID002 EF ID003 EF ID004 E  ID005 E  ID006 W  ID007 E
    EC001 E  EC002 E  EC003 EF EC004 E  EC005 E  EC006 E  EC007 W  EC008 E  EC009 E  EC010 E  EC011 W
    MD001 EF MD002 E
    SC001 EF SC002 WF SC003 E  SC004 E  SC005 E  SC006 WF
    LK001 E  LK002 WF LK003 W
    GR001 E  GR002 E  GR003 EF GR004 E  GR005 E
    RP001 E  RP002 E  RP003 E  RP004 W  RP005 E  RP006 E  RP007 E
    SE001 E  SE002 EF SE003 EF SE004 W  SE005 E  SE006 E
    GE001 E  GE002 E
    XL001 E  XL002 E  XL003 E  XL004 E  XL005 E  XL006 E
    EX001 E  LV001 E  LV002 E  LV003 E  LV004 E  PT001 E  PT002 E  PT003 E  PT004 E
    SU001 E  SU002 W  SU003 E  SU004 W  SU005 E  SU006 E
"""


def test_the_rules_are_those_of_the_design_with_their_severity_and_whether_they_mend() -> None:
    there = {rule.id: ("E" if rule.severity == "error" else "W") + ("F" if rule.fix else "") for rule in RULES.values()}
    assert there == dict(re.findall(r"([A-Z]{2}\d{3}) ([EWF]+)", WANTED))


def test_no_two_rules_have_the_same_identifier() -> None:
    assert len(RULES) == sum(len(rules) for rules in GROUPS.values())


def test_each_file_of_a_rule_is_in_the_list_of_its_group() -> None:
    folder = Path(package.__file__).parent
    files = {path.stem.upper() for path in folder.glob("*/*.py") if re.fullmatch(r"[a-z]{2}\d{3}", path.stem)}
    assert files == set(RULES)


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_a_rule_has_words_and_an_example(rule: Rule) -> None:
    assert rule.examples
    for text in (rule.what, rule.why, rule.how):
        assert text.endswith(".")
        assert text[0].isupper() or text.startswith("schema_version")
        assert "\n" not in text


@pytest.mark.parametrize(("rule", "example"), EXAMPLES)
def test_a_wrong_example_is_found_where_it_is_wrong_and_a_right_one_is_not(
    rule: Rule, example: Example, tmp_path: Path
) -> None:
    bad, good = tmp_path / "bad", tmp_path / "good"
    text = wrong(example)
    found = said(rule, example, write(example, bad, text, example.path), bad)
    assert found, f"{rule.id} does not find its example {example.wrong!r}"
    assert all(one.message and one.fix and 1 <= one.line <= text.count("\n") + 1 for one in found)
    assert said(rule, example, write(example, good, right(example)), good) == []


@pytest.mark.parametrize("rule", [rule for rule in RULES.values() if rule.fix], ids=lambda rule: rule.id)
def test_a_fix_mends_an_example_and_a_second_one_changes_nothing(rule: Rule, tmp_path: Path) -> None:
    mended_any = False
    for number, example in enumerate(rule.examples):
        root = tmp_path / str(number)
        path = write(example, root, wrong(example), example.path)
        before = linted(rule, example, path, root)
        changes, after = mend(before)
        left = [found for found in after.findings if found.rule == rule.id]
        # Not all that a rule finds can be mended; what it offers to mend is gone afterwards.
        assert not changes or not left
        assert bool(changes) == bool(proposals(before))
        mended_any = mended_any or bool(changes)
        for one in changes:
            one.path.write_bytes(one.after)
        assert mend(linted(rule, example, path, root))[0] == []
    assert mended_any


def test_what_is_about_safety_or_makes_a_template_unusable_cannot_be_suppressed() -> None:
    assert set(RULES) >= NEVER
    assert {rule.id for rule in RULES.values() if suppressible(rule)}.isdisjoint(
        NEVER | {rule.id for rule in RULES.values() if rule.structural}
    )
