"""The files of a routing config as they stand: read strictly, checked against the schema, laid over one another."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Literal

from tokenop import documents
from tokenop.documents import Document, Place
from tokenop.errors import Finding, FindingsError, InputError

SCHEMA_FILE = Path(__file__).with_name("routing.schema.json")
RULE = "RT001"
Kind = Literal["meta", "config", "overlay", "caches"]

_LINE = re.compile(rb"^---[ \t]*\r?$", re.MULTILINE)
_START = re.compile(rb"\s*---[ \t]*\r?$", re.MULTILINE)
_MARK = b"\xef\xbb\xbf"
_ORDERED = "rules"
_EXAMPLES: Mapping[Kind, str] = {"meta": "id: default", "config": "mode: route", "overlay": "mode: route"}


@dataclass(frozen=True, slots=True)
class Layers:
    """One routing config as data: the metadata, all settings laid over one another, and the files they come from.

    `settings` has the form of the schema's `config`. `documents` are those of the config first, then its overlays.
    """

    path: Path
    meta: Document
    settings: Mapping[str, Any]
    documents: tuple[Document, ...]

    def where(self, field: str) -> tuple[str, Place]:
        """Return the file, line and column of a setting: of the last file that says it, else of what holds it."""
        wanted = field
        while wanted:
            for document in reversed(self.documents):
                name = _own_name(document, wanted)
                if document.value(name) is not None:
                    return str(document.path), document.key_line(name)
            wanted = re.sub(r"(\.|^)[^.\[\]]*\Z|\[[^\]]*\]\Z", "", wanted)
        return str(self.path), self.documents[0].line("")

    def finding(self, field: str, rule: str, message: str, fix: str, severity: Any = "error", at: int = -1) -> Finding:
        """Return a finding at a setting; `at` is the offset in its text where one character is meant."""
        file, place = self.where(field)
        if at >= 0:
            holder = next(one for one in reversed(self.documents) if one.value(_own_name(one, field)) is not None)
            place = holder.locate(_own_name(holder, field), at)
        return Finding(file, place[0], field, rule, severity, message, place[1], fix)


def is_overlay(path: Path) -> bool:
    """Return whether a file is a project's (one document) and no routing config (two).

    Raises:
        InputError: it cannot be read.
    """
    raw = _raw(path)
    starts = _START.match(raw) is not None
    return len(_LINE.findall(raw)) < (2 if starts else 1)


def read(path: Path, overlays: Sequence[Path] = ()) -> Layers:
    """Return the config at `path` with `overlays` laid over it, the last on top.

    Raises:
        FindingsError: a file is no strict YAML or breaks the schema: all findings of all files at once.
        InputError: one cannot be read.
    """
    findings: list[Finding] = []
    meta = config = None
    try:
        meta, config = _two(path)
        findings += [*_checked(meta, "meta"), *_checked(config, "config")]
    except FindingsError as error:
        findings += error.findings
    above: list[Document] = []
    for overlay in overlays:
        try:
            above.append(documents.load_yaml(overlay))
        except FindingsError as error:
            findings += [_named(one, "overlay") for one in error.findings]
        else:
            findings += _checked(above[-1], "caches" if _is_caches(above[-1]) else "overlay")
    if findings or meta is None or config is None:
        raise FindingsError(findings)
    settings: dict[str, Any] = config.meta
    for document in above:
        said = {"cache": document.meta} if _is_caches(document) else document.meta
        settings = _laid(settings, said)
    return Layers(path, meta, settings, (config, *above))


def _two(path: Path) -> tuple[Document, Document]:
    """Return both documents of a routing config; positions of the second are those of the file."""
    raw = _raw(path)
    if raw.startswith(_MARK):
        raise FindingsError([_plain(path, "starts with a byte order mark", "save it as UTF-8 without BOM")])
    if path.suffix == ".md":
        raise FindingsError([_plain(path, "is a page or a template, no routing config", "name a .yaml file")])
    if _START.match(raw) is None:
        raise FindingsError([_plain(path, "does not start with a line ---", "write ---, metadata, ---, config")])
    try:
        meta = documents.parse(path, raw)
    except FindingsError as error:
        raise FindingsError([_named(one, "meta") for one in error.findings]) from error
    text = "\n" * (meta.body_line - 1) + meta.body
    try:
        settings = documents.parse_yaml(text, path)
    except FindingsError as error:
        raise FindingsError([_named(one, "config") for one in error.findings]) from error
    digest = hashlib.sha256(raw).hexdigest()
    return meta, Document(path, settings, "", text.count("\n") + 1, digest, text, (0, len(text)))


def _raw(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise InputError(f"{path}: is a folder; name the files in it")
        if not path.is_file():
            raise InputError(f"{path}: no such file")
        with path.open("rb") as file:
            return file.read(documents.MAX_BYTES + 1)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error


def _plain(path: Path, message: str, fix: str) -> Finding:
    return Finding(str(path), 1, "file", RULE, "error", message, 1, fix)


def _named(finding: Finding, kind: Kind) -> Finding:
    """Return a finding of the strict reader, whose words for the whole document are those of a template."""
    whole = finding.field == "frontmatter"
    fix = finding.fix.replace("id: my-template", _EXAMPLES[kind]) if whole else finding.fix
    return replace(finding, field=kind if whole else finding.field, rule=RULE, fix=fix)


def _checked(document: Document, kind: Kind) -> list[Finding]:
    from tokenop.catalogue.schema import objections

    found = objections(document, *_validators(kind))
    return [
        Finding(
            str(document.path), one.place[0], kind if one.field == "frontmatter" else one.field, RULE, "error",
            one.message, one.place[1], one.fix,
        )
        for one in found
    ]  # fmt: skip


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema of all kinds of files as data."""
    loaded: dict[str, Any] = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return loaded


@cache
def _validators(kind: Kind) -> tuple[Any, Any]:
    import jsonschema_rs
    from jsonschema import Draft202012Validator

    own = {"$schema": schema()["$schema"], "$ref": f"#/$defs/{kind}", "$defs": schema()["$defs"]}
    return Draft202012Validator(own), jsonschema_rs.validator_for(own)


def _is_caches(document: Document) -> bool:
    known = schema()["$defs"]["caches"]["properties"]
    return any(name in known for name in document.meta) and not any(
        name in schema()["$defs"]["overlay"]["properties"] for name in document.meta
    )


def _own_name(document: Document, field: str) -> str:
    return field.removeprefix("cache.") if document.meta and _is_caches(document) else field


def _laid(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Return `above` laid over `below`: mappings key by key, all else as a whole; new rules stand before the old."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        if isinstance(old, dict) and isinstance(value, dict):
            merged = _laid(old, value)
            if name == _ORDERED:
                merged = {**{one: merged[one] for one in value if one not in old}, **merged}
            result[name] = merged
        else:
            result[name] = value
    return result
