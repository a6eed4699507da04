"""Reading templates: documents → checks → frozen templates, every file at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

from tokenop import documents, settings
from tokenop.catalogue.levers import SPECS
from tokenop.catalogue.linting.neighbours import Repository
from tokenop.catalogue.linting.run import Asked, check
from tokenop.catalogue.model import (
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
from tokenop.catalogue.places import find
from tokenop.catalogue.rules import RULES, source
from tokenop.catalogue.rules.surroundings import Surroundings
from tokenop.catalogue.schema import closest
from tokenop.errors import FindingsError, InputError

__all__ = ["find", "load", "one", "read"]


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


def one(template_id: str, folder: Path | None = None) -> Template:
    """Return the template `template_id` of `folder`, of the shipped ones by default; only its file is read.

    Raises:
        InputError: there is none of that id; the message names the nearest.
        FindingsError: it cannot be used as it stands.
    """
    root = folder or settings.content("templates")
    paths = {path.stem: path for path in find(root)}
    if template_id not in paths:
        # Odd names are refused elsewhere; here they would only repaint the terminal.
        known = [name for name in paths if name.isascii() and name.isprintable()]
        raise InputError(f"{root}: no template {template_id!r}; {closest(template_id, known)}")
    catalogue = read([paths[template_id]])
    if not catalogue.templates:
        raise FindingsError(catalogue.findings)
    return catalogue.templates[0]


def read(paths: Sequence[Path]) -> Catalogue:
    """Return the sound templates among `paths`, sorted by id, and what keeps the others from being used.

    Only the structural rules are asked; `tokenop.catalogue.linting` asks all. Names in `requires` and `conflicts` may
    also be those of templates beside these files.
    """
    sources = [source.read(path) for path in paths]
    # Whether a date lies in the future is no matter of use: planning depends on no clock.
    around = Surroundings(today=date.max, neighbours=Repository(paths))
    structural = Asked(tuple(rule for rule in RULES.values() if rule.structural))
    found = check(sources, around, structural)
    unsound = {finding.file for finding in found if finding.severity == "error"}
    drafts = [one.draft for one in sources if one.draft and str(one.path) not in unsound]
    templates = sorted((_frozen(draft.document) for draft in drafts), key=lambda template: template.id)
    return Catalogue(tuple(templates), tuple(found))


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
