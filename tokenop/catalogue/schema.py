"""Frontmatter against `template.schema.json`: every error with the place of the node that is wrong."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.catalogue.draft import Objection
from tokenop.documents import Document

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

SCHEMA_FILE = Path(__file__).with_name("template.schema.json")

_MOST_KNOWN = 30
_TYPES = {"object": "a mapping", "array": "a list", "string": "text", "number": "a number", "integer": "a whole number",
          "boolean": "true or false", "null": "null"}  # fmt: skip


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of the frontmatter as data."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def _validator() -> Draft202012Validator:
    from jsonschema import Draft202012Validator  # 80 ms of import that `--help` must not pay

    return Draft202012Validator(schema())


@cache
def _quick() -> Any:
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema())


def check(document: Document) -> list[Objection]:
    """Return what the schema objects to, in the order of the file."""
    return objections(document, _validator(), _quick())


def objections(document: Document, validator: Draft202012Validator, quick: Any) -> list[Objection]:
    """Return what any schema objects to in a document, in the order of the file.

    `validator` is the schema's own in jsonschema, `quick` that of jsonschema_rs.
    """
    # Nearly all files fit: that is asked quickly. Only what does not fit is explained, in our own words.
    if quick.is_valid(document.meta):
        return []
    found = [one for error in validator.iter_errors(document.meta) for one in _explain(document, error)]
    # To Python `$` also matches before a last line feed. What only the quick validator minds is told in its words.
    found = found or [_told(document, error) for error in quick.iter_errors(document.meta)]
    return sorted(found, key=lambda one: (one.place, one.field, one.message))


def joined(path: Iterable[str | int]) -> str:
    """Return a path such as `economics.levers[0].where`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def closest(name: str, names: Iterable[str]) -> str:
    """Return `did you mean …?` for the nearest of `names`, or the list of them where none is near and they are few."""
    known = sorted(names)
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.6)
    if near:
        return f"did you mean {near[0]}?"
    more = f" and {len(known) - _MOST_KNOWN} more" if len(known) > _MOST_KNOWN else ""
    return f"known: {', '.join(known[:_MOST_KNOWN]) or 'none'}{more}"


def _explain(document: Document, error: Any) -> Iterator[Objection]:
    path = joined(error.absolute_path)
    keyword = str(error.validator)
    if keyword == "required":
        yield _missing(document, path, error)
    elif keyword == "additionalProperties":
        yield from _unknown(document, path, error)
    else:
        # One objection for a whole choice: its branches' complaints contradict one another.
        choice = ("fits none of the allowed forms", _described(error.schema))
        message, fix = choice if keyword == "anyOf" else _worded(keyword, error)
        field = path or "frontmatter"
        yield Objection("value", field, document.line(field), message, fix, keyword)


def _told(document: Document, error: Any) -> Objection:
    field = joined(error.instance_path) or "frontmatter"
    return Objection("value", field, document.line(field), str(error.message)[:200], "correct it", "")


def _missing(document: Document, path: str, error: Any) -> Objection:
    # jsonschema gives one error for each missing key, but names it only in its prose.
    match = re.match(r"'([^']+)' is a required property", error.message)
    name = match[1] if match else "?"
    field = f"{path}.{name}" if path else name
    described = _described(error.schema.get("properties", {}).get(name, {}))
    place = document.key_line(path) if path else (1, 1)
    return Objection("missing", field, place, "is missing", described, "required")


def _unknown(document: Document, path: str, error: Any) -> Iterator[Objection]:
    known: Mapping[str, Any] = error.schema.get("properties", {})
    for name in sorted(set(error.instance) - set(known)):
        field = f"{path}.{name}" if path else name
        fix = closest(name, set(known) - set(error.instance) or set(known))
        place = document.key_line(field)
        yield Objection("unknown", field, place, f"unknown key {_shown(name)}", fix, "additionalProperties")


def _worded(rule: str, error: Any) -> tuple[str, str]:
    """Return message and fix in plain words."""
    wanted, value = error.validator_value, error.instance
    described = _described(error.schema)
    if rule == "type":
        types = [wanted] if isinstance(wanted, str) else list(wanted)
        quotable = "string" in types and isinstance(value, bool | int | Decimal)
        message = f"must be {' or '.join(_TYPES[t] for t in types)}, not {_kind(value)}"
        return message, "quote it" if quotable else described
    if rule == "enum":
        names = [str(choice) for choice in wanted]
        return f"{_shown(value)} is not one of {', '.join(names)}", closest(str(value), names)
    words = {
        "const": f"must be {wanted}",
        "minimum": f"{_shown(value)} is below {wanted}",
        "maximum": f"{_shown(value)} is above {wanted}",
        "minLength": "is empty",
        "maxLength": f"is longer than {wanted} characters",
        "minItems": "is an empty list",
        "maxItems": f"has more than {wanted} items",
        "uniqueItems": "holds the same item twice",
        "pattern": f"{_shown(value)} does not have the right form",
    }
    return words.get(rule, f"breaks the schema's rule {rule}"), described


def _described(part: Mapping[str, Any]) -> str:
    text = str(part.get("description", ""))
    return text[:1].lower() + text[1:].rstrip(".") if text and not text[1:2].isupper() else text.rstrip(".")


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Mapping):
        return "a mapping"
    return {"list": "a list", "str": "text"}.get(type(value).__name__, f"the number {value}")


def _shown(value: object, most: int = 60) -> str:
    text = str(value) if not isinstance(value, str) else repr(value)
    return text if len(text) <= most else text[: most - 1] + "…"
