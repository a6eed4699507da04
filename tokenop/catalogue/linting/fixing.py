"""Mending what rules can mend: edits of the text, so that comments and layout stay as they are."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenop.catalogue.linting.lint import Linted, opened, surroundings
from tokenop.catalogue.linting.run import check
from tokenop.catalogue.rules import source as sources_of
from tokenop.catalogue.rules.model import Edit, Rule
from tokenop.catalogue.rules.source import Source

# A fix may make room for another (a file that parses at last). None needs more than a few.
MOST_ROUNDS = 10


@dataclass(frozen=True, slots=True)
class Mended:
    """A file that changes."""

    path: Path
    before: bytes
    after: bytes


def mend(before: Linted) -> tuple[list[Mended], Linted]:
    """Return the files that change, and what is left to be found in all files after that. Nothing is written.

    Edits are applied until none is left; where two overlap, the second waits for the next round. A file that parses
    always parses afterwards, or else its edits are dropped.
    """
    now = before
    given = {source.path.absolute(): source for source in before.sources}
    current = dict(given)
    beside: dict[Path, Source] = {}
    for _ in range(MOST_ROUNDS):
        changed = False
        for path, edits in _edits(now).items():
            known = current.get(path) or beside.get(path) or opened(path)
            after = edited(known, edits)
            if after is not None and after.text != known.text:
                changed = True
                (current if path in current else beside)[path] = after
                given.setdefault(path, known)
        if not changed:
            break
        now = _again(before, [*current.values(), *beside.values()])
    files = {path: after for path, after in {**current, **beside}.items() if after.text != given[path].text}
    mended = [Mended(given[path].path, given[path].raw or b"", after.raw or b"") for path, after in files.items()]
    return sorted(mended, key=lambda one: str(one.path)), now


def _again(before: Linted, sources: Sequence[Source]) -> Linted:
    listed = sorted(sources, key=lambda source: str(source.path))
    around = replace(
        before.around, neighbours=surroundings([one.path for one in listed], before.around.today).neighbours
    )
    return Linted(tuple(listed), tuple(check(listed, around, before.asking)), around, before.asking)


def _edits(now: Linted) -> Mapping[Path, list[Edit]]:
    """Return what is to be edited in each file, for the findings that are not suppressed.

    Of files that were not named only those of the same repository are edited: what a template beside the shipped ones
    says must not change the shipped ones.
    """
    by_path: dict[Path, list[Edit]] = defaultdict(list)
    ours = {*(source.path.absolute() for source in now.sources), *now.around.neighbours.files()}
    for edits in proposals(now).values():
        for edit in edits:
            if edit.path and edit.path.absolute() in ours:
                by_path[edit.path.absolute()].append(edit)
    return by_path


def proposals(now: Linted) -> dict[tuple[str, str], tuple[Edit, ...]]:
    """Return the edits that would mend the findings, by file and rule of the findings; each edit names its file."""
    wanted = {(found.file, found.rule) for found in now.findings}
    fixable = [rule for rule in now.asking.rules if rule.fix and any(rule.id == name for _, name in wanted)]
    found: dict[tuple[str, str], tuple[Edit, ...]] = {}
    drafts = [source.draft for source in now.sources if source.draft]
    for rule in fixable:
        files = {file for file, name in wanted if name == rule.id}
        if rule.scope in ("batch", "catalogue"):
            edits = tuple(rule.fix(drafts, now.around)) if rule.fix else ()
            for file in files:
                found[file, rule.id] = edits
            continue
        for source in now.sources:
            if str(source.path) in files and not source.unreadable:
                found[str(source.path), rule.id] = tuple(_of(rule, source, now))
    return {key: edits for key, edits in sorted(found.items()) if edits}


def _of(rule: Rule, source: Source, now: Linted) -> Iterator[Edit]:
    """Yield the edits of one rule in one file."""
    checked: object = source
    if rule.scope == "template":
        checked = source.draft
    elif rule.scope == "evidence":
        from tokenop.evidence import read

        checked = read.file(source.path, source.text)
    if rule.fix and checked is not None:
        for edit in rule.fix(checked, now.around):
            yield replace(edit, path=source.path)


def edited(source: Source, edits: Iterable[Edit]) -> Source | None:
    """Return the file with the edits that do not overlap; None where it cannot be edited safely.

    Line ends stay what they are; what is put in has the ones that the file has.
    """
    try:
        text = (source.raw if source.raw is not None else source.text.encode()).decode("utf-8")
    except UnicodeDecodeError:
        return None
    # Offsets count a line end as one character.
    ends = [at - number for number, at in enumerate(_occurrences(text, "\r\n"))]
    line_end = "\r\n" if 2 * len(ends) > source.text.count("\n") else "\n"
    parts, done, last = list[str](), 0, -1
    for edit in sorted(set(edits), key=lambda edit: (edit.start, edit.end, edit.text)):
        if edit.start < done or (edit.start == last and edit.start == edit.end):
            continue
        parts += [_between(text, ends, done, edit.start), edit.text.replace("\n", line_end)]
        done, last = edit.end, edit.start
    parts.append(_between(text, ends, done, len(source.text)))
    after = sources_of.source(source.path, "".join(parts).encode(), source.kind)
    return None if after.unreadable or (source.draft and not after.draft) else after


def _occurrences(text: str, what: str) -> Iterator[int]:
    at = text.find(what)
    while at >= 0:
        yield at
        at = text.find(what, at + len(what))


def _between(text: str, ends: Sequence[int], start: int, end: int) -> str:
    """Return the raw text between two offsets of the text with line feeds; `ends` are those of carriage returns."""
    return text[start + bisect_left(ends, start) : end + bisect_left(ends, end)]
