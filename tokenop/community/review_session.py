"""A review that is being written: what has been answered so far, kept between two sittings."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from tokenop.errors import Finding, FindingsError, MisuseError
from tokenop.evidence import grammar, questions, read, values
from tokenop.evidence.model import VERDICTS, Review, Verdict
from tokenop.evidence.values import Answer


@dataclass(slots=True)
class Session:
    """Answers by area, the verdict, and which text of which version they are about."""

    template: str
    version: str
    sha256: str
    answers: dict[str, Answer] = field(default_factory=dict)
    verdict: Verdict | None = None

    def text(self) -> str:
        """Return the session as JSON."""
        document = {
            "template": self.template,
            "version": self.version,
            "sha256": self.sha256,
            "answers": {name: str(answer) for name, answer in self.answers.items()},
            "verdict": self.verdict,
        }
        return json.dumps(document, indent=2, ensure_ascii=False) + "\n"

    def missing(self) -> tuple[str, ...]:
        """Return the areas that are not answered yet."""
        return tuple(name for name in questions.IDS if name not in self.answers)

    def judge(self, verdict: Verdict) -> None:
        """Set the verdict.

        Raises:
            MisuseError: it approves, and the answers do not carry that.
        """
        if verdict == "approve" and (lacking := read.lacking(self.answers)):
            raise MisuseError(lacking)
        self.verdict = verdict

    def review(self, by: str, day: date) -> Review:
        """Return the review.

        Raises:
            MisuseError: there is no verdict, or an approval lacks answers.
        """
        if self.verdict is None:
            raise MisuseError(f"the review has no verdict: {', '.join(VERDICTS)}")
        self.judge(self.verdict)
        answers = {name: self.answers[name] for name in questions.IDS if name in self.answers}
        name = f"{by}-{self.version}"
        return Review(self.template, self.version, by, day, self.verdict, answers, False, name, Path(), 0)


def resumed(text: str, template: str, version: str, sha256: str) -> tuple[Session, str]:
    """Return the session that `text` holds, and what its owner should know of it; a new one where it is none of these.

    Answers about another version are not taken over: they are about another text.
    """
    new = Session(template, version, sha256)
    try:
        held = json.loads(text)
        answers = {name: values.rated(held["answers"][name]) for name in questions.IDS if name in held["answers"]}
        verdict, known = held["verdict"], (held["template"], held["version"], held["sha256"])
    except (ValueError, KeyError, TypeError, grammar.Refused):
        return new, "what was kept of an earlier review cannot be read, and was left out"
    if known[:2] != (template, version):
        return new, f"what was kept of an earlier review is about {known[0]} {known[1]}, and was left out"
    found = Session(template, version, sha256, answers, verdict if verdict in VERDICTS else None)
    note = f"{len(answers)} of {len(questions.IDS)} areas are answered from before"
    return found, note if known[2] == sha256 else f"{note}; the template has changed since"


def from_document(meta: Mapping[str, Any], path: Path, line: Any, session: Session) -> None:
    """Put the answers of a file (area → `4 of 5. why`, and `verdict`) into the session.

    Raises:
        FindingsError: a key or a value is none of a review; all at once.
    """
    fields = {name: one for name, one in read.form("reviews").fields.items() if name in (*questions.IDS, "verdict")}
    wrong = []
    for key, value in meta.items():
        try:
            if key not in fields:
                raise grammar.Refused(f"unknown key {grammar.shown(key)}", grammar.near(key, list(fields)))
            if not isinstance(value, str):
                raise grammar.Refused("is no text", f'write "{fields[key].what}"')
            taken = fields[key].read(values.flat(value))
        except grammar.Refused as refused:
            place = line(key)
            message, fix = refused.message, refused.fix
            wrong.append(Finding(str(path), place[0], key, grammar.RULE, "error", message, place[1], fix))
            continue
        if key == "verdict":
            session.verdict = taken
        else:
            session.answers[key] = taken
    if wrong:
        raise FindingsError(wrong)
