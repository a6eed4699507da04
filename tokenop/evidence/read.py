"""Reading `validations/<template>/reviews.md` and `implementations.md`."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from tokenop.errors import Finding, InputError
from tokenop.evidence import grammar, questions, values
from tokenop.evidence.constants import APPROVAL_RATINGS
from tokenop.evidence.grammar import Field, Form, Parsed, Place, Raw
from tokenop.evidence.model import (
    ORGANISATIONS,
    TIERS,
    VERDICTS,
    Evidence,
    Implementation,
    Review,
    TemplateEvidence,
)

Kind = Literal["reviews", "implementations"]
KINDS: tuple[Kind, ...] = ("reviews", "implementations")
TITLES: Mapping[Kind, str] = {"reviews": "Reviews of ", "implementations": "Implementations of "}
# Ten thousand entries have about eight.
MAX_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """One file of evidence: its sound entries, and what is wrong with the others.

    Fields are named `<entry>.<field>`, such as `octocat-1.0.0.verdict`.
    """

    path: Path
    text: str
    kind: Kind
    template: str
    entries: tuple[Review | Implementation, ...]
    findings: tuple[Finding, ...]
    places: Mapping[str, Place]

    def line(self, field_path: str) -> Place:
        """Return line and column of a field's value; of its entry's name where the entry has no such field."""
        return self.places.get(field_path) or self.places.get(field_path.rpartition(".")[0]) or (1, 1)

    @property
    def reviews(self) -> tuple[Review, ...]:
        """Return the entries that are reviews."""
        return tuple(entry for entry in self.entries if isinstance(entry, Review))

    @property
    def implementations(self) -> tuple[Implementation, ...]:
        """Return the entries that are implementations."""
        return tuple(entry for entry in self.entries if isinstance(entry, Implementation))


@cache
def form(kind: Kind) -> Form:
    """Return the form of a kind of file."""
    common = {"day": Field(values.day, True, "2026-10-20")}
    if kind == "reviews":
        verdict = Field(values.one_of(VERDICTS), True, "approve, request-changes or comment")
        areas = {name: Field(values.rated, False, "4 of 5. and why") for name in questions.IDS}
        fields = {**common, "verdict": verdict, **areas}
    else:
        cost = Field(values.number("0", None, "3400.00"))
        quality = Field(values.number("0", "1", "0.93"))
        fields = {
            **common,
            "organisation": Field(values.one_of(ORGANISATIONS), True, "software"),
            "evidence": Field(values.one_of(TIERS), True, "measured or reported"),
            "before": Field(values.window),
            "after": Field(values.window),
            "calls_before": Field(values.whole),
            "calls_after": Field(values.whole),
            "cost_before_usd": cost,
            "cost_after_usd": cost,
            "quality_before": quality,
            "quality_after": quality,
            "method": Field(values.prose),
            "hours": Field(values.number("0", "100000", "12")),
            "predicted_percent": Field(values.percents),
            "worked": Field(values.prose),
            "lessons": Field(values.prose),
        }
    return Form(TITLES[kind], values.named, {**fields, "sample": Field(values.true)})


def file(path: Path, text: str | None = None) -> EvidenceFile:
    """Return one file; what is wrong with it is in its findings. `text` is what it holds, where that is known already.

    Raises:
        InputError: it cannot be read at all.
    """
    found: list[Finding] = []
    if text is None:
        raw = contents(path)
        text = raw.decode("utf-8", errors="replace")
        if "\ufffd" in text and b"\xef\xbf\xbd" not in raw:
            line = text.count("\n", 0, text.index("\ufffd")) + 1
            found.append(Finding(str(path), line, "file", grammar.RULE, "error", "is not UTF-8", 1, "save it as UTF-8"))
    text = text.replace("\r\n", "\n")
    kind = _kind(path, text)
    parsed = grammar.Reader(path, form(kind)).read(text)
    found += parsed.findings
    frozen = _reviews(path, parsed, found) if kind == "reviews" else _implementations(path, parsed)
    return EvidenceFile(path, text, kind, parsed.subject, tuple(frozen), tuple(found), parsed.places)


def load(folder: Path) -> Evidence:
    """Return the evidence below `folder`, which has a folder for each template. A folder that is not there is empty."""
    by_template: dict[str, TemplateEvidence] = {}
    findings: list[Finding] = []
    for path in find(folder):
        try:
            read = file(path)
        except InputError as error:
            findings.append(Finding(str(path), 0, "file", grammar.RULE, "error", str(error), 0, "make it readable"))
            continue
        findings += read.findings
        template = path.parent.name
        if read.template != template:
            message = f"the title names {grammar.shown(read.template)}, the folder {template}"
            fix = f"begin the file with the line # {TITLES[read.kind]}{template}"
            findings.append(Finding(str(path), 1, "title", grammar.RULE, "error", message, 1, fix))
            continue
        known = by_template.get(template) or TemplateEvidence(template)
        by_template[template] = TemplateEvidence(
            template,
            tuple(sorted((*known.reviews, *read.reviews), key=lambda entry: (entry.day, entry.entry_id))),
            tuple(sorted((*known.implementations, *read.implementations), key=lambda e: (e.day, e.entry_id))),
        )
    return Evidence({name: by_template[name] for name in sorted(by_template)}, tuple(sorted(findings)))


def find(folder: Path) -> list[Path]:
    """Return the files of evidence below `folder`, sorted."""
    return sorted(path for kind in KINDS for path in folder.glob(f"*/{kind}.md"))


def contents(path: Path) -> bytes:
    """Return the bytes of a regular file of bounded size. A link is not followed: it could lead anywhere.

    Raises:
        InputError: it is no such file, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise InputError(f"{path}: is not a regular file")
        with path.open("rb") as opened:
            raw = opened.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > MAX_BYTES:
        raise InputError(f"{path}: is larger than {MAX_BYTES // 1024 // 1024} MB")
    return raw


def _kind(path: Path, text: str) -> Kind:
    """Return what a file holds: by its name in validations/, by its title where it has another name."""
    by_name: dict[str, Kind] = {f"{kind}.md": kind for kind in KINDS}
    titled: list[Kind] = [kind for kind in KINDS if text.startswith(f"# {TITLES[kind]}")]
    return by_name.get(path.name) or (titled or ["implementations"])[0]


def _reviews(path: Path, parsed: Parsed, findings: list[Finding]) -> list[Review]:
    found = []
    for raw in parsed.entries:
        given = raw.values
        answers = {name: given[name] for name in questions.IDS if given.get(name)}
        refused = {name for name in questions.IDS if name in given} - answers.keys()
        if given.get("verdict") == "approve" and not refused and (message := lacking(answers)):
            line, column = parsed.places[f"{raw.entry_id}.verdict"]
            fix = f"add lines such as - {raw.entry_id} {questions.IDS[0]}: 4 of 5. and why, or write comment"
            where = f"{raw.entry_id}.verdict"
            findings.append(Finding(str(path), line, where, grammar.RULE, "error", message, column, fix))
            raw.whole = False
        if raw.whole:
            sample = given.get("sample", False)
            found.append(
                Review(parsed.subject, raw.named.version, raw.named.handle, given["day"], given["verdict"], answers,
                       sample, raw.entry_id, path, raw.line)
            )  # fmt: skip
    return found


def lacking(answers: Mapping[str, values.Answer]) -> str:
    """Return why these answers carry no approval, empty where they do."""
    absent = [name for name in questions.IDS if name not in answers]
    if absent:
        return f"an approval answers all seven areas; {', '.join(absent)} missing"
    rated = sum(answer.rating is not None for answer in answers.values())
    if rated < APPROVAL_RATINGS:
        return f"an approval rates at least {APPROVAL_RATINGS} of the seven areas; {rated} are rated"
    return ""


def _implementations(path: Path, parsed: Parsed) -> list[Implementation]:
    return [_implementation(path, parsed.subject, raw) for raw in parsed.entries if raw.whole]


def _implementation(path: Path, template: str, raw: Raw) -> Implementation:
    given = raw.values
    return Implementation(
        template=template,
        version=raw.named.version,
        by=raw.named.handle,
        organisation=given["organisation"],
        day=given["day"],
        window_before=given.get("before"),
        window_after=given.get("after"),
        calls_before=given.get("calls_before"),
        calls_after=given.get("calls_after"),
        cost_before_usd=given.get("cost_before_usd"),
        cost_after_usd=given.get("cost_after_usd"),
        method=given.get("method", ""),
        evidence=given["evidence"],
        quality_before=given.get("quality_before"),
        quality_after=given.get("quality_after"),
        hours=given.get("hours"),
        predicted_percent=given.get("predicted_percent"),
        worked=given.get("worked", ""),
        lessons=given.get("lessons", ""),
        sample=given.get("sample", False),
        entry_id=raw.entry_id,
        path=path,
        line=raw.line,
    )
