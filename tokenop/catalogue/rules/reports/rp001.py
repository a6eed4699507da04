"""RP001: the template and its version exist."""

from __future__ import annotations

from collections.abc import Iterator

from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding
from tokenop.evidence.grammar import near, shown
from tokenop.evidence.read import TITLES, EvidenceFile


def _check(file: EvidenceFile, around: Surroundings) -> Iterator[Finding]:
    ids = around.neighbours.ids()
    folder = file.path.absolute().parent
    if file.template not in ids:
        message = f"there is no template {shown(file.template)}"
        yield RULE.found(file, "title", message, near(file.template, sorted(ids)))
    elif folder.parent.name == "validations" and folder.name != file.template:
        fix = f"write # {TITLES[file.kind]}{folder.name}, or move the file"
        yield RULE.found(file, "title", f"the title names {file.template}, the folder {folder.name}", fix)
    draft = around.neighbours.draft(file.template)
    newest = draft.get("version") if draft else None
    if not isinstance(newest, str):
        return
    for entry in file.entries:
        if _parts(entry.version) > _parts(newest):
            fix = f"write the version that was looked at, at most {newest}"
            message = f"{file.template} has no version {entry.version} yet; it is at {newest}"
            yield RULE.found(file, entry.entry_id, message, fix, place=(entry.line, 4))


def _parts(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


RULE = Rule(
    "RP001",
    "error",
    "evidence",
    what="Evidence is about a template, and a version of it, that exists.",
    why="Otherwise nobody can look at what was reviewed or put in place.",
    how="Name the template in the title as in its folder, and a version that it has had.",
    check=_check,
    examples=(
        Example(
            wrong="# Implementations of shorter-promts",
            right="# Implementations of shorter-prompts",
            specimen="implementations.md",
        ),
        Example(
            wrong="## hubot-9.0.0\n\n- hubot-9.0.0 day: 2026-10-12\n- hubot-9.0.0 organisation: startup\n"
            "- hubot-9.0.0 evidence: reported\n- hubot-9.0.0 cost_before_usd: 900.00\n"
            "- hubot-9.0.0 cost_after_usd: 880.00\n- hubot-9.0.0 sample: true\n",
            right="## hubot-1.0.0\n\n- hubot-1.0.0 day: 2026-10-12\n- hubot-1.0.0 organisation: startup\n"
            "- hubot-1.0.0 evidence: reported\n- hubot-1.0.0 cost_before_usd: 900.00\n"
            "- hubot-1.0.0 cost_after_usd: 880.00\n- hubot-1.0.0 sample: true\n",
            specimen="implementations.md",
        ),
    ),
)
