"""The one comment that the bot keeps on a pull request: rendered anew from numbers, in words of ours alone."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import quote

from tokenop.community import rounds
from tokenop.community.assign import plain
from tokenop.community.comment_words import NOTES, Note, words
from tokenop.community.pull_request import LONGEST_PATH, PLAIN
from tokenop.community.pull_request_output import economic_rows
from tokenop.community.report import Mark, Percent
from tokenop.community.text import counted, table
from tokenop.errors import Severity
from tokenop.planning.text import visible

_BEGIN = "<!-- tokenop:pull-request "
_MARKER = re.compile(re.escape(_BEGIN) + r"([0-9a-f]{40}) ([0-9]{1,18}) -->\n")
_RECHECK = re.compile(r"^[ \t]*/tokenop recheck[ \t]*$", re.MULTILINE)
# GitHub refuses comments above 65,536 characters; nobody reads as many findings anyway.
MOST_LISTED = 40


@dataclass(frozen=True, slots=True)
class State:
    """What the first line of our comment remembers: the commit it is about, and the last comment that was answered."""

    sha: str
    seen: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Item:
    """A finding as it is shown: where, and which rule; what it says is ours."""

    path: str
    line: int
    column: int
    rule: str
    severity: Severity


@dataclass(frozen=True, slots=True)
class Place:
    """Where the links of a comment lead: GitHub's address, the repository that holds the commit, and the commit."""

    server: str
    repository: str
    sha: str


@dataclass(frozen=True, slots=True)
class Result:
    """What is to be told of one commit of a pull request."""

    place: Place
    items: tuple[Item, ...]
    checked: Mapping[str, int]
    economics: Mapping[str, Mapping[str, Percent | None]] = field(default_factory=dict)
    notes: frozenset[Note] = frozenset()
    unlike: tuple[Item, ...] = ()
    more: int = 0

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(item.severity == severity for item in self.items)

    @property
    def passed(self) -> bool:
        """Return whether nothing stands against it: derived from what is listed, and never from a flag."""
        hindering = self.notes & {"unusable", "unlike", "waiting", "missing", "many"}
        return not self.count("error") and not self.more and not hindering and not self.unlike


def ours(body: str) -> bool:
    """Return whether a comment that our own account wrote is the one that is kept up to date."""
    return body.startswith((_BEGIN, rounds.BEGIN))


def remembered(body: str) -> State | None:
    """Return what a comment of ours remembers; None where it tells no result yet."""
    found = _MARKER.match(body)
    return State(found[1], int(found[2])) if found else None


def rendered(result: Result, state: State, reviewers: str = "") -> str:
    """Return the whole comment. The same arguments give the same text, so that nothing is edited for nothing.

    Args:
        result: what is told.
        state: what is remembered.
        reviewers: the part that names the reviewers, as `rounds.section` made it.
    """
    lines = [f"{_BEGIN}{state.sha} {state.seen} -->", _verdict(result), ""]
    lines += [f"> {NOTES[note]}" for note in sorted(result.notes)]
    if result.items:
        lines += ["", *_findings(result), "", _mending(result.items)]
    if result.unlike:
        lines += ["", "Only one of the two says:", ""]
        lines += [f"- `{item.rule}` at {_where(result.place, item)}" for item in result.unlike[:MOST_LISTED]]
    if result.economics:
        lines += ["", *_folded("What it saves on the reference workloads", _economics(result.economics))]
    lines += ["", reviewers]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def items(marks: Iterable[Mark], paths: Mapping[str, str]) -> tuple[list[Item], int]:
    """Return findings with the paths that GitHub gave (by fingerprint), and how many are about none of them."""
    shown, lost = [], 0
    for mark in marks:
        if mark.file in paths:
            shown.append(Item(paths[mark.file], mark.line, mark.column, mark.rule, mark.severity))
        else:
            lost += 1
    return sorted(shown), lost


def code(text: str) -> str:
    """Return other people's text as inline code: one line, without a way out of it."""
    flat = visible(text.encode("utf-8", "replace").decode("utf-8"))[:LONGEST_PATH].strip() or "?"
    fence = "`" * (max((len(run) for run in re.findall(r"`+", flat)), default=0) + 1)
    inner = f" {flat} " if "`" in flat else flat
    return f"{fence}{inner}{fence}"


def recheck(comments: Iterable[rounds.Comment], state: State, author: str) -> int:
    """Return the number of the newest comment that asks for another look and may; 0 where none does.

    Args:
        comments: the comments of the pull request.
        state: what was answered before.
        author: who opened the pull request; they may ask, and so may whoever belongs to the repository.
    """
    may = [c for c in comments if c.association in rounds.ASSOCIATIONS or plain(c.author) == plain(author)]
    return max((c.number for c in may if c.number > state.seen and _RECHECK.search(c.text)), default=0)


def _verdict(result: Result) -> str:
    errors, warnings = result.count("error") + result.more, result.count("warning")
    place = result.place
    sha = f"[`{place.sha[:10]}`]({place.server}/{_url(place.repository)}/commit/{place.sha})"
    seen = {kind: number for kind, number in result.checked.items() if number}
    looked = ", ".join(counted(number, *_NAMES[kind]) for kind, number in seen.items())
    counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    if result.passed:
        word = "**Passed**" if looked else "**Nothing to check**"
        rest = f"{counts} in {looked}" if looked else "no template, evidence or collector is changed"
    else:
        word, rest = ("**Not passed**", counts + (f" in {looked}" if looked else ""))
    return f"{word} at {sha}: {rest}."


_NAMES = {
    "templates": ("template", "templates"),
    "evidence": ("evidence file", "evidence files"),
    "collectors": ("collector", "collectors"),
    "people": ("list of reviewers", "lists of reviewers"),
}


def _findings(result: Result) -> list[str]:
    listed = sorted(result.items, key=lambda item: (item.severity, item))[:MOST_LISTED]
    lines = []
    for item in listed:
        said = words(item.rule)
        how = f" *Fix:* {said.how}" if said.how else ""
        lines.append(f"- {item.severity} **{item.rule}** {_where(result.place, item)}: {said.what}{how}")
    left = len(result.items) - len(listed) + result.more
    return [*lines, *([f"- and {left} more"] if left else [])]


def _where(place: Place, item: Item) -> str:
    line = f":{item.line}:{item.column}" if item.line and item.column else f":{item.line}" if item.line else ""
    anchor = f"#L{item.line}" if item.line else ""
    link = f"{place.server}/{_url(place.repository)}/blob/{place.sha}/{_url(item.path)}{anchor}"
    return f"[{code(item.path + line)}]({link})"


def _url(path: str) -> str:
    return quote(path.encode("utf-8", "surrogateescape"), safe="/")


def _mending(shown: Sequence[Item]) -> str:
    """Return the command that mends what a machine can. Only plain names are put into a line that people copy."""
    files = sorted({item.path for item in shown if PLAIN.fullmatch(item.path) and item.path.startswith("templates/")})
    named = " ".join(files) if 0 < len(files) <= 5 else "templates"
    return f"`tokenop templates lint --fix {named}` mends what a machine can, and says the rest in full."


def _economics(economics: Mapping[str, Mapping[str, Percent | None]]) -> list[str]:
    return table(("template", "workload", "expected #", "P10 to P90 #"), economic_rows(economics))


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]
