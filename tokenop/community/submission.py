"""One template before it is proposed: what the pull request's comment would say, on this machine and without GitHub."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.community import assign, comment
from tokenop.community.comment import Item, Result
from tokenop.community.pull_request_checks import suppressed
from tokenop.community.report import Percent
from tokenop.community.text import cell, table
from tokenop.errors import Finding, MisuseError

if TYPE_CHECKING:
    from tokenop.catalogue.draft import Draft
    from tokenop.community.past import Past
    from tokenop.evidence.people import Reviewer
    from tokenop.trials.model import Check

# What only a reader can say.
FOR_PEOPLE = (
    "The sources were read, and say what they are cited for",
    "Nothing looks like a measurement that nobody made",
    "The steps were followed once, by somebody who did not write them",
)


@dataclass(frozen=True, slots=True)
class Submitted:
    """All that a machine can say of one template. `economics` is in percent by workload, None where it stays silent."""

    path: Path
    findings: tuple[Finding, ...]
    economics: Mapping[str, Percent | None]
    patches: tuple[Check, ...]
    reviewers: assign.Assignment | None
    suppressed: tuple[Finding, ...] = ()

    @property
    def passed(self) -> bool:
        """Return whether nothing hinders proposing it."""
        return all(done is not False for _, done in self.checklist)

    @property
    def checklist(self) -> tuple[tuple[str, bool | None], ...]:
        """Return what is asked of a template and whether it holds; None where it cannot be said."""
        rules = {found.rule for found in self.findings}
        sound = not any(found.severity == "error" for found in self.findings)
        # Of a template that does not parse, or that the engine cannot plan with, nobody can tell what it saves.
        claimed = "EC003" not in rules if self.economics else None
        silent = "GE002" not in rules if self.economics else None
        patched = all(check.verdict != "fail" for check in self.patches) if self.patches else None
        return (
            ("The linter finds no errors", sound),
            ("The claim is what the replay says", claimed),
            ("It stays silent where it does not apply", silent),
            ("Patches apply to a clean project, and rolling back restores it byte for byte", patched),
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the submission, JSON-ready."""
        return {
            "file": str(self.path),
            "verdict": "pass" if self.passed else "fail",
            "findings": [found.as_dict() for found in self.findings],
            "suppressed": [found.rule for found in self.suppressed],
            "savings_percent": {
                name: None if saved is None else dict(zip(("p10", "expected", "p90"), saved, strict=True))
                for name, saved in self.economics.items()
            },
            "patches": [check.as_dict() for check in self.patches],
            "checklist": [{"what": what, "holds": holds} for what, holds in self.checklist],
            "reviewers": None if self.reviewers is None else self.reviewers.as_dict(),
        }


def looked_at(
    path: Path,
    today: date,
    author: str | None = None,
    people: Sequence[Reviewer] = (),
    past: Callable[[assign.About], Mapping[str, Past]] = lambda _: {},
    progress: Callable[[str], None] = lambda _: None,
) -> Submitted:
    """Return all that a machine can say of the template at `path`.

    Args:
        path: its file.
        today: the day against which freshness is judged, and from which reviewers have time.
        author: handle of who proposes it, besides the authors that it names.
        people: the list of reviewers.
        past: gives who worked on similar templates.
        progress: told what is being done.

    Raises:
        InputError: there is no such file.
        MisuseError: it is not one file, or is evidence.
    """
    from tokenop.catalogue.linting import lint
    from tokenop.trials import drafts, run

    if path.is_dir() or path.name in lint.EVIDENCE:
        raise MisuseError(
            f"{path}: give the file of one template; `tokenop templates lint` checks folders and evidence"
        )
    replay: list[Callable[[Draft], Any]] = []

    def replayer(given: Any) -> Callable[[Draft], Any]:
        replay.append(drafts.replayer(given))
        return replay[0]

    progress(f"checking {path.name} and replaying it on the reference workloads")
    linted = lint.lint([path], today, replayer=replayer)
    draft = linted.sources[0].draft
    economics = dict(sorted(replay[0](draft).percent.items())) if draft and replay else {}
    progress("applying its patches to scratch projects")
    checks = run.trial(path, economics=False).checks
    patches = tuple(check for check in checks if check.section == "patches")
    about = subject(path, draft)
    reviewers = assign.choose(about, people, {}, author, today, past=past(about)) if about else None
    hushed = tuple(suppressed(Path(), str(path), today))
    return Submitted(path, linted.findings, economics, patches, reviewers, hushed)


def subject(path: Path, draft: Draft | None) -> assign.About | None:
    """Return what a template is about, also where it is not sound; None where it names no layer."""
    from tokenop.catalogue.model import LAYERS

    layer = draft.get("layer") if draft else None
    if draft is None or layer not in LAYERS:
        return None
    authors = [name for name in draft.get("authors") or () if isinstance(name, str)]
    return assign.About(path.stem, str(layer), str(draft.get("category") or ""), tuple(authors))


def markdown(submitted: Submitted) -> str:
    """Return the report, made like the comment that the pull request would get, with each finding in full."""
    path = submitted.path.as_posix()
    items = tuple(sorted(Item(path, f.line, f.column, f.rule, f.severity) for f in submitted.findings))
    economics = {path: submitted.economics} if submitted.economics else {}
    hushed = tuple(Item(path, f.line, f.column, f.rule, f.severity) for f in submitted.suppressed)
    parts = [comment.told(Result(None, items, {"templates": 1}, economics, suppressed=hushed))]
    if submitted.findings:
        rows = [_row(found) for found in sorted(submitted.findings, key=lambda f: (f.severity, f))]
        parts += ["### In full", *table(("place", "rule", "what", "fix"), rows)]
    parts += ["### Checklist", *[f"- {_mark(holds)} {what}" for what, holds in submitted.checklist]]
    parts += [f"- [ ] {what} (for people to say)" for what in FOR_PEOPLE]
    failed = [check for check in submitted.patches if check.verdict == "fail"]
    if failed:
        parts += ["### Patches", *[f"- {cell(check.name)}: {cell(check.text)}" for check in failed]]
    if submitted.reviewers is not None:
        parts += [assign.markdown(submitted.reviewers)]
    return _spaced(parts)


def _mark(holds: bool | None) -> str:
    return "[ ] (cannot be said yet)" if holds is None else "[x]" if holds else "[ ] **no**:"


def _row(found: Finding) -> tuple[str, ...]:
    place = f"{found.line}:{found.column}" if found.column else str(found.line) if found.line else ""
    return place, f"{found.severity} {found.rule}", cell(f"{found.field}: {found.message}"), cell(found.fix)


def _spaced(parts: Sequence[str]) -> str:
    """Return the parts with an empty line around headings, and none within tables and lists."""
    text = ""
    for part in parts:
        apart = part.startswith("###") or text.rstrip("\n").rpartition("\n")[2].startswith("###")
        text += ("\n" if apart and text else "") + part.rstrip("\n") + "\n"
    return text
