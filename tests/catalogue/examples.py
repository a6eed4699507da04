"""The examples of rules as files, and what the rules say of them."""

from __future__ import annotations

import dataclasses
import re
from datetime import date
from pathlib import Path

from tokenop.catalogue.linting import lint, run
from tokenop.catalogue.rules import RULES
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding

SPECIMENS = Path(lint.__file__).parents[1] / "rules" / "specimens"
TODAY = date(2026, 11, 21)


def right(example: Example) -> str:
    """Return the mended specimen."""
    text = (SPECIMENS / example.specimen).read_text(encoding="utf-8")
    for old, new in example.given:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times in {example.specimen}"
        text = text.replace(old, new)
    assert not example.right or text.count(example.right) == 1, f"{example.right!r} stands not once"
    return text


def wrong(example: Example) -> str:
    """Return the failing specimen."""
    text = right(example)
    return text.replace(example.right, example.wrong) if example.right else text


def place(example: Example) -> str:
    """Return where the specimen belongs, below the root of its repository."""
    if example.specimen in lint.EVIDENCE:
        return f"validations/shorter-prompts/{example.specimen}"
    text = (SPECIMENS / example.specimen).read_text(encoding="utf-8")
    named = dict(re.findall(r"^(id|layer): *(\S+)$", text, re.MULTILINE))
    return f"templates/{named['layer']}/{named['id']}.md"


def write(example: Example, root: Path, text: str, at: str = "") -> Path:
    """Write the example's repository at `root` and return the path of its specimen."""
    # Where the specimen itself is evidence, the template that it is about stands beside it.
    files = {**example.beside, at or place(example): text}
    if example.specimen in lint.EVIDENCE and not any("shorter-prompts.md" in name for name in example.beside):
        template = (SPECIMENS / "template.md").read_text(encoding="utf-8")
        files["templates/application-layer/shorter-prompts.md"] = template
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8", newline="\n")
    return root / (at or place(example))


def around(example: Example, path: Path, root: Path) -> Surroundings:
    """Return the surroundings of the example's specimen."""
    found = lint.surroundings([path], TODAY)
    given = {
        name: frozenset(root / one for one in value) if name == "new" else value
        for name, value in example.around.items()
    }
    return dataclasses.replace(found, root=root, **given)


def linted(rule: Rule, example: Example, path: Path, root: Path) -> lint.Linted:
    """Return what a rule says of the example's specimen at `path`."""
    known = around(example, path, root)
    # All rules are asked where this one looks at what the others say.
    asking = run.asked(RULES.values() if rule.scope == "found" else [rule], known, weekly=True)
    sources = (lint.opened(path),)
    return lint.Linted(sources, tuple(run.check(sources, known, asking)), known, asking)


def said(rule: Rule, example: Example, path: Path, root: Path) -> list[Finding]:
    """Return the findings of this rule alone."""
    return [found for found in linted(rule, example, path, root).findings if found.rule == rule.id]
