"""MD001: models are ones that the price book knows, under its names."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import reading
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.strict_yaml import Span

_ANY_MODEL = "*"
_COMPARED = re.compile(r"\b(?:requested_|priced_)?model\s*(?:=|<>|!=|(?:NOT\s+)?IN\s*\()\s*(?=')", re.IGNORECASE)
_LITERALS = re.compile(r"\s*'((?:[^']|'')*)'\s*,?")
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9._/@-]*\Z")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for path, provider, model in reading.targets(draft):
        key = around.prices.resolve(provider, model)
        if key is None:
            message = f"{provider}/{model} is no model of the price book"
            yield RULE.found(draft.document, path, message, _nearest(around, provider, model))
        elif key.model != _ANY_MODEL and (provider, model) != key:
            message = f"{provider}/{model} is another name of {key.provider}/{key.model}"
            fix = f"write provider: {key.provider}, model: {key.model}"
            yield RULE.found(draft.document, path, message, fix, severity="warning")
    for path, _, lever in reading.levers(draft):
        where = lever.get("where")
        if isinstance(where, str) and "model" in where:
            yield from _literals(draft, around, f"{path}.where", where)


def _literals(draft: Draft, around: Surroundings, path: str, where: str) -> Iterator[Finding]:
    """Yield model names that a condition compares with and that no provider has: such a condition is never true."""
    for compared in _COMPARED.finditer(where):
        at = compared.end()
        while literal := _LITERALS.match(where, at):
            name = literal[1].replace("''", "'")
            if not _known(around, name):
                message = f"no provider has a model {name!r}: the condition may never be true"
                place = draft.document.locate(path, literal.start(1))
                yield RULE.found(draft.document, path, message, _nearest(around, "", name), place=place,
                                 severity="warning")  # fmt: skip
            at = literal.end()
            if not literal[0].rstrip().endswith(","):
                break


def _known(around: Surroundings, name: str) -> bool:
    book = around.prices
    if book.resolve("", name):
        return True
    # Runners of local models take any name, which says nothing.
    providers = sorted({key.provider for key in book.keys if key.model != _ANY_MODEL})
    return any((key := book.resolve(provider, name)) and key.model != _ANY_MODEL for provider in providers)


def _nearest(around: Surroundings, provider: str, model: str) -> str:
    near = around.prices.near(provider, model, 3) or around.prices.near("", model, 3)
    if near:
        return f"did you mean {', '.join(near)}?"
    return "add its price, with source and day, to templates/prices"


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:
    """Write the price book's names in the place of other spellings; an unknown model is for the author to correct."""
    for path, provider, model in reading.targets(draft):
        key = around.prices.resolve(provider, model)
        if key is None or key.model == _ANY_MODEL:
            continue
        for name, said, meant in (("provider", provider, key.provider), ("model", model, key.model)):
            span = draft.document.spans.get(f"{path}.{name}")
            if span and said != meant:
                yield Edit(span.start, span.end, _quoted(meant, span))


def _quoted(name: str, span: Span) -> str:
    quote = span.style if span.style in ("'", '"') else "" if _PLAIN.match(name) else '"'
    return f"{quote}{name}{quote}"


RULE = Rule(
    "MD001",
    "error",
    "template",
    what="Models are known to the price book, and are written with its names.",
    why="A model that is not known has no price, and two names of one model look like two models.",
    how="Look the name up with `tokenop prices show MODEL`; other spellings are corrected by `--fix`.",
    check=_check,
    fix=_fix,
    examples=(
        Example(
            specimen="cross-layer.md",
            wrong="model: claude-haiku-4-5-20251001}",
            right="model: claude-haiku-4-5}",
        ),
        Example(
            specimen="cross-layer.md",
            wrong="model = 'claude-opsu-5'",
            right="model = 'claude-opus-5'",
        ),
    ),
)
