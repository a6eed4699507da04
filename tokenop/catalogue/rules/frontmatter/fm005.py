"""FM005: keys stand in the usual order."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tokenop.catalogue import schema
from tokenop.catalogue.draft import Draft
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.documents import Document, parse
from tokenop.errors import Finding, FindingsError


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    wanted = _ranks()
    known = [key for key in draft.document.meta if key in wanted]
    for before, after in pairwise(known):
        if wanted[after] < wanted[before]:
            message = f"{after} stands after {before}"
            fix = f"usual order: {', '.join(sorted(known, key=wanted.__getitem__))}"
            yield RULE.found(draft.document, after, message, fix, place=draft.document.key_line(after))


def _fix(draft: Draft, around: Surroundings) -> Iterator[Edit]:
    """Move whole blocks, each with the comments above it; where that would change a value, move nothing."""
    document = draft.document
    if not any(_check(draft, around)):
        return
    starts = _starts(document)
    end = document.text.find("\n---", document.spans[""].end - 1) + 1
    if not starts or not end:
        return
    bounds = [*starts.values(), end]
    blocks = dict(zip(starts, (document.text[a:b] for a, b in pairwise(bounds)), strict=True))
    wanted = _ranks()
    # An unknown key stays behind the known key that it stands behind.
    rank, ranks = -1, {}
    for key in blocks:
        rank = wanted.get(key, rank)
        ranks[key] = rank
    moved = "".join(blocks[key] for key in sorted(blocks, key=ranks.__getitem__))
    if _meant(document, bounds[0], end, moved):
        yield Edit(bounds[0], end, moved)


def _ranks() -> dict[str, int]:
    return {key: rank for rank, key in enumerate(schema.schema()["properties"])}


def _starts(document: Document) -> dict[str, int]:
    """Return where each key's block starts, comments included; nothing where keys share lines."""
    text, starts = document.text, dict[str, int]()
    floor = text.find("\n") + 1
    for key in document.meta:
        span = document.spans.get(key)
        line, column = document.key_line(key)
        if span is None or column != 1:
            return {}
        at = _line_start(text, line)
        while at > floor and text[text.rfind("\n", 0, at - 1) + 1] == "#":
            at = text.rfind("\n", 0, at - 1) + 1
        starts[key] = at
        floor = text.find("\n", max(span.end - 1, span.start)) + 1
    return starts if len(set(starts.values())) == len(starts) else {}


def _line_start(text: str, line: int) -> int:
    at = 0
    for _ in range(line - 1):
        at = text.find("\n", at) + 1
    return at


def _meant(document: Document, start: int, end: int, moved: str) -> bool:
    """Return whether the frontmatter still says the same."""
    try:
        after = parse(document.path, (document.text[:start] + moved + document.text[end:]).encode())
    except FindingsError:
        return False
    return after.meta == document.meta and after.body == document.body


RULE = Rule(
    "FM005",
    "warning",
    "template",
    what="Keys of the frontmatter stand in the usual order.",
    why="Whoever compares templates finds the same thing in the same place.",
    how="Order the keys as docs/templates.md lists them.",
    check=_check,
    fix=_fix,
    examples=(
        Example(
            wrong="layer: application-layer\n# Shown in lists.\ntitle: Shorter prompts\n",
            right="# Shown in lists.\ntitle: Shorter prompts\nlayer: application-layer\n",
            given=(("title: Shorter prompts\n", "# Shown in lists.\ntitle: Shorter prompts\n"),),
        ),
    ),
)
