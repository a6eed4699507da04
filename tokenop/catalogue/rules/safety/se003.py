"""SE003: nothing is invisible, and no letter passes for another."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules import reading
from tokenop.catalogue.rules.characters import HIDDEN, MIXED, VISIBLE, alike, hidden, name
from tokenop.catalogue.rules.model import Edit, Example, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding


def _runs(read: reading.Reading) -> Iterator[tuple[int, int]]:
    """Yield offset and end of each run of invisible characters, without those that belong to a drawn one."""
    if not any(hidden(character) for character in read.rare):
        return
    for match in HIDDEN.finditer(read.text):
        at = match.start()
        while at < match.end():
            shown = VISIBLE.match(read.text, at)
            if shown:
                at = shown.end()
                continue
            end = at + 1
            while end < match.end() and not VISIBLE.match(read.text, end):
                end += 1
            yield at, end
            at = end


def _check(source: Source, around: Surroundings) -> Iterator[Finding]:  # noqa: ARG001
    read = reading.of(source)
    yield from read.found(RULE, source, _said(read))


def _said(read: reading.Reading) -> Iterator[tuple[int, str, str]]:
    for start, end in _runs(read):
        more = f" and {end - start - 1} more characters that nobody sees" if end - start > 1 else " is invisible"
        yield start, f"{name(read.text[start])}{more}", "take it out"
    for start, _, character in read.escapes():
        if hidden(character):
            yield start, f"stands for {name(character)}, which is invisible", "take it out"
    if any(alike(character) for character in read.rare):
        for match in MIXED.finditer(read.text):
            strange = next(c for c in read.text[match.start() : match.start() + 2] if alike(c))
            yield (
                match.start(),
                f"{name(strange)} stands beside a Latin letter and looks like one",
                "write the Latin letter",
            )


def _fix(source: Source, around: Surroundings) -> Iterator[Edit]:  # noqa: ARG001
    read = reading.of(source)
    for start, end in _runs(read):
        lines = any(character in "\u2028\u2029\x85\x0b\x0c\r" for character in read.text[start:end])
        yield Edit(start, end, " " if lines else "")
    for start, end, character in read.escapes():
        if hidden(character):
            yield Edit(start, end, "")


RULE = Rule(
    "SE003",
    "error",
    "text",
    what="There are no invisible characters, no marks that reorder text, no Latin words with letters of other scripts.",
    why="What a reviewer sees must be what a program, or a model, reads.",
    how="Take the character out; `--fix` does. Letters that pass for others must be written again by hand.",
    check=_check,
    fix=_fix,
    examples=(
        Example(wrong="Saves\u202e input tokens", right="Saves input tokens"),
        Example(wrong="Saves\u200b\u200b input", right="Saves input"),
        Example(wrong='title: "Shorter\\u2066 prompts"', right='title: "Shorter prompts"',
                given=(("title: Shorter prompts", 'title: "Shorter prompts"'),)),
        Example(wrong="Saves&#8203; input tokens", right="Saves input tokens"),
    ),
    structural=True,
)  # fmt: skip
