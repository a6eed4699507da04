"""EC010: nobody claims more than the evidence carries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.rules.economics import prose, reading
from tokenop.catalogue.rules.model import Example, Rule
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.errors import Finding, InputError

if TYPE_CHECKING:
    from tokenop.evidence.confidence import Group
    from tokenop.evidence.model import TemplateEvidence
    from tokenop.evidence.read import EvidenceFile

_URL = re.compile(r"https://\S+")
# A file by its path, or a command: `in backticks`, or one that begins with a program people run benchmarks with.
_FILE = re.compile(
    r"(?<![\w/.:-])(?:[\w.-]+/)+[\w.-]+\.[a-z0-9]{1,8}\b|\b[\w-]+\.(?:py|sh|csv|jsonl?|parquet|ipynb|sql|ya?ml)\b"
)
_COMMAND = re.compile(r"`[^`]+`|\b(?:tokenop|python3?|pytest|vllm|docker|make|curl|bash|sh) +[\w.-]")
_WORDS = ("validated", "proven", "measured", "battle-tested", "guaranteed")
_BOAST = re.compile(rf"\b(?:{'|'.join(_WORDS)})\b", re.IGNORECASE)
_FIGURE = re.compile(r"[0-9] ?(?:%|percent)|(?:USD|\$) ?[0-9]|\bsav(?:e|es|ed|ing|ings)\b", re.IGNORECASE)
_DENIED = re.compile(
    r"\b(?:not|never|none|no|nothing|nobody|unless|until|once|instead of|to be|before)\b", re.IGNORECASE
)


def _check(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    yield from _tiers(draft, around)
    yield from _words(draft, around)
    if draft.get("status") == "approved":
        yield from _approved(draft, around)


def _tiers(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    for path, _, lever in reading.levers(draft):
        for name, entry in reading.ranges(lever):
            tier, source = entry.get("evidence"), entry.get("source")
            if tier == "assumed" or not isinstance(source, str):
                continue
            where = f"{path}.parameters.{name}.source"
            if tier == "reported" and not _URL.search(source):
                message = "is called reported, but no page is named that reports it"
                yield RULE.found(draft.document, where, message, "add the https:// address, or write assumed")
            elif tier == "measured" and (complaint := _unrepeatable(source, around.root)):
                fix = "name the command or the file that gives the figure again, or write reported or assumed"
                yield RULE.found(draft.document, where, f"is called measured, but {complaint}", fix)


def _unrepeatable(source: str, root: Path | None) -> str | None:
    plain = _URL.sub("", source)
    file = _FILE.search(plain)
    if file is None and not _COMMAND.search(plain):
        return "no command or file is named that reproduces it"
    # A path into a folder of this repository can be looked up; others belong to the repository that was measured.
    ours = file is not None and root is not None and "/" in file[0] and (root / file[0].partition("/")[0]).is_dir()
    if ours and file and root and not (root / file[0]).exists():
        return f"there is no file {file[0]}"
    return None


def _words(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    """Yield words that claim evidence where there is none: in the title, and beside figures in the economics."""
    title = draft.get("title")
    part = prose.section(draft, "Economics")
    boasts = [("title", found, draft.document.locate("title", found.start()))
              for found in _BOAST.finditer(title if isinstance(title, str) else "")]  # fmt: skip
    text = part.text.lower() if part else ""
    if part and any(word in text for word in _WORDS):
        for at, sentence in prose.sentences(prose.prose(part.text)):
            found = _BOAST.search(sentence)
            if found and _FIGURE.search(sentence) and not _DENIED.search(sentence):
                boasts.append(("body", found, part.place(at + found.start())))
    if not boasts or _measured(draft) or _implemented(draft, around):
        return
    for field, found, place in boasts:
        message = f"{found[0]!r} claims evidence, but nothing here is measured and nobody reported an implementation"
        fix = "say what it is expected to save, or measure a parameter and name the command"
        yield RULE.found(draft.document, field, message, fix, place=place)


def _measured(draft: Draft) -> bool:
    return any(
        entry.get("evidence") == "measured"
        for _, _, lever in reading.levers(draft)
        for _, entry in reading.ranges(lever)
    )


def _implemented(draft: Draft, around: Surroundings) -> bool:
    from tokenop.evidence.model import real

    return bool(real(_evidence(draft, around).implementations))


def _approved(draft: Draft, around: Surroundings) -> Iterator[Finding]:
    """Yield what the evidence lacks for approval: reviews, or confidence in the layer's light."""
    from tokenop.evidence.confidence import confidence, layer_prior

    written = _evidence(draft, around)
    group = _group(draft, around)
    prior = layer_prior(_beside(draft, around), around.today)
    sure = confidence(
        written.reviews,
        written.implementations,
        prior,
        around.today,
        tolerance=group.tolerance,
        category=group.category,
        version=str(draft.get("version") or ""),
        authors=draft.get("authors") or (),
    )
    if lacking := sure.lacks():
        message = f"is approved, but the evidence is not there: {'; '.join(lacking)}"
        yield RULE.found(draft.document, "status", message, "write proposed until it is")


def _beside(draft: Draft, around: Surroundings) -> Iterator[Group]:
    """Yield the implementations of the other templates of the layer."""
    for name, path in sorted(around.neighbours.ids().items()):
        if name == draft.get("id") or path.parent.name != draft.get("layer"):
            continue
        other = around.neighbours.draft(name) if (around.validations / name).is_dir() else None
        if other:
            yield _group(other, around)


def _group(draft: Draft, around: Surroundings) -> Group:
    from tokenop.evidence.confidence import Group
    from tokenop.evidence.constants import QUALITY_LOSS

    tolerance = as_decimal(draft.get("quality.max_absolute_drop"))
    implementations = _evidence(draft, around).implementations
    return Group(implementations, QUALITY_LOSS if tolerance is None else tolerance, str(draft.get("category") or ""))


def _evidence(draft: Draft, around: Surroundings) -> TemplateEvidence:
    """Return what was written about the template. Files that cannot be read hold nothing; that is told elsewhere."""
    from tokenop.evidence import read
    from tokenop.evidence.model import TemplateEvidence

    name = str(draft.get("id") or "")
    found: list[EvidenceFile] = []
    for kind in ("reviews", "implementations") if name else ():
        try:
            found.append(read.file(around.validations / name / f"{kind}.md"))
        except InputError:
            continue
    reviews = tuple(review for file in found for review in file.reviews)
    return TemplateEvidence(name, reviews, tuple(one for file in found for one in file.implementations))


RULE = Rule(
    "EC010",
    "error",
    "template",
    what="Words and tiers claim no more than the evidence: measured can be repeated, reported can be looked up.",
    why="Readers stake money on these words, and one that is hollow costs all others their worth.",
    how="Name command, file or page in source; keep proven and validated for what people reported.",
    check=_check,
    examples=(
        Example(wrong="title: Proven shorter prompts", right="title: Shorter prompts"),
        Example(wrong="status: approved", right="status: proposed"),
        Example(
            wrong='evidence: measured, source: "Judged from three prompts',
            right='evidence: assumed, source: "Judged from three prompts',
        ),
        Example(wrong="Saves 3 % of the input, measured.", right="Saves input tokens only."),
    ),
)
