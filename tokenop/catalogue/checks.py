"""What a schema cannot say about a template's frontmatter: names, order, bounds by lever kind, dates, patches."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import PurePosixPath
from typing import Any

from tokenop.catalogue.draft import Draft, as_decimal
from tokenop.catalogue.levers import SPECS, LeverSpec, OptionSpec, ParameterSpec
from tokenop.catalogue.model import LAYERS
from tokenop.catalogue.rules.legacy import finding
from tokenop.catalogue.schema import closest
from tokenop.documents import parse_yaml
from tokenop.errors import Finding, FindingsError

_PLAIN_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\.md\Z")
_PLAIN_TARGET = re.compile(r"[A-Za-z0-9._-]+(/[A-Za-z0-9._-]+)*\Z")


def check(draft: Draft) -> Iterator[Finding]:
    """Yield everything that is wrong, in no particular order."""
    yield from _identity(draft)
    yield from _dates(draft)
    yield from _claim(draft)
    yield from _levers(draft)
    yield from _patches(draft)
    yield from _relations(draft)


def _identity(draft: Draft) -> Iterator[Finding]:
    path = draft.document.path
    if path.is_symlink() or not _PLAIN_NAME.match(path.name):
        yield finding(
            draft.document, "ID007", "id", f"{path.name!r} is a link or an unusual file name", "name it <id>.md",
            place=(1, 1),
        )  # fmt: skip
    identity = draft.get("id")
    if identity is not None and identity != path.stem:
        yield finding(
            draft.document, "ID002", "id", f"{identity!r} is not the file's name", f"write {path.stem} or rename"
        )
    layer, folder = draft.get("layer"), path.absolute().parent.name
    if layer is not None and layer != folder:
        fix = f"write {folder}, or move the file" if folder in LAYERS else f"move the file to templates/{layer}/"
        yield finding(draft.document, "ID003", "layer", f"{layer} is not the file's folder {folder}", fix)


def _dates(draft: Draft) -> Iterator[Finding]:
    days: dict[str, date] = {}
    for name in ("created", "verified_on", "stale_after"):
        text = draft.get(name)
        if text is None:
            continue
        try:
            days[name] = date.fromisoformat(text)
        except ValueError:
            yield finding(draft.document, "FM006", name, f"{text} is not a day", "write a day that exists, YYYY-MM-DD")
    for before, after in (("created", "verified_on"), ("verified_on", "stale_after")):
        if before in days and after in days and days[before] > days[after]:
            yield finding(draft.document, "FM006", after, f"is before {before}", f"write {days[before]} or later")


def _claim(draft: Draft) -> Iterator[Finding]:
    yield from _ordered(draft, "economics.claim.savings_percent")


def _ordered(draft: Draft, path: str) -> Iterator[Finding]:
    entry = draft.get(path)
    if not isinstance(entry, Mapping):
        return
    low, expected, high = (as_decimal(entry.get(name)) for name in ("low", "expected", "high"))
    if low is None or expected is None or high is None:
        return
    if not low <= expected:
        yield finding(draft.document, "EC001", f"{path}.low", f"{low} is above expected ({expected})", "lower it")
    if not expected <= high:
        yield finding(draft.document, "EC001", f"{path}.high", f"{high} is below expected ({expected})", "raise it")


def _levers(draft: Draft) -> Iterator[Finding]:
    levers = draft.reach("economics.levers")
    if not isinstance(levers, list):
        return
    kinds: set[str] = set()
    for index, lever in enumerate(levers):
        path = f"economics.levers[{index}]"
        kind = draft.get(f"{path}.kind")
        if not isinstance(lever, Mapping) or kind not in SPECS:
            continue
        kinds.add(kind)
        yield from _parameters(draft, path, SPECS[kind])
        yield from _options(draft, path, SPECS[kind])
    if draft.get("layer") == "cross-layer" and len(kinds) < 2:
        message = "a cross-layer template has levers of at least two kinds"
        yield finding(draft.document, "LV004", "economics.levers", message, "add a lever, or choose the lever's layer")


def _parameters(draft: Draft, lever: str, spec: LeverSpec) -> Iterator[Finding]:
    path = f"{lever}.parameters"
    given = draft.reach(path)
    if not isinstance(given, Mapping):
        return
    parameters = spec.parameters_with(_given_options(draft, lever))
    yield from _names(draft, path, spec, set(given), parameters, "parameter")
    for parameter in parameters:
        entry = draft.get(f"{path}.{parameter.name}")
        if not isinstance(entry, Mapping):
            continue
        yield from _ordered(draft, f"{path}.{parameter.name}")
        for name in ("low", "expected", "high"):
            value = as_decimal(entry.get(name))
            complaint = parameter.complaint(value) if value is not None else None
            if complaint:
                where = f"{path}.{parameter.name}.{name}"
                yield finding(draft.document, "LV003", where, f"{value} {complaint}", parameter.description)


def _names(
    draft: Draft,
    path: str,
    spec: LeverSpec,
    given: set[str],
    known: Sequence[ParameterSpec | OptionSpec],
    what: str,
) -> Iterator[Finding]:
    for name in sorted(given - {one.name for one in known}):
        place = draft.document.key_line(f"{path}.{name}")
        message = f"{spec.kind} has no {what} {name!r}"
        all_of_them: tuple[ParameterSpec | OptionSpec, ...] = (*spec.parameters, *spec.options)
        elsewhere = next((one.only for one in all_of_them if one.name == name and one.only), None)
        fix = f"it belongs to {elsewhere[0]}: {elsewhere[1]}" if elsewhere else closest(name, [o.name for o in known])
        yield finding(draft.document, "LV001", f"{path}.{name}", message, fix, place=place)
    for one in known:
        if one.required and one.name not in given:
            message, place = f"{what} {one.name} of {spec.kind} is missing", draft.document.key_line(path)
            yield finding(draft.document, "LV002", f"{path}.{one.name}", message, one.description, place=place)


def _given_options(draft: Draft, lever: str) -> Mapping[str, Any]:
    path = f"{lever}.options"
    given = draft.reach(path) if path in draft.document.spans else {}
    return given if isinstance(given, Mapping) else {}


def _options(draft: Draft, lever: str, spec: LeverSpec) -> Iterator[Finding]:
    path, given = f"{lever}.options", _given_options(draft, lever)
    options = spec.options_with(given)
    yield from _names(draft, path, spec, set(given), options, "option")
    for option in options:
        value = draft.get(f"{path}.{option.name}")
        complaint = _option_complaint(option, value) if value is not None else None
        if complaint:
            yield finding(draft.document, "LV003", f"{path}.{option.name}", complaint, option.description)


def _option_complaint(option: OptionSpec, value: Any) -> str | None:
    if option.type == "choice":
        return None if value in option.choices else f"must be one of {', '.join(option.choices)}"
    if option.type == "boolean":
        return None if isinstance(value, bool) else "must be true or false"
    if option.type == "target":
        return None if isinstance(value, Mapping) else "must be a mapping of provider and model"
    number = as_decimal(value)
    if number is None or (option.type == "integer" and number != number.to_integral_value()):
        return f"must be {'a whole number' if option.type == 'integer' else 'a number'}"
    if option.minimum is not None and number < option.minimum:
        return f"must be at least {option.minimum}"
    if option.maximum is not None and number > option.maximum:
        return f"must be at most {option.maximum}"
    return None


def _patches(draft: Draft) -> Iterator[Finding]:
    patches = draft.reach("patches")
    seen: set[str] = set()
    for index in range(len(patches) if isinstance(patches, list) else 0):
        path = f"patches[{index}]"
        target, merge, content = (draft.get(f"{path}.{name}") for name in ("target", "merge", "content"))
        if target is not None:
            complaint = _target_complaint(target, seen)
            if complaint:
                fix = "write a relative path inside the repository, such as tokenop/cache.yaml"
                yield finding(draft.document, "PT001", f"{path}.target", complaint, fix)
            seen.add(target)
        if merge in ("yaml", "json") and content is not None:
            yield from _content(draft, f"{path}.content", merge, content)


def _target_complaint(target: str, seen: set[str]) -> str | None:
    parts = PurePosixPath(target).parts
    if not _PLAIN_TARGET.match(target) or ".." in parts or "." in target.split("/"):
        return f"{target!r} is absolute, leaves the repository or has unusual characters"
    if parts[0] in (".git", ".github") or any(part == ".git" for part in parts):
        return f"{target!r} is in a folder that patches may not touch"
    return f"{target!r} stands twice" if target in seen else None


def _content(draft: Draft, path: str, merge: str, content: str) -> Iterator[Finding]:
    """Yield why `content` cannot be merged key by key, each at its own line of the template."""
    document = draft.document
    if merge == "yaml":
        try:
            parse_yaml(content, document.path)
        except FindingsError as error:
            lines = content.split("\n")
            for found in error.findings:
                offset = sum(len(line) + 1 for line in lines[: found.line - 1]) + max(found.column - 1, 0)
                place = document.locate(path, offset)
                yield finding(document, "PT002", path, f"{found.field}: {found.message}", found.fix, place=place)
        return
    try:
        if not isinstance(json.loads(content), dict):
            yield finding(document, "PT002", path, "the top of the JSON is not a mapping", "write {…}")
    except json.JSONDecodeError as error:
        place = document.locate(path, error.pos)
        yield finding(document, "PT002", path, f"is not JSON: {error.msg}", "correct it", place=place)
    except RecursionError:
        yield finding(document, "PT002", path, "is nested too deeply", "flatten it")


def _relations(draft: Draft) -> Iterator[Finding]:
    identity = draft.get("id")
    lists = {name: draft.get(name) or [] for name in ("requires", "conflicts", "supersedes")}
    for name, others in lists.items():
        if identity in others:
            path = f"{name}[{others.index(identity)}]"
            yield finding(draft.document, "GR001", path, "names the template itself", "remove it")
    for index, other in enumerate(lists["conflicts"]):
        if other in lists["requires"]:
            yield finding(draft.document, "GR004", f"conflicts[{index}]", f"{other} is required too", "keep one")
