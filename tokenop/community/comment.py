"""The one comment that the bot keeps on a pull request: rendered anew from numbers, in words of ours alone."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import accumulate
from typing import Any, TypeGuard
from urllib.parse import quote

from tokenop.community import assign
from tokenop.community.comment_words import ALARMS, NOTES, Note, shown, words
from tokenop.community.pull_request import LONGEST_PATH, PLAIN
from tokenop.community.pull_request_output import economic_rows, spread
from tokenop.community.report import Mark, Percent
from tokenop.community.routing_figures import Figures
from tokenop.community.text import counted, table
from tokenop.errors import Finding, Severity
from tokenop.planning.text import visible

_BEGIN, _END = "<!-- tokenop:pull-request ", " -->"
# GitHub refuses comments above 65,536 characters; nobody reads as many findings anyway. Characters for findings and for
# what two sides differ in, and rows of savings, leave room for the rest, whatever names are chosen.
MOST_LISTED = 40
MOST_PLACES = 3
_LONGEST_FINDINGS, _LONGEST_UNLIKE = 28_000, 5_000
_MOST_ROWS = 60
_OWN_RUN = "this pull request's own run"
_SHA = re.compile(r"[0-9a-f]{40}")
_RUN = re.compile(r"(?:[0-9]{1,20}\.[0-9]{1,6})?")
_REVIEWERS_BEGIN, _REVIEWERS_END = "<!-- tokenop:reviewers -->", "<!-- /tokenop:reviewers -->"
_REVIEWERS = re.compile(f"{_REVIEWERS_BEGIN}.*?{_REVIEWERS_END}", re.DOTALL)


NO_COMMIT = "0" * 40


@dataclass(frozen=True, slots=True)
class State:
    """What the comment remembers: the commit it is about, who was asked, and up to where requests were heard.

    `asked` holds everybody who was ever asked, `reviewers` whose turn it is, `since` the day on which it began. `seen`
    is the number of the last comment that was answered, `run` the run (and its attempt) of the checks that was told of.
    Where no commit was told of yet, `sha` is `NO_COMMIT`.
    """

    sha: str
    reviewers: tuple[str, ...] = ()
    asked: tuple[str, ...] = ()
    since: date | None = None
    rounds: int = 0
    seen: int = 0
    run: str = ""


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
    """What is to be told of one commit of a pull request, or of files at hand: these have no `place` to link to."""

    place: Place | None
    items: tuple[Item, ...]
    checked: Mapping[str, int]
    economics: Mapping[str, Mapping[str, Percent | None]] = field(default_factory=dict)
    notes: frozenset[Note] = frozenset()
    unlike: tuple[Item, ...] = ()
    more: int = 0
    suppressed: tuple[Item, ...] = ()
    routing: Mapping[str, Figures] = field(default_factory=dict)

    def count(self, severity: str) -> int:
        """Return how many findings have this severity."""
        return sum(item.severity == severity for item in self.items)

    @property
    def sound(self) -> bool:
        """Return whether nothing stands against it: derived from what is listed, and never from a flag."""
        hindering = self.notes & {"unusable", "unlike", "waiting", "missing", "many", "failed"}
        return not self.count("error") and not self.more and not hindering and not self.unlike

    @property
    def alarms(self) -> tuple[str, ...]:
        """Return what only people can judge and must see first: rules, and `suppressed` where some on safety are."""
        hushed = {"suppressed"} if any(item.rule.startswith("SE") for item in self.suppressed) else set()
        return tuple(sorted(({item.rule for item in self.items} | hushed) & set(ALARMS)))


def ours(body: str) -> bool:
    """Return whether a comment begins like ours, whatever it remembers."""
    return body.startswith(_BEGIN)


def remembered(body: str) -> State | None:
    """Return what a comment of ours remembers; None where it is not of that form."""
    if not body.startswith(_BEGIN) or _END not in body:
        return None
    try:
        content = json.loads(body[len(_BEGIN) : body.index(_END)])
        state = State(
            str(content["sha"]),
            tuple(str(name) for name in content["reviewers"]),
            tuple(str(name) for name in content["asked"]),
            date.fromisoformat(content["since"]) if content["since"] else None,
            int(content["rounds"]),
            int(content["seen"]),
            str(content["run"]),
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    people = (*state.reviewers, *state.asked)
    sound = _SHA.fullmatch(state.sha) and _RUN.fullmatch(state.run) and all(map(assign.is_handle, people))
    return state if sound else None


def kept(body: str) -> str:
    """Return the part of a comment of ours that names the reviewers, as it stands; empty where it names none."""
    found = _REVIEWERS.search(body)
    return found[0] if found else ""


def rendered(result: Result, state: State, reviewers: str = "") -> str:
    """Return the whole comment. The same arguments give the same text, so that nothing is edited for nothing.

    Args:
        result: what is told.
        state: what is remembered.
        reviewers: the part that names the reviewers, from `asking` or `kept`.
    """
    text = "\n".join([_marker(state), told(result), "", reviewers])
    return _single(text).rstrip() + "\n"


def told(result: Result) -> str:
    """Return the part that tells a result, without what is remembered and without reviewers."""
    lines = [_verdict(result), ""]
    for alarm in result.alarms:
        lines += ["> [!WARNING]", f"> {ALARMS[alarm]}", ""]
    for note in sorted(result.notes):
        lines += [f"> {NOTES[note]}", ""]
    if result.items:
        lines += ["", *_findings(result), "", _mending(result.items)]
    if result.suppressed:
        hidden = [f"- `{item.rule}` at {_where(result.place, item)}" for item in result.suppressed[:MOST_LISTED]]
        lines += ["", "Suppressed by the files themselves, for reasons that they give:", ""]
        lines += _fitting(hidden, _LONGEST_UNLIKE)
    if result.unlike:
        lines += ["", "Only one of the two says:", ""]
        differing = [f"- `{item.rule}` at {_where(result.place, item)}" for item in result.unlike[:MOST_LISTED]]
        lines += _fitting(differing, _LONGEST_UNLIKE)
    if result.economics:
        title, whose = "What it saves on the reference workloads", []
        if result.place:
            title, whose = f"{title}, by {_OWN_RUN}", [_doubted(result.economics), ""]
        lines += ["", *_folded(title, [*whose, *_economics(result.economics)])]
    for path, figures in sorted(result.routing.items()):
        lines += ["", *_routing(path, figures, result.place is not None)]
    return _single("\n".join(lines)).rstrip()


def _single(text: str) -> str:
    """Return text without empty lines that follow each other."""
    return re.sub(r"\n{3,}", "\n\n", text)


def asking(assignment: assign.Assignment, others: Sequence[str] = ()) -> str:
    """Return the part that names the reviewers: those of `assignment`, and `others` who were asked before them."""
    names = [one.handle for one in assignment.chosen]
    title = f"Reviewers wanted: {assignment.wanted}"
    if names:
        title = f"Reviewers: {', '.join([*others, *names])}, due {assignment.due.isoformat()}"
    earlier = [f"Asked before: {', '.join(f'@{name}' for name in others)}.", ""] if others else []
    lines = _folded(title, [*earlier, *assign.markdown(assignment).splitlines()])
    return "\n".join([_REVIEWERS_BEGIN, *lines, _REVIEWERS_END])


def item(found: Finding) -> Item:
    """Return what of a finding is shown."""
    return Item(found.file, found.line, found.column, found.rule, found.severity)


def items(marks: Iterable[Mark], paths: Mapping[str, str]) -> tuple[list[Item], int]:
    """Return findings with the paths that GitHub gave (by fingerprint), and how many are about none of them."""
    named, lost = [], 0
    for mark in marks:
        if mark.file in paths:
            named.append(Item(paths[mark.file], mark.line, mark.column, shown(mark.rule), mark.severity))
        else:
            lost += 1
    return sorted(named), lost


def code(text: str) -> str:
    """Return other people's text as inline code: one line, without a way out of it."""
    flat = visible(text.encode("utf-8", "replace").decode("utf-8"))[:LONGEST_PATH].strip() or "?"
    fence = "`" * (max((len(run) for run in re.findall(r"`+", flat)), default=0) + 1)
    inner = f" {flat} " if "`" in flat else flat
    return f"{fence}{inner}{fence}"


def commands(
    comments: Iterable[tuple[int, str, str]], state: State, allowed: Mapping[str, Collection[str]]
) -> list[str]:
    """Return what was asked of the bot since `state`: `reroll` and `recheck`, each once.

    Args:
        comments: number, author and text of each comment.
        state: what was answered before.
        allowed: who may ask for what, handles by command.
    """
    wanted = set()
    for number, author, body in comments:
        found = re.fullmatch(r"/tokenop[ \t]+(reroll|recheck)", body.strip())
        permitted = {assign.plain(handle) for handle in allowed.get(found[1], ())} if found else set()
        if found and number > state.seen and assign.plain(author) in permitted:
            wanted.add(found[1])
    return sorted(wanted)


def _marker(state: State) -> str:
    content: dict[str, Any] = {
        "sha": state.sha,
        "reviewers": list(state.reviewers),
        "asked": list(state.asked),
        "since": state.since.isoformat() if state.since else None,
        "rounds": state.rounds,
        "seen": state.seen,
        "run": state.run,
    }
    return f"{_BEGIN}{json.dumps(content)}{_END}"


def _verdict(result: Result) -> str:
    errors, warnings = result.count("error") + result.more, result.count("warning")
    place = result.place
    at = f" at [`{place.sha[:10]}`]({place.server}/{_url(place.repository)}/commit/{place.sha})" if place else ""
    looked = looked_at(result.checked)
    counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    if not result.sound:
        return f"**Not passed**{at}: {counts}{f' in {looked}' if looked else ''}."
    if not looked and not result.items:
        return f"**Nothing to check**{at}: no template, routing config, evidence or collector is changed."
    word = "**No errors, but read this yourself**" if result.alarms else "**Passed**"
    return f"{word}{at}: {counts}{f' in {looked}' if looked else ''}.{_believed(result)}"


def _believed(result: Result) -> str:
    """Return what of a verdict is the word of the pull request's own run, which nobody on our side repeats."""
    parts = [
        *(["savings and patches"] if result.checked.get("templates") else []),
        *(["collectors"] if result.checked.get("collectors") else []),
        *(["what routing does"] if result.checked.get("routing") else []),
    ]
    return f" {' and '.join(parts).capitalize()}: as {_OWN_RUN} says." if parts and result.place else ""


def _doubted(economics: Iterable[str]) -> str:
    """Return whose word the savings are, and how to see for oneself."""
    path, *others = economics
    named = "PATH" if others or not PLAIN.fullmatch(path) else path
    command = f"`tokenop test-template --template {named} --dry-run --validate-economics`"
    return f"Replayed by {_OWN_RUN}, not by the main branch. To see for yourself, on a checkout of it: {command}."


def looked_at(checked: Mapping[str, int]) -> str:
    """Return in words how many files of which kind were looked at; empty where none was."""
    return ", ".join(counted(number, *_NAMES[kind]) for kind, number in checked.items() if number)


_NAMES = {
    "templates": ("template", "templates"),
    "evidence": ("evidence file", "evidence files"),
    "collectors": ("collector", "collectors"),
    "people": ("list of reviewers", "lists of reviewers"),
    "routing": ("routing config", "routing configs"),
}


def _findings(result: Result) -> list[str]:
    """Return one line for each rule and file, with the first places in it: the same words are said once."""
    from tokenop.catalogue.rules import RULES
    from tokenop.routing import lint

    groups: dict[tuple[Severity, str, str], list[Item]] = {}
    for item in sorted(result.items):
        groups.setdefault((item.severity, item.path, item.rule), []).append(item)
    chosen = spread(sorted(groups), lambda group: group[1])[:MOST_LISTED]
    lines = []
    for severity, path, rule in sorted(chosen):
        said = words(rule)
        # A rule says what should hold: read without that word, it sounds as if it did.
        what = f"*Rule:* {said.what}" if rule in RULES or rule in lint.RULES else said.what
        how = f" *Fix:* {said.how}" if said.how else ""
        lines.append(f"- {severity} **{rule}** {_places(result.place, groups[severity, path, rule])}: {what}{how}")
    lines = _fitting(lines, _LONGEST_FINDINGS)
    left = len(result.items) - sum(len(groups[group]) for group in sorted(chosen)[: len(lines)]) + result.more
    return [*lines, *([f"- and {left} more"] if left else [])]


def _fitting(lines: Sequence[str], most: int) -> list[str]:
    """Return the first lines that have at most so many characters together."""
    ends = accumulate(len(line) for line in lines)
    return [line for line, end in zip(lines, ends, strict=True) if end <= most]


def _places(place: Place | None, found: Sequence[Item]) -> str:
    """Return the places of one rule in one file: the first in full, then lines and columns."""
    first, *others = found
    shown = [_where(place, first)]
    for item in others[: MOST_PLACES - 1]:
        at = f"{item.line}:{item.column}" if item.column else str(item.line)
        shown.append(f"[{at}]({_link(place, item)})" if _linked(place, item) else at)
    left = len(found) - len(shown)
    return ", ".join(shown) + (f" and {counted(left, 'more place')}" if left else "")


def _where(place: Place | None, item: Item) -> str:
    line = f":{item.line}:{item.column}" if item.line and item.column else f":{item.line}" if item.line else ""
    named = code(item.path + line)
    return f"[{named}]({_link(place, item)})" if _linked(place, item) else named


def _linked(place: Place | None, item: Item) -> TypeGuard[Place]:
    """Return whether there is somewhere to link to, by an address that is not made to fill the comment."""
    return place is not None and len(item.path) <= LONGEST_PATH


def _link(place: Place, item: Item) -> str:
    anchor = f"#L{item.line}" if item.line else ""
    # Without it GitHub shows a page of markdown, on which there are no lines.
    plain = "?plain=1" if anchor and item.path.endswith(".md") else ""
    return f"{place.server}/{_url(place.repository)}/blob/{place.sha}/{_url(item.path)}{plain}{anchor}"


def _url(path: str) -> str:
    return quote(path.encode("utf-8", "replace"), safe="/")


def _mending(shown: Sequence[Item]) -> str:
    """Return the command that mends what a machine can; empty where the linter has no part in it.

    Only plain names are put into a line that people copy.
    """
    from tokenop.catalogue.rules import RULES

    routing = [item for item in shown if item.path.startswith("templates/routing/")]
    told = ["`tokenop route test` and `tokenop route diff` say what is about routing in full."] if routing else []
    places = ("templates/", "validations/")
    linted = [item for item in shown if item.path.startswith(places) and item not in routing]
    if not linted:
        return "".join(told)
    paths = sorted({item.path for item in linted})
    plain = all(len(path) <= LONGEST_PATH and PLAIN.fullmatch(path) for path in paths)
    replay = " --replay" if any(item.rule in RULES and RULES[item.rule].replays for item in linted) else ""
    folders = sorted({item.path.partition("/")[0] for item in linted})
    named = " ".join(paths if plain and len(paths) <= 5 else folders)
    mends = f"`tokenop templates lint --fix{replay} {named}` mends what a machine can, and says the rest in full."
    return " ".join([mends, *told])


def _economics(economics: Mapping[str, Mapping[str, Percent | None]]) -> list[str]:
    rows = economic_rows(economics)
    lines = table(("template", "workload", "expected #", "P10 to P90 #"), rows[:_MOST_ROWS])
    return [*lines, *(["", f"{len(rows) - _MOST_ROWS} more in the checks' summary."] if len(rows) > _MOST_ROWS else [])]


def _routing(path: str, figures: Figures, elsewhere: bool) -> list[str]:
    """Return what a changed routing config does, as its own run says."""
    from tokenop.community.routing_figures import known_intents, lines
    from tokenop.trials import workloads

    whose = f", as {_OWN_RUN} says" if elsewhere else ""
    told = lines(figures, known_intents(), workloads.names()) if elsewhere else lines(figures)
    return [f"**What {code(path)} does**{whose}:", "", *told, "", "`tokenop route diff` says the same at home."]


def _folded(title: str, lines: Sequence[str]) -> list[str]:
    return [f"<details><summary>{title}</summary>", "", *lines, "", "</details>"]
