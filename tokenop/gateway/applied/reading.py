"""Reading the files in force, and everything that is to be said against them: the part that runs in its own process."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from tokenop.errors import Finding, FindingsError, InputError, TokenOpError
from tokenop.gateway.applied.sources import BASE, CACHE, OWN, ROUTER, Sources, shown, told
from tokenop.gateway.applied.verdict import File, Verdict, sleeping
from tokenop.routing.layers import is_overlay
from tokenop.routing.model import RoutingConfig
from tokenop.routing.predicates import Expression

if TYPE_CHECKING:
    from tokenop.documents import Document

SCHEMA_FILE = Path(__file__).parents[1] / "gateway.schema.json"
OWN_RULE = "GW001"
# A model is retired by the calendar, not by an edit: a gateway that starts again that morning must not stay away.
BY_THE_CALENDAR = frozenset({"RT011"})
_TRIES = 5


def warm() -> None:
    """Load what reading takes, before there is anything to read."""
    import duckdb  # noqa: F401
    import jsonschema  # noqa: F401
    import jsonschema_rs  # noqa: F401

    from tokenop.prices import book, retirements
    from tokenop.routing.lint import run  # noqa: F401

    with contextlib.suppress(TokenOpError):  # it is told where it is read
        book.load()
        retirements.shipped()


def read(where: Sources, today: date) -> Verdict:
    """Return what the files of `where` say together, or all that is wrong with them."""
    for _ in range(_TRIES):
        try:
            before = _files(where)
            found = _read(where, before, today)
            if _files(where) == before:
                return found
        except InputError as error:
            return Verdict("", (), reason=str(error))
    return Verdict("", (), reason="the files change faster than they can be read")


def _read(where: Sources, files: tuple[File, ...], today: date) -> Verdict:
    errors: list[Finding] = []
    warnings: list[Finding] = []
    config = None
    try:
        config, found = _routing(where, files, today)
        errors += [one for one in found if one.severity == "error" and one.rule not in BY_THE_CALENDAR]
        warnings += [one for one in found if one not in errors]
    except FindingsError as error:
        errors += error.findings
    own: Mapping[str, Any] = {}
    try:
        own = _own(shown(where.own, where.root)) if any(file.role == OWN for file in files) else {}
    except FindingsError as error:
        errors += error.findings
    digest = hashlib.sha256("".join(f"{file.role}\0{file.sha256}\n" for file in files).encode()).hexdigest()
    if errors or config is None:
        return Verdict(digest, files, errors=tuple(sorted(errors)), warnings=tuple(sorted(warnings)))
    conditions = {rule.name: tree for rule in config.rules if (tree := _tree(rule.when)) is not None}
    skips = tuple(tree for text in _skipped(config) if (tree := _tree(text)) is not None)
    return Verdict(
        digest, files, sleeping(config), own, (), tuple(sorted(warnings)), conditions=conditions, skips=skips
    )


def _files(where: Sources) -> tuple[File, ...]:
    """Return the files that are there, those that lie over others last."""
    try:
        told(where.base)
    except FileNotFoundError:
        pass  # told below
    except OSError as error:
        raise InputError(f"{shown(where.base, where.root)}: cannot be read: {error.strerror or error}") from error
    if is_overlay(shown(where.base, where.root)):
        wanted = [(BASE, where.shipped), (ROUTER, where.base)]
    else:
        wanted = [(BASE, where.base), (ROUTER, where.router)]
    wanted += [(CACHE, where.cache), (OWN, where.own)]
    found = []
    for role, path in wanted:
        try:
            found.append(File(role, str(path), hashlib.sha256(told(path)).hexdigest()))
        except FileNotFoundError:
            continue
        except OSError as error:
            raise InputError(f"{shown(path, where.root)}: cannot be read: {error.strerror or error}") from error
    return tuple(found)


def _routing(where: Sources, files: tuple[File, ...], today: date) -> tuple[RoutingConfig | None, list[Finding]]:
    from tokenop.prices import book, retirements
    from tokenop.routing.lint import run

    named = [shown(Path(file.path), where.root) for file in files if file.role != OWN]
    result = run.check(
        named[0], named[1:], prices=book.load(), retirements=retirements.shipped(), today=today, env=os.environ
    )
    return result.config, list(result.findings)


def _own(path: Path) -> Mapping[str, Any]:
    from tokenop import documents
    from tokenop.catalogue.schema import objections

    if not path.read_text(encoding="utf-8", errors="replace").strip():
        return {}
    document = documents.load_yaml(path)
    found = objections(document, *_validators())
    if found:
        raise FindingsError(
            Finding(
                str(path), one.place[0], OWN if one.field == "frontmatter" else one.field, OWN_RULE, "error",
                one.message, one.place[1], one.fix,
            )
            for one in found
        )  # fmt: skip
    _check_zone(document)
    return document.meta


def _check_zone(document: Document) -> None:
    """Raise a finding where no such zone is known: the next start would fail of it."""
    zone = str(document.meta.get("timezone", "UTC"))
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError) as error:
        line, column = document.line("timezone")
        fix = "name one as Europe/Berlin"
        what = f"this machine knows no zone {zone!r}"
        raise FindingsError(
            [Finding(str(document.path), line, "timezone", OWN_RULE, "error", what, column, fix)]
        ) from error


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of `tokenop/gateway.yaml` as data."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def _validators() -> tuple[Any, Any]:
    import jsonschema_rs
    from jsonschema import Draft202012Validator

    return Draft202012Validator(schema()), jsonschema_rs.validator_for(schema())


def _skipped(config: RoutingConfig) -> list[str]:
    kept: Any = config.cache.get("response_cache", {})
    return [str(text) for text in kept.get("skip", ())]


def _tree(text: str) -> Expression | None:
    from tokenop.routing import predicates

    return predicates.read(text)[0]
