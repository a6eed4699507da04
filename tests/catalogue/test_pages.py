"""The page of rules."""

from __future__ import annotations

import re

from tokenop.catalogue.linting import pages
from tokenop.catalogue.rules import RULES

PAGE = pages.markdown("")


def test_every_rule_has_its_anchor_severity_and_sentences() -> None:
    assert re.findall(r"^### (\w+)$", PAGE, re.MULTILINE) == list(RULES)
    for rule in RULES.values():
        told = PAGE.split(f"### {rule.id}\n")[1].split("\n### ")[0]
        assert f"({rule.severity}" in told
        assert ("mended" in told.split("\n")[1]) == (rule.fix is not None)
        assert rule.why.split()[0] in told


def test_the_page_holds_no_markup_and_no_invisible_character_of_an_example() -> None:
    assert not re.search(r"<(?!!--|https://)[a-zA-Z/]", re.sub(r"`[^`]*`", "", PAGE))
    assert all(character.isprintable() or character == "\n" for character in PAGE)
