"""Checks that prompt files are cut where a cache can use it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath

from tokenop.errors import Finding, InputError, NoInputError, Severity
from tokenop.providers.caching import blocks
from tokenop.providers.caching.blocks import REGISTRY, Block
from tokenop.providers.caching.boundary import MARKER, split
from tokenop.providers.caching.limits import minimum_tokens, tokens_at_least
from tokenop.providers.caching.volatile import Found, signs

# Files that are only looked at for what changes: all of them is stable, so they need no marker.
_WHOLE = ("CLAUDE.md", "rules")
# One file may repeat one mistake on every line.
_MOST = 20
_FRONTMATTER = re.compile(r"---[ \t]*\r?\n(.*?\n)?---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_MODEL = re.compile(r"^model:[ \t]*[\"']?([\w.:\-\[\]]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Checked:
    """One file: the line of its marker, and what its parts have in tokens, at least. None: it has no marker."""

    file: str
    model: str
    minimum: int
    boundary: int | None
    stable_tokens: int | None
    volatile_tokens: int | None


@dataclass(frozen=True, slots=True)
class Report:
    """What was checked and found. `missing` names the expected blocks that a project has not."""

    checked: tuple[Checked, ...]
    findings: tuple[Finding, ...]
    missing: tuple[str, ...]

    def count(self, severity: Severity) -> int:
        """Return the number of findings of a severity."""
        return sum(found.severity == severity for found in self.findings)


def check(paths: Sequence[Path], model: str, least: int | None = None, registry: Sequence[Block] = REGISTRY) -> Report:
    """Check files. Of a folder those that are stable by the registry, and all its texts where there is none of these.

    `model` is what a file without one is for; `least` the shortest prefix that is cached, None for each model's own.

    Raises:
        NoInputError: there is no file to check.
    """
    found = dict(_targets(paths, registry))
    if not found:
        where = ", ".join(map(str, paths))
        raise NoInputError(f"{where}: no CLAUDE.md, no .claude/agents/*.md, no prompts; name the files to check")
    folders = [path for path in paths if path.is_dir()]
    present = {block.name for block in found.values() if block is not None}
    missing = [block.name for block in registry if folders and block.expected and block.name not in present]
    checked: list[Checked] = []
    findings: list[Finding] = []
    for path, block in sorted(found.items()):
        try:
            text = blocks.read(path)
        except InputError as error:
            message = str(error).removeprefix(f"{path}: ")
            findings.append(Finding(str(path), 0, "file", "unreadable", "error", message))
            continue
        one = _File(path, text, block, model, least)
        checked.append(one.checked())
        findings += one.findings()
    return Report(tuple(checked), tuple(sorted(findings)), tuple(missing))


def _targets(paths: Iterable[Path], registry: Sequence[Block]) -> Iterator[tuple[Path, Block | None]]:
    for path in paths:
        if not path.is_dir():
            yield path, blocks.block_of(PurePath(path), registry)
            continue
        project = path.parent if path.name == ".claude" else path
        stable = [block for block in registry if block.stability == "stable"]
        found = [(each, block) for block in stable for each in blocks.files(project, block)]
        yield from found
        if not found and path != Path():  # a folder of prompts and not a project of them
            own = ((each, blocks.block_of(PurePath(each), registry)) for each in blocks.loose(path))
            yield from ((each, block) for each, block in own if block is None or block.stability == "stable")


class _File:
    """One file and what is wrong with it."""

    def __init__(self, path: Path, text: str, block: Block | None, model: str, least: int | None) -> None:
        self.path = path
        self.block = block
        front = _FRONTMATTER.match(text)
        self.front = front[0] if front else ""
        self.body = text[len(self.front) :]
        self.before = len(self.front.splitlines())
        said = _MODEL.search(self.front)
        self.model = said[1] if said and minimum_tokens(said[1]) is not None else model
        self.least = minimum_tokens(self.model) or 0 if least is None else least
        self.split = split(self.body)
        self.lines = tuple(line + self.before for line in self.split.lines)

    @property
    def needs_marker(self) -> bool:
        return self.block is None or self.block.name not in _WHOLE

    @property
    def stable(self) -> str:
        """Return what a cache would hold: without a marker, everything of a file that needs none."""
        return self.split.stable if self.lines else self.body

    def checked(self) -> Checked:
        stable, volatile = (tokens_at_least(len(part)) for part in (self.split.stable, self.split.volatile))
        line = self.lines[0] if self.lines else None
        known = line is not None
        return Checked(
            str(self.path), self.model, self.least, line, stable if known else None, volatile if known else None
        )

    def findings(self) -> Iterator[Finding]:
        if split(self.front).lines:
            line = split(self.front).lines[0]
            yield self._finding(
                line, "boundary-misplaced", "error", "the marker stands in the frontmatter, which is no prompt",
                "move it below the second ---",
            )  # fmt: skip
        if self.block is not None and self.block.stability == "volatile":
            if self.lines:
                message = f"{self.block.name} is volatile as a whole, so nothing before the marker stays the same"
                yield self._finding(self.lines[0], "boundary-misplaced", "error", message, "take the marker out")
            return
        changing = list(signs(self.stable, self.before + 1))
        if self.lines:
            yield from self._cut_findings()
        elif self.needs_marker or any(each.certain for each in changing):
            yield self._missing(changing)
            return
        yield from self._volatile(changing)

    def _missing(self, changing: list[Found]) -> Finding:
        certain = [each for each in changing if each.certain]
        tokens = tokens_at_least(len(self.body))
        long = tokens >= self.least
        enough = "" if long else f"; with about {tokens} tokens it is cached only as part of a longer prompt"
        if certain:
            first = certain[0]
            message = f"no line says where the stable part ends, and line {first.line} holds {first.what}{enough}"
            fix = f"put {MARKER} before line {first.line}, and what changes below it"
        else:
            message = f"no line says where the stable part ends{enough}"
            fix = f"put {MARKER} on a line of its own at the end, or above what changes"
        severity: Severity = "error" if long or certain else "warning"
        return self._finding(
            certain[0].line if certain else self.before + 1, "boundary-missing", severity, message, fix
        )

    def _cut_findings(self) -> Iterator[Finding]:
        first, *others = self.lines
        for line in others[:_MOST]:
            message = f"the prompt is cut at line {first} already; a cache uses the first marker alone"
            yield self._finding(line, "boundary-repeated", "error", message, "leave one marker")
        stable = tokens_at_least(len(self.split.stable))
        whole = stable + tokens_at_least(len(self.split.volatile))
        if stable < self.least:
            message = f"about {stable} tokens stand before the marker, and {self.model} caches from {self.least} on"
            fix = "move stable parts above the marker, or share one longer prefix among the agents"
            severity: Severity = "error" if whole >= self.least else "warning"
            yield self._finding(first, "boundary-too-early", severity, message, fix)

    def _volatile(self, changing: list[Found]) -> Iterator[Finding]:
        for each in changing[:_MOST]:
            severity: Severity = "error" if each.certain else "warning"
            end = "before the marker" if self.lines else "in a block that should stay the same"
            changes = "from there on nothing is read from the cache once it changes"
            message = f"{each.what} ({each.words[:60]!r}) {end}: {changes}"
            fix = "move it below the marker" if self.lines else "move it to a file that is sent later"
            yield self._finding(each.line, "volatile-before-boundary", severity, message, fix, each.column)

    def _finding(self, line: int, rule: str, severity: Severity, message: str, fix: str, column: int = 0) -> Finding:
        return Finding(str(self.path), line, "prompt", rule, severity, message, column, fix)
