"""Writing inventory.yaml: the same values give the same bytes."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

HEADER = "# Written by `tokenop discover` from Terraform. Prices are US dollars; null is unknown.\n"

_WORD = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*\Z")
_WORDS = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
# What YAML counts as a line break or does not allow unescaped, but JSON does.
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


def dump(document: dict[str, Any]) -> str:
    """Return plain values, money among them as Decimal, as YAML with the header of an inventory."""
    return HEADER + _block(plain(document), "")


def plain(value: Any) -> Any:
    """Return `value` with money as text and tuples as lists."""
    if isinstance(value, dict):
        return {name: plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    return f"{value:f}" if isinstance(value, Decimal) else value


def _block(mapping: dict[str, Any], indent: str) -> str:
    parts = []
    for name, value in mapping.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            rows = (_block(item, indent + "    ") for item in value)
            parts.append(f"{indent}{name}:\n" + "".join(f"{indent}  - {row.lstrip()}" for row in rows))
        else:
            parts.append(f"{indent}{name}: {_flow(value)}\n")
    return "".join(parts)


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_flow(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if _WORD.match(text) and text.lower() not in _WORDS:
        return text
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(text, ensure_ascii=False))
