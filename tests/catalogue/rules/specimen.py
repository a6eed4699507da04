"""Specimens with changes, and what one rule says of them."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.linting import text as texts
from tokenop.catalogue.rules import RULES, source
from tokenop.catalogue.rules.model import Edit
from tokenop.catalogue.rules.surroundings import Replayed, Surroundings
from tokenop.errors import Finding
from tokenop.prices.book import PriceBook, load

SPECIMENS = Path(texts.__file__).parents[1] / "rules" / "specimens"
TODAY = date(2026, 11, 21)
BOOK = load()


class Around(Surroundings):
    """Surroundings with the price book read once."""

    @property
    def prices(self) -> PriceBook:
        return BOOK


class Alone:
    """No other templates."""

    def ids(self) -> dict[str, Path]:
        return {}

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"a rule asked for {name}")


def changed(*changes: tuple[str, str], specimen: str = "template.md") -> Draft:
    """Return a specimen with texts replaced, each of which stands in it exactly once."""
    text = (SPECIMENS / specimen).read_text(encoding="utf-8")
    for old, new in changes:
        assert text.count(old) == 1, f"{old!r} stands {text.count(old)} times"
        text = text.replace(old, new)
    return draft(text)


def crossing(*changes: tuple[str, str]) -> Draft:
    """Return the cross-layer specimen with texts replaced."""
    return changed(*changes, specimen="cross-layer.md")


def draft(text: str) -> Draft:
    """Return the template of a text."""
    read = source.source(Path("templates/application-layer/shorter-prompts.md"), text.encode())
    assert read.draft, read.refused
    return read.draft


def around(**given: Any) -> Around:
    """Return surroundings without a repository; `replay` may be a mapping of percentages."""
    percent = given.pop("percent", None)
    if percent is not None:
        given["replay"] = lambda _: Replayed(percent)
    return Around(**{"today": TODAY, "neighbours": Alone(), "root": Path("/nowhere"), **given})


def said(rule: str, checked: Draft, **given: Any) -> list[Finding]:
    """Return what a rule says of a template."""
    return list(RULES[rule].check(checked, around(**given)))


def mended(rule: str, checked: Draft, **given: Any) -> str:
    """Return the text after the rule's fix."""
    fix = RULES[rule].fix
    assert fix
    text = checked.document.text
    edits: list[Edit] = sorted(fix(checked, around(**given)), key=lambda edit: edit.start, reverse=True)
    for edit in edits:
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text
