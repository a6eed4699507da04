"""Machines with accelerators and what they cost by the hour: the shipped files, and one of the user's on top."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from tokenop import documents, settings
from tokenop.documents import Document
from tokenop.errors import Finding, FindingsError
from tokenop.inventory.model import PROVIDERS, Hourly

RULE = "INSTANCE-PRICE"
_HIGHEST = Decimal(100_000)
# Key in the file → field of `Hourly`.
_RATES = {
    "on_demand_usd_per_hour": "on_demand",
    "spot_usd_per_hour": "spot",
    "reserved_1y_usd_per_hour": "reserved_1y",
}
_INSTANCE_KEYS = {"type", "accelerator", "gpus", "source", "verified_on", "note", *_RATES}
_FAMILY_KEYS = {"prefix", "accelerator"}
_FILE_KEYS = {"schema_version", "provider", "source", "verified_on", "instances", "families"}


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine type: `hourly` by region; `gpus` and `accelerator` are None where the file does not say."""

    gpus: int | None
    accelerator: str | None
    hourly: Mapping[str, Hourly] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Machines:
    """All machine types that are known to have accelerators, and prefixes of families that have."""

    types: Mapping[tuple[str, str], Machine]
    families: tuple[tuple[str, str, str | None], ...]

    def find(self, provider: str, kind: str | None) -> Machine | None:
        """Return what is known of a machine type; None where it has no accelerator, or is not known.

        Databricks runs on the machines of all three clouds, SageMaker on those of EC2 under `ml.`.
        """
        if not kind:
            return None
        name = kind.lower()
        owners = PROVIDERS if provider == "databricks" else (provider,)
        for owner in owners:
            if machine := self.types.get((owner, name)):
                return machine
        if name.startswith("ml.") and provider == "aws":
            below = self.find(provider, name[3:])
            return replace(below, hourly={}, sources={}) if below else None
        for owner, prefix, accelerator in self.families:
            if owner in owners and name.startswith(prefix):
                return Machine(None, accelerator)
        return None

    def hourly(self, provider: str, kind: str | None, region: str | None) -> tuple[Hourly, str | None]:
        """Return what an instance costs in a region, and where that was read."""
        machine = self.types.get((provider, (kind or "").lower()))
        if machine is None or region is None or region not in machine.hourly:
            return Hourly(), None
        return machine.hourly[region], machine.sources.get(region)


def load(extra: Path | None = None) -> Machines:
    """Return the machines of `templates/prices/instances/*.yaml`, with those of the user's file on top.

    Raises:
        FindingsError: a file has errors, each with its line.
        InputError: a file cannot be read.
    """
    shipped = _shipped(settings.content("templates") / "prices" / "instances")
    return _read([extra], shipped) if extra else shipped


@cache
def _shipped(folder: Path) -> Machines:
    return _read(sorted(folder.glob("*.yaml")), Machines({}, ()))


def _read(files: Iterable[Path], below: Machines) -> Machines:
    types, families = dict(below.types), list(below.families)
    for path in files:
        document = documents.load_yaml(path)
        if found := list(_problems(document)):
            raise FindingsError(found)
        provider = str(document.meta["provider"])
        for entry in document.meta.get("instances", ()):
            key = (provider, str(entry["type"]).lower())
            types[key] = _merged(types.get(key), _machine(entry, document.meta))
        families += [
            (provider, str(entry["prefix"]).lower(), entry.get("accelerator"))
            for entry in document.meta.get("families", ())
        ]
    return Machines(types, tuple(sorted(families, key=lambda family: (-len(family[1]), family[:2]))))


def _machine(entry: dict[str, Any], meta: dict[str, Any]) -> Machine:
    by_region: dict[str, dict[str, Decimal]] = {}
    for key, name in _RATES.items():
        for region, amount in entry.get(key, {}).items():
            by_region.setdefault(region, {})[name] = Decimal(amount)
    source, day = entry.get("source") or meta["source"], entry.get("verified_on") or meta["verified_on"]
    return Machine(
        entry.get("gpus"),
        entry.get("accelerator"),
        {region: Hourly(**rates) for region, rates in by_region.items()},
        dict.fromkeys(by_region, f"{source} (read on {day})"),
    )


def _merged(below: Machine | None, above: Machine) -> Machine:
    """Return a machine on which each rate that `above` states replaces that of `below`."""
    if below is None:
        return above
    hourly, sources = dict(below.hourly), dict(below.sources)
    for region, rates in above.hourly.items():
        old = hourly.get(region, Hourly())
        hourly[region] = Hourly(
            rates.on_demand if rates.on_demand is not None else old.on_demand,
            rates.spot if rates.spot is not None else old.spot,
            rates.reserved_1y if rates.reserved_1y is not None else old.reserved_1y,
        )
        stated = dict.fromkeys(filter(None, (sources.get(region), above.sources[region])))
        sources[region] = above.sources[region] if rates.on_demand is not None else " + ".join(stated)
    gpus = above.gpus if above.gpus is not None else below.gpus
    return Machine(gpus, above.accelerator or below.accelerator, hourly, sources)


def _problems(document: Document) -> Iterable[Finding]:
    meta = document.meta
    yield from _unknown(document, meta, _FILE_KEYS, "")
    if meta.get("schema_version") != 1:
        yield _finding(document, "schema_version", "must be 1")
    if meta.get("provider") not in PROVIDERS:
        yield _finding(document, "provider", f"must be one of {', '.join(PROVIDERS)}")
    for name in ("source", "verified_on"):
        if not isinstance(meta.get(name), str):
            yield _finding(document, name, "must be text: where and when the prices were read")
    for name, keys, required in (("instances", _INSTANCE_KEYS, "type"), ("families", _FAMILY_KEYS, "prefix")):
        entries = meta.get(name, [])
        if not isinstance(entries, list):
            yield _finding(document, name, "must be a list")
            continue
        for index, entry in enumerate(entries):
            place = f"{name}[{index}]"
            if not isinstance(entry, dict) or not isinstance(entry.get(required), str):
                yield _finding(document, place, f"must be a mapping with the text {required}")
                continue
            yield from _unknown(document, entry, keys, f"{place}.")
            yield from _entry(document, entry, place)


def _unknown(document: Document, entry: dict[str, Any], keys: set[str], prefix: str) -> Iterable[Finding]:
    for name in entry:
        if name not in keys:
            yield _finding(document, prefix + name, f"is not a key; these are: {', '.join(sorted(keys))}")


def _entry(document: Document, entry: dict[str, Any], place: str) -> Iterable[Finding]:
    gpus = entry.get("gpus")
    if gpus is not None and (isinstance(gpus, bool) or not isinstance(gpus, int) or not 0 < gpus <= 1024):
        yield _finding(document, f"{place}.gpus", "must be a whole number from 1 on")
    for name in ("accelerator", "source", "verified_on", "note"):
        if not isinstance(entry.get(name), str | None):
            yield _finding(document, f"{place}.{name}", "must be text")
    for key in _RATES:
        rates = entry.get(key, {})
        if not isinstance(rates, dict):
            yield _finding(document, f"{place}.{key}", "must be a mapping of region to USD")
            continue
        for region, amount in rates.items():
            if not _is_price(amount):
                yield _finding(document, f"{place}.{key}.{region}", "must be an amount in USD, such as 1.006")


def _is_price(amount: object) -> bool:
    if isinstance(amount, bool) or not isinstance(amount, int | str | Decimal):
        return False
    try:
        return Decimal(amount).is_finite() and 0 < Decimal(amount) < _HIGHEST
    except InvalidOperation:
        return False


def _finding(document: Document, path: str, message: str) -> Finding:
    line, column = document.line(path)
    return Finding(str(document.path), line, path, RULE, "error", message, column)
