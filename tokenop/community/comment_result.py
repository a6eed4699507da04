"""What is told of a commit: the main branch's own findings, and of the contributor's run what nobody else can know."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tokenop.community.comment import Place, Result, item, items
from tokenop.community.comment_words import Note
from tokenop.community.pull_request import Change, fingerprint, touches_engine, touches_golden
from tokenop.community.pull_request_checks import Examined
from tokenop.community.report import Percent, Report, comparable, unlike
from tokenop.community.routing_figures import Figures


def weighed(
    place: Place,
    changes: Sequence[Change],
    examined: Examined,
    report: Report | None,
    known: Iterable[str],
    notes: Iterable[Note] = (),
    then: Examined | None = None,
) -> Result:
    """Return what is told.

    Args:
        place: where links lead.
        changes: the changed files, as GitHub lists them.
        examined: what the main branch's linter says of them today.
        report: what the contributor's run says; None where there is none that could be used.
        known: paths of the main branch's files, to name those that the change does not touch.
        notes: what is to be said of the run besides.
        then: what the main branch's linter says as of the day of the report; by default `examined`.
    """
    said: set[Note] = set(notes)
    own = [item(found) for found in examined.findings]
    hidden = tuple(item(found) for found in examined.suppressed)
    if touches_engine(changes):
        said.add("engine")
    if touches_golden(changes):
        said.add("golden")
    if report is None:
        return Result(place, tuple(sorted(own)), examined.checked, {}, frozenset(said), suppressed=hidden)
    paths = {fingerprint(path): path for path in (*known, *(change.path for change in changes))}
    differing, _ = items(unlike(report, (then or examined).findings, examined.looked_at), paths)
    theirs, lost = items((mark for mark in report.marks if not comparable(mark.rule)), paths)
    if lost:
        said.add("moved")
    if differing:
        said.add("unlike")
    return Result(
        place,
        tuple(sorted({*own, *theirs})),
        examined.checked,
        # Whoever edits the engine can have it say any figure.
        {} if "engine" in said else _economics(report, changes),
        frozenset(said),
        tuple(differing),
        report.more,
        hidden,
        {} if "engine" in said else _routing(report, changes),
    )


def _economics(report: Report, changes: Iterable[Change]) -> dict[str, Mapping[str, Percent | None]]:
    """Return what changed templates save, on workloads that the main branch knows."""
    from tokenop.trials import workloads

    known = set(workloads.names())
    found: dict[str, Mapping[str, Percent | None]] = {}
    for change in changes:
        saved = report.economics.get(fingerprint(change.path), {})
        kept = {name: percent for name, percent in saved.items() if name in known}
        if kept and change.kind == "template" and change.template_id:
            found[change.path] = kept
    return found


def _routing(report: Report, changes: Iterable[Change]) -> dict[str, Figures]:
    """Return what changed routing configs do."""
    return {
        change.path: report.routing[fingerprint(change.path)]
        for change in changes
        if change.kind == "routing" and change.placed and fingerprint(change.path) in report.routing
    }
