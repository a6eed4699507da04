"""Reading templates: documents → checks → frozen templates, every file at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from pathlib import Path
from typing import Any

from tokenop import documents, settings
from tokenop.catalogue import checks, expressions, graph, schema, sections
from tokenop.catalogue.draft import Draft, drafted
from tokenop.catalogue.levers import SPECS
from tokenop.catalogue.model import (
    LAYERS,
    Catalogue,
    Claim,
    Implementation,
    Interval,
    Lever,
    Parameter,
    Patch,
    Quality,
    Range,
    Risk,
    Template,
)
from tokenop.errors import Finding, FindingsError, InputError, Severity


def load(folder: Path | None = None) -> Catalogue:
    """Return the templates of `folder` (its layer folders), the shipped ones by default.

    A template with errors is left out; its findings are in the catalogue, so that one bad file does not hide the rest.

    Raises:
        InputError: the folder does not exist.
    """
    root = folder or settings.content("templates")
    if not root.is_dir():
        raise InputError(f"{root}: is not a folder; give the folder that holds application-layer/ and the others")
    return read(find(root))


def find(root: Path) -> list[Path]:
    """Return the template files under `root`, sorted: those of its layer folders, or its own if it is one."""
    folders = [root] if root.name in LAYERS else [root / layer for layer in LAYERS]
    return sorted(path for folder in folders for path in folder.glob("*.md") if path.name != "README.md")


def read(paths: Sequence[Path]) -> Catalogue:
    """Return the sound templates among `paths`, sorted by id, and what is wrong with all of them.

    Names in `requires` and `conflicts` may also be those of templates beside these files.
    """
    findings: list[Finding] = []
    drafts: list[Draft] = []
    for path in paths:
        try:
            document = documents.load(path)
        except FindingsError as error:
            findings += error.findings
            continue
        except InputError as error:
            text = str(error).removeprefix(f"{path}: ")
            findings.append(Finding(str(path), 0, "file", "ID007", "error", text, 0, "make it a readable file"))
            continue
        objections = schema.check(document)
        draft = drafted(document, objections)
        drafts.append(draft)
        findings += objections
        for check in (checks.check, expressions.check):
            findings += check(draft)
        findings += sections.check(document)
    findings += graph.check(drafts, _beside(paths))
    findings = sorted(set(findings), key=lambda f: (f.file, f.line, f.column, f.rule, f.field, f.message))
    unsound = {found.file for found in findings if found.severity == "error"}
    templates = [_frozen(d.document) for d in drafts if str(d.document.path) not in unsound]
    return Catalogue(tuple(sorted(templates, key=lambda template: template.id)), tuple(_capped(findings)))


def _capped(findings: Iterable[Finding]) -> Iterator[Finding]:
    """Yield at most `MAX_FINDINGS` findings of each file, and how many more there are."""
    for file, group in groupby(findings, key=lambda found: found.file):
        listed = list(group)
        yield from listed[: documents.MAX_FINDINGS]
        if more := listed[documents.MAX_FINDINGS :]:
            severity: Severity = "error" if any(found.severity == "error" for found in more) else "warning"
            message = f"{len(more)} more findings in this file"
            yield Finding(file, more[0].line, "file", "FM099", severity, message, more[0].column, "correct these first")


def _beside(paths: Iterable[Path]) -> set[str]:
    """Return the ids (file names) of the templates in the catalogues that `paths` are part of."""
    roots = {path.absolute().parent.parent for path in paths if path.absolute().parent.name in LAYERS}
    return {path.stem for root in roots | {settings.content("templates")} for path in find(root)}


def _frozen(document: documents.Document) -> Template:
    """Return the template of a document without errors."""
    meta = document.meta
    economics, risk, quality = meta["economics"], meta["risk"], meta["quality"]
    claim, work = economics["claim"], economics["implementation"]
    return Template(
        id=meta["id"],
        title=meta["title"],
        layer=meta["layer"],
        category=meta["category"],
        version=meta["version"],
        status=meta["status"],
        authors=tuple(meta["authors"]),
        created=date.fromisoformat(meta["created"]),
        verified_on=date.fromisoformat(meta["verified_on"]),
        stale_after=date.fromisoformat(meta["stale_after"]),
        supersedes=tuple(meta["supersedes"]),
        applies_when=meta["applies_when"],
        levers=tuple(_lever(index, lever) for index, lever in enumerate(economics["levers"])),
        claim=Claim(claim["workload"], Interval(*_three(claim["savings_percent"]))),
        implementation=Implementation(
            Decimal(work["hours"]), Decimal(work["hourly_rate_usd"]), Decimal(work["monthly_running_usd"])
        ),
        quality=Quality(Decimal(quality["max_absolute_drop"]), tuple(quality["golden_tiers"])),
        risk=Risk(risk["level"], risk["blast_radius"], int(risk["rollback_minutes"])),
        requires=tuple(meta["requires"]),
        conflicts=tuple(meta["conflicts"]),
        patches=tuple(Patch(p["target"], p["kind"], p["merge"], p["content"]) for p in meta["patches"]),
        body=document.body,
        path=document.path,
        sha256=document.sha256,
        parameters=tuple(_parameter(name, entry) for name, entry in (meta.get("parameters") or {}).items()),
    )


def _lever(index: int, lever: Mapping[str, Any]) -> Lever:
    ranges = {
        name: Range(*_three(entry), entry["evidence"], entry["source"]) for name, entry in lever["parameters"].items()
    }
    options = SPECS[lever["kind"]].with_defaults(lever.get("options") or {})
    return Lever(lever["kind"], lever["where"], ranges, options, index)


def _parameter(name: str, entry: Mapping[str, Any]) -> Parameter:
    kind = entry.get("type", "text")
    choices = tuple(entry.get("choices", ()))
    return Parameter(name, entry["description"], kind, entry.get("default"), choices, entry.get("pattern"))


def _three(entry: Mapping[str, Any]) -> tuple[Decimal, Decimal, Decimal]:
    return Decimal(entry["low"]), Decimal(entry["expected"]), Decimal(entry["high"])
