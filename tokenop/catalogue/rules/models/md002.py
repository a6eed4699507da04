"""MD002: no call is moved to a model that is gone or about to go."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.economics import reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.prices import retirements

_SOON_DAYS = 90
_WRITTEN = re.compile(r"\bprovider:\s*[\"']?([\w.-]+)[\"']?\s*[,\n]\s*model:\s*[\"']?([^\s\"',}]+)")


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for path, provider, model in reading.targets(draft):
        yield from _retiring(draft, around, path, provider, model)
    patches = draft.reach("patches")
    for index in range(len(patches) if isinstance(patches, list) else 0):
        path = f"patches[{index}].content"
        content = draft.get(path)
        if isinstance(content, str) and "model:" in content:
            for found in _WRITTEN.finditer(content):
                yield from _retiring(draft, around, path, found[1], found[2], found.start(2))


def _retiring(
    draft: Draft, around: Surroundings, path: str, provider: str, model: str, offset: int | None = None
) -> Iterator[Finding]:
    known = retirements.shipped()
    entry = known.of(provider, model)
    if entry is None and (key := around.prices.resolve(provider, model)):
        entry = known.of(key.provider, key.model)
    days = (entry.retired_on - around.today).days if entry else _SOON_DAYS + 1
    if entry is None or days > _SOON_DAYS:
        return
    gone = days <= 0
    when = f"was retired on {entry.retired_on}" if gone else f"is retired on {entry.retired_on}, in {days} days"
    fix = f"its provider names {entry.replacement} in its place" if entry.replacement else "choose another model"
    message = f"{provider}/{model} {when} ({entry.source})"
    place = None if offset is None else draft.document.locate(path, offset)
    yield RULE.found(draft.document, path, message, fix, place=place, severity="error" if gone else "warning")


RULE = Rule(
    "MD002",
    "error",
    "template",
    what="No lever or patch names a model that is retired, or that goes within 90 days.",
    why="Calls to a retired model fail, and a template should outlast its roll-out.",
    how="Move to the successor that the provider names, and verify price and quality again.",
    check=_check,
    examples=(
        Example(
            specimen="cross-layer.md",
            wrong="to: {provider: anthropic, model: claude-3-5-haiku-latest}",
            right="to: {provider: anthropic, model: claude-haiku-4-5}",
        ),
    ),
)
