"""Reading inventory.yaml: every key, type and sum is checked, and what is wrong is said with its line."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from tokenop.errors import Finding, FindingsError, InputError
from tokenop.inventory import model
from tokenop.inventory.model import Autoscaling, Count, Hourly, Inventory, Origin, Resource, Skipped
from tokenop.inventory.text import plain
from tokenop.strict_yaml import Builder

RULE = "INVENTORY"
LARGEST = 64 * 1024 * 1024
MOST_FINDINGS = 100

Check = Callable[[Any], str | None]


class _Long(Builder):
    """An inventory may list far more than a person would write by hand."""

    max_entries = 200_000


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with one value, and where: the path of keys that leads to it."""

    path: str
    message: str


def read(path: Path) -> Inventory:
    """Return the inventory that `path` holds.

    Raises:
        FindingsError: whatever is wrong in it, each with its line.
        InputError: it cannot be read at all.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(LARGEST + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    if len(raw) > LARGEST:
        raise InputError(f"{path}: is larger than {LARGEST // 1024 // 1024} MB, which no inventory is")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        found = Finding(str(path), line, "file", RULE, "error", f"byte 0x{raw[error.start]:02x} is not UTF-8")
        raise FindingsError([found]) from error
    return parse(text, path)


def parse(text: str, path: Path) -> Inventory:
    """Return the inventory that `text` says; `path` is what findings name.

    Raises:
        FindingsError: whatever is wrong in it, each with its line.
    """
    builder = _Long(path, text, 0)
    meta = builder.build()
    found: list[Finding] = []
    for problem in _problems(meta):
        at = problem.path
        while at and at not in builder.spans:
            at = at.rpartition("[" if at.endswith("]") else ".")[0]
        line, column = builder.spans[at].place if at in builder.spans else (1, 1)
        found.append(Finding(str(path), line, problem.path or "file", RULE, "error", problem.message, column))
        if len(found) >= MOST_FINDINGS:
            break
    if found:
        raise FindingsError(found)
    return _built(meta)


def _problems(meta: dict[str, Any]) -> Iterator[Problem]:
    wrong = list(_shape(meta, _TOP, ""))
    for index, origin in enumerate(_items(meta, "origin")):
        wrong += _shape(origin, _ORIGIN, f"origin[{index}]")
    for index, entry in enumerate(_items(meta, "skipped")):
        wrong += _shape(entry, _SKIPPED, f"skipped[{index}]")
    for index, resource in enumerate(_items(meta, "resources")):
        wrong += _resource(resource, f"resources[{index}]", len(_items(meta, "origin")))
    if isinstance(meta.get("totals"), dict):
        wrong += _shape(meta["totals"], _TOTALS, "totals")
    yield from wrong
    if not wrong:
        yield from _sums(meta)


def _items(meta: dict[str, Any], name: str) -> list[Any]:
    value = meta.get(name)
    return value if isinstance(value, list) else []


def _shape(value: Any, checks: dict[str, Check], path: str) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(path, "must be a mapping")
        return
    prefix = f"{path}." if path else ""
    for name in value:
        if name not in checks:
            yield Problem(prefix + name, "is not a key of an inventory")
    for name, check in checks.items():
        if name not in value:
            if name not in _OPTIONAL:
                yield Problem(path or name, f"{name} is missing")
        elif message := check(value[name]):
            yield Problem(prefix + name, message)


def _resource(value: Any, path: str, origins: int) -> Iterator[Problem]:
    yield from _shape(value, _RESOURCE, path)
    if not isinstance(value, dict):
        return
    for name, checks in _PARTS.items():
        if isinstance(value.get(name), dict):
            yield from _shape(value[name], checks, f"{path}.{name}")
    if isinstance(value.get("origin"), int) and value["origin"] >= max(origins, 1):
        yield Problem(f"{path}.origin", f"there are {origins} origins; they count from 0")
    for name in ("count", "before"):
        count = value.get(name)
        if isinstance(count, dict) and not any(_shape(count, _COUNT, "")):
            yield from _split(count, f"{path}.{name}")


def _split(count: dict[str, Any], path: str) -> Iterator[Problem]:
    parts = [count.get(name) for name in ("on_demand", "spot", "reserved")]
    total, known = count.get("total"), sum(part or 0 for part in parts)
    if total is None:
        if known:
            yield Problem(path, f"on_demand, spot and reserved add up to {known}, while the total is unknown")
    elif known > total or (known != total and None not in parts[:2]):
        yield Problem(path, f"on_demand, spot and reserved add up to {known}, not to the total")


def _sums(meta: dict[str, Any]) -> Iterator[Problem]:
    stated, inventory = meta.get("totals"), _built(meta)
    seen: dict[tuple[int, str, str | None], int] = {}
    for index, resource in enumerate(inventory.resources):
        first = seen.setdefault((resource.origin, resource.address, resource.part), index)
        if first != index:
            yield Problem(f"resources[{index}].address", f"is that of resources[{first}] too; it would count twice")
        yield from _bill(meta["resources"][index], resource, f"resources[{index}].monthly_usd")
    if stated is None:
        return
    for name, value in plain(inventory.as_dict()["totals"]).items():
        if name == "monthly_usd" and value is not None and stated[name] is not None:
            same = Decimal(stated[name]) == Decimal(value)
        else:
            same = stated[name] == value
        if not same:
            yield Problem(f"totals.{name}", f"is {stated[name]}, while the resources give {value}")


def _bill(value: dict[str, Any], resource: Resource, path: str) -> Iterator[Problem]:
    """Yield what is wrong with a stated bill: plans work with the counts and prices that it stands for."""
    if "monthly_usd" not in value:
        return
    stated, given = resource.monthly_usd, model.monthly(resource.count, resource.hourly_usd)
    # What is paid in other ways than by the hour has no price here, whatever its count.
    if stated is None and (not resource.counted or resource.hourly_usd == Hourly()):
        return
    if stated != given:
        says = "do not give one" if given is None else f"give {given}"
        how = "state both, or leave it null" if given is None else "leave the line out, and it is worked out"
        yield Problem(path, f"is {'null' if stated is None else stated}, while count and hourly_usd {says}; {how}")


def _built(meta: dict[str, Any]) -> Inventory:
    return Inventory(
        origin=tuple(Origin(**origin) for origin in meta.get("origin", ())),
        resources=tuple(_built_resource(value) for value in meta["resources"]),
        skipped=tuple(Skipped(**entry) for entry in meta.get("skipped", ())),
    )


def _built_resource(value: dict[str, Any]) -> Resource:
    given = {name: item for name, item in value.items() if name not in _PARTS}
    for name in ("instance_types", "notes", "unknown"):
        given[name] = tuple(value.get(name) or ())
    if given.get("monthly_usd") is not None:
        given["monthly_usd"] = Decimal(given["monthly_usd"])
    count, stated = Count(**value["count"]), value.get("hourly_usd") or {}
    hourly = Hourly(**{name: None if text is None else Decimal(text) for name, text in stated.items()})
    if "monthly_usd" not in given and given.get("counted", True):
        given["monthly_usd"] = model.monthly(count, hourly)
    return Resource(
        **given,
        count=count,
        before=Count(**value["before"]) if value.get("before") else None,
        autoscaling=Autoscaling(**(value.get("autoscaling") or {})),
        hourly_usd=hourly,
    )


def _text(value: Any) -> str | None:
    return None if isinstance(value, str) and value else "must be text"


def _whole(value: Any) -> str | None:
    good = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**9
    return None if good else "must be a whole number from 0 on"


def _flag(value: Any) -> str | None:
    return None if isinstance(value, bool) else "must be true or false"


def _money(value: Any) -> str | None:
    if not isinstance(value, str):
        return 'must be an amount in quotes, such as "1.006"'
    try:
        amount = Decimal(value)
    except InvalidOperation:
        return f"{value[:40]!r} is not an amount"
    return None if amount.is_finite() and 0 <= amount < 10**12 else "must be an amount from 0 on"


def _texts(value: Any) -> str | None:
    good = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return None if good else "must be a list of texts"


def _mapping(value: Any) -> str | None:
    return None if isinstance(value, dict) else "must be a mapping"


def _list(value: Any) -> str | None:
    return None if isinstance(value, list) else "must be a list"


def _or_null(check: Check) -> Check:
    return lambda value: None if value is None else check(value)


def _one_of(allowed: tuple[object, ...]) -> Check:
    # true is no 1.
    return lambda value: (
        None
        if any(type(value) is type(one) and value == one for one in allowed)
        else f"must be one of {', '.join(map(str, allowed))}"
    )


_TOP: dict[str, Check] = {
    "schema_version": _one_of((model.SCHEMA_VERSION,)),
    "origin": _list,
    "resources": _list,
    "skipped": _list,
    "totals": _mapping,
}
_ORIGIN: dict[str, Check] = {
    "file": _text,
    "sha256": _text,
    "kind": _one_of(model.KINDS),
    "terraform_version": _or_null(_text),
}
_SKIPPED: dict[str, Check] = {"type": _text, "reason": _text, "resources": _whole}
_TOTALS: dict[str, Check] = {"resources": _whole, "monthly_usd": _or_null(_money), "unpriced": _whole}
_COUNT: dict[str, Check] = {name: _or_null(_whole) for name in ("total", "on_demand", "spot", "reserved")}
_PARTS: dict[str, dict[str, Check]] = {
    "count": _COUNT,
    "before": _COUNT,
    "autoscaling": {"min": _or_null(_whole), "max": _or_null(_whole), "enabled": _or_null(_flag)},
    "hourly_usd": {name: _or_null(_money) for name in ("on_demand", "spot", "reserved_1y")},
}
_RESOURCE: dict[str, Check] = {
    "address": _text,
    "provider": _one_of(model.PROVIDERS),
    "type": _text,
    "purpose": _one_of(model.PURPOSES),
    "part": _or_null(_text),
    "origin": _whole,
    "region": _or_null(_text),
    "instance_type": _or_null(_text),
    "instance_types": _texts,
    "gpus_per_instance": _or_null(_whole),
    "accelerator": _or_null(_text),
    "count": _mapping,
    "before": _or_null(_mapping),
    "autoscaling": _or_null(_mapping),
    "scale_to_zero": _or_null(_flag),
    "hourly_usd": _or_null(_mapping),
    "price_source": _or_null(_text),
    "monthly_usd": _or_null(_money),
    "change": _one_of(model.CHANGES),
    "counted": _flag,
    "notes": _texts,
    "unknown": _texts,
}
# Keys without which a hand-written inventory still says enough.
_OPTIONAL = frozenset(
    {
        "origin",
        "skipped",
        "totals",
        "part",
        "before",
        "autoscaling",
        "scale_to_zero",
        "hourly_usd",
        "price_source",
        "monthly_usd",
    }
    | {"change", "counted", "notes", "unknown", "instance_types", "gpus_per_instance", "accelerator", "region"}
    | {"reserved", "spot", "reserved_1y", "on_demand", "min", "max", "enabled"}
) - {"resources"}
assert {field.name for field in fields(Resource)} == set(_RESOURCE)
