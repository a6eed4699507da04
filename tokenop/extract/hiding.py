"""What must not be shown: every credential that this process can have, in every spelling that a server may quote it in.

Servers quote requests in their errors. The parent writes what it is told, so the child takes credentials out before.
"""

from __future__ import annotations

import base64
import json
import re
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASS|PWD|CREDENTIAL", re.IGNORECASE)
_PLACE = re.compile(r"(_FILE|_PATH|_ID|_URL|_HOST)$", re.IGNORECASE)
_FILE = re.compile(r"(_FILE|_PATH)$", re.IGNORECASE)
_LINE = re.compile(r"""^\s*["']?([\w.-]+)["']?\s*[=:]\s*["']?(.*?)["']?\s*$""", re.MULTILINE)
# A credential that was handed out during the run stands in no variable and no file; in a header it has a word in front.
_HEADER = re.compile(r"""(?i)\b((?:bearer|basic|token|jwt)[\s:=]+\\?["']?)(?=[\w.~+/=:-]*\d)[\w.~+/=:-]{8,}""")
_JWT = re.compile(r"\beyJ[\w-]{8,}(\.[\w-]+)+")
# Where vendors' tools keep logins, by the start of the collector's name: variable, its usual value, names in it.
_FILES: dict[str, tuple[tuple[str, str, tuple[str, ...]], ...]] = {
    "databricks": (("DATABRICKS_CONFIG_FILE", "~/.databrickscfg", ("",)),),
    "snowflake": tuple(
        (variable, folder, ("connections.toml", "config.toml"))
        for variable, folder in (
            ("SNOWFLAKE_HOME", "~/.snowflake"),
            ("", "~/.config/snowflake"),
            ("", "~/Library/Application Support/snowflake"),
        )
    ),
}
_LARGEST = 1_000_000
# So much of a secret is one, where a message was cut in the middle of it.
_PART = 8


def secrets(given: Mapping[str, str], collector: str = "") -> tuple[str, ...]:
    """Return the values that must not be shown, longest first.

    Args:
        given: environment variables. Those named like secrets count, passwords in URLs, and what files hold that such
            variables name.
        collector: name of the collector, whose vendor's own files are then read for more.
    """
    found = set(_named(given.items()))
    for value in given.values():
        if "@" in value:
            user, _, _ = value.rpartition("@")
            found.add(user.rpartition(":")[2].rpartition("/")[2])
    for path in _files(given, collector):
        found.update(_named(_pairs(_text(path))))
    parts = {line for value in found for line in value.splitlines()}
    return tuple(sorted((value.strip() for value in found | parts if len(value.strip()) >= 4), key=len, reverse=True))


def spellings(values: Iterable[str]) -> tuple[str, ...]:
    """Return `values`, and how URLs, JSON and base64 (with whatever stands around them) spell the longer ones."""
    found = set(values)
    for value in tuple(found):
        if len(value) >= _PART:
            found |= {
                quote(value, safe=""),
                quote(value),
                quote_plus(value),
                json.dumps(value)[1:-1],
                repr(value)[1:-1],
            }
            found.update(_base64(value.encode()))
    return tuple(sorted(found, key=len, reverse=True))


def scrub(text: str, hidden: Iterable[str]) -> str:
    """Return `text` with `***` for every value of `hidden` (also one that was cut off) and every login in a header."""
    values = tuple(hidden)
    for value in values:
        text = text.replace(value, "***")
    for value in values:
        start = text.find(value[:_PART]) if len(value) > _PART else -1
        while start >= 0:
            end = start + _PART
            while text[end : end + 1] == value[end - start : end - start + 1] != "":
                end += 1
            text = f"{text[:start]}***{text[end:]}"
            start = text.find(value[:_PART], start + 3)
    return _JWT.sub("***", _HEADER.sub(r"\1***", text))


def _base64(value: bytes) -> Iterator[str]:
    """Yield the characters that `value` alone decides, for each of the three places where it can begin."""
    for before, first in enumerate((0, 2, 3)):
        whole = base64.b64encode(bytes(before) + value).decode()
        part = whole[first : (before + len(value)) * 8 // 6]
        if len(part) >= _PART:
            yield part
            yield part.replace("+", "-").replace("/", "_")


def _named(pairs: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Yield the values of names like secrets, and what the files hold that names like `TOKEN_FILE` tell."""
    for name, value in pairs:
        if _SECRET.search(name) and not _PLACE.search(name):
            yield value
        elif _SECRET.search(name) and _FILE.search(name):
            yield from (line for line in _text(Path(value)).splitlines() if "-----" not in line)


def _files(given: Mapping[str, str], collector: str) -> Iterator[Path]:
    for vendor, places in _FILES.items():
        for variable, usual, names in places if collector.startswith(vendor) else ():
            folder = given.get(variable) or usual
            yield from (Path(folder) / name if name else Path(folder) for name in names)


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the names and values of a file of settings, in TOML or in lines of `name = value`."""
    yield from ((match[1], match[2]) for match in _LINE.finditer(text))
    try:
        yield from _leaves(tomllib.loads(text))
    except (ValueError, RecursionError):
        return


def _leaves(table: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from _leaves(value)
        elif isinstance(value, str):
            yield name, value


def _text(path: Path) -> str:
    """Return what a file holds; nothing where it cannot be read."""
    try:
        with path.expanduser().open("rb") as file:
            return file.read(_LARGEST).decode("utf-8", "replace")
    except (OSError, ValueError, RuntimeError):
        return ""
