"""Findings as SARIF 2.1.0, which code scanning and editors read."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tokenop import __version__
from tokenop.catalogue.linting.fixing import proposals
from tokenop.catalogue.linting.lint import Linted
from tokenop.catalogue.rules.model import Edit, Rule
from tokenop.catalogue.rules.source import Source
from tokenop.errors import Finding

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
ROOT = "SRCROOT"


def log(linted: Linted) -> dict[str, Any]:
    """Return the findings, the rules that were asked and the fixes as a SARIF log with one run."""
    rules = sorted(linted.asking.rules, key=lambda rule: rule.id)
    index = {rule.id: number for number, rule in enumerate(rules)}
    fixes = proposals(linted)
    by_file = {str(source.path): source for source in linted.sources}
    results = []
    for found in linted.findings:
        # An edit belongs to all findings of a rule in a file: it is told with the first, and not again.
        edits = fixes.pop((found.file, found.rule), ())
        results.append(_result(found, index, edits, by_file))
    driver = {"name": "tokenop", "version": __version__, "rules": [_rule(rule) for rule in rules]}
    run = {
        "tool": {"driver": driver},
        "columnKind": "unicodeCodePoints",
        "originalUriBaseIds": {ROOT: {"description": {"text": "Where the linter was started."}}},
        "results": results,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(rule: Rule) -> dict[str, Any]:
    text = f"{rule.why} {rule.how}"
    return {
        "id": rule.id,
        "shortDescription": {"text": rule.what},
        "fullDescription": {"text": f"{rule.what} {rule.why}"},
        "help": {"text": text, "markdown": f"{rule.why}\n\n**Fix:** {rule.how}\n\nSee `docs/rules.md`."},
        "defaultConfiguration": {"level": rule.severity},
        "properties": {"tags": [rule.id[:2]], "fixable": rule.fix is not None},
    }


def _result(
    found: Finding, index: Mapping[str, int], edits: Sequence[Edit], by_file: Mapping[str, Source]
) -> dict[str, Any]:
    fix = f" ({found.fix})" if found.fix else ""
    location: dict[str, Any] = {"artifactLocation": _artifact(found.file)}
    if found.line:
        location["region"] = {"startLine": found.line, **({"startColumn": found.column} if found.column else {})}
    result: dict[str, Any] = {
        "ruleId": found.rule,
        "level": found.severity,
        "message": {"text": f"{found.field}: {found.message}{fix}"},
        "locations": [{"physicalLocation": location}],
        "partialFingerprints": {"tokenop/v1": _fingerprint(found)},
    }
    if found.rule in index:
        result["ruleIndex"] = index[found.rule]
    changes = _changes(edits, by_file)
    if changes:
        result["fixes"] = [{"description": {"text": found.fix or "Mend it."}, "artifactChanges": changes}]
    return result


def _changes(edits: Sequence[Edit], by_file: Mapping[str, Source]) -> list[dict[str, Any]]:
    changes: dict[str, list[dict[str, Any]]] = {}
    for edit in edits:
        source = by_file.get(str(edit.path))
        if source is None:  # in a file that is not part of this run: `--fix` edits it, a viewer need not
            continue
        (line, column), (last, after) = source.place(edit.start), source.place(edit.end)
        region = {"startLine": line, "startColumn": column, "endLine": last, "endColumn": after}
        replacement = {"deletedRegion": region, "insertedContent": {"text": edit.text}}
        changes.setdefault(str(edit.path), []).append(replacement)
    return [{"artifactLocation": _artifact(path), "replacements": made} for path, made in sorted(changes.items())]


def _artifact(file: str) -> dict[str, str]:
    path = Path(file)
    if path.is_absolute():
        return {"uri": path.as_uri()}
    return {"uri": quote(path.as_posix()), "uriBaseId": ROOT}


def _fingerprint(found: Finding) -> str:
    """Return what stays the same while lines move: the finding without its place."""
    told = "\x00".join((Path(found.file).name, found.rule, found.field, found.message))
    return hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[:32]
