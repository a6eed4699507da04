"""The engine: suppressions, what is known of templates beside those that are checked, many files, SARIF."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from tests.catalogue.examples import SPECIMENS, TODAY
from tokenop.catalogue.linting import lint, neighbours, run, sarif, text, workers
from tokenop.catalogue.rules import RULES
from tokenop.errors import Finding

SPECIMEN = (SPECIMENS / "template.md").read_text(encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return an empty repository."""
    for layer in ("application-layer", "serving-layer"):
        (tmp_path / "templates" / layer).mkdir(parents=True)
    return tmp_path


def written(root: Path, name: str = "shorter-prompts", front: str = "", **replaced: str) -> Path:
    """Write a template: the specimen under another name, with values replaced and lines added to its frontmatter."""
    content = SPECIMEN.replace("(../application-layer/model-routing.md)", "(#problem)")
    for key, value in {"id": name, **replaced}.items():
        line = next(one for one in content.split("\n") if one.startswith(f"{key}:"))
        content = content.replace(line, f"{key}: {value}", 1)
    path = root / "templates" / "application-layer" / f"{name}.md"
    path.write_text(content.replace("\n---\n", f"\n{front}---\n", 1))
    return path


def told(path: Path, today: date = TODAY) -> list[tuple[str, str]]:
    return [(found.rule, found.severity) for found in lint.lint([path], today).findings]


def suppressed(rule: str, until: str = "2026-12-01", reason: str = "Being written.") -> str:
    return f'suppress:\n  - {{rule: {rule}, reason: "{reason}", until: "{until}"}}\n'


@pytest.mark.parametrize(
    ("front", "today", "expected"),
    [
        (suppressed("FM008"), TODAY, []),
        (suppressed("FM008"), date(2026, 12, 1), []),
        (suppressed("FM008"), date(2026, 12, 2), ["FM008", "SU002"]),
        (suppressed("FM008", "2028-01-01"), TODAY, ["FM008", "SU006"]),
        (suppressed("FM008", reason=""), TODAY, ["FM008", "SU001"]),
        (suppressed("FM008", "2026-02-30"), TODAY, ["FM008", "SU001"]),
        (suppressed("FM088"), TODAY, ["FM008", "SU003"]),
        (suppressed("ID006"), TODAY, ["FM008", "SU004"]),
        (suppressed("FM002"), TODAY, ["FM008", "SU005"]),
        (suppressed("SU004"), TODAY, ["FM008", "SU005"]),
        ("suppress: FM008\n", TODAY, ["FM008", "SU001"]),
    ],
)
def test_a_suppression_hides_its_rule_while_it_holds_and_nothing_else(
    root: Path, front: str, today: date, expected: list[str]
) -> None:
    path = written(root, front=front, title="TODO")
    assert sorted({rule for rule, _ in told(path, today)}) == expected


def test_a_suppression_of_a_rule_that_was_not_asked_is_not_called_useless(root: Path) -> None:
    path = written(root, front=suppressed("EC003"))
    assert told(path) == []
    only = lint.lint([path], TODAY, lint.chosen(["SU"], []))
    assert only.findings == ()


def test_a_template_with_a_suppressed_finding_is_planned_with_and_one_that_is_unusable_never(root: Path) -> None:
    from tokenop.catalogue import load

    written(root, "one", front=suppressed("FM008"), title="TODO")
    written(root, "two", front=suppressed("ID002")).rename(root / "templates" / "application-layer" / "three.md")
    assert [template.id for template in load(root / "templates").templates] == ["one"]


def test_one_checked_template_meets_those_beside_it_unparsed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tokenop.catalogue import schema

    for number in range(20):
        written(root, f"other-{number}", supersedes="[old]" if number == 3 else "[]")
    written(root, "opponent", conflicts="[shorter-prompts]")
    written(root, "old", status="proposed")
    path = written(root, requires="[old]")
    asked: list[str] = []
    check = schema.check
    monkeypatch.setattr(schema, "check", lambda document: asked.append(document.path.stem) or check(document))
    # `other-3` is named nowhere, but names what is required.
    found = {rule for rule, _ in told(path)}
    assert {"GR003", "GR005"} <= found
    assert sorted(set(asked)) == ["old", "opponent", "other-3", "shorter-prompts"]


def test_relations_are_found_in_any_style_without_parsing(root: Path) -> None:
    path = written(root)
    for name, conflicts in (
        ("a", "[x,\n  shorter-prompts,\n]"),
        ("b", "\n- x\n# comment\n- shorter-prompts"),
        ("c", '["shorter-prompts"]'),
        ("d", "[]\n# shorter-prompts"),
    ):
        written(root, name, conflicts=conflicts)
    brace = root / "templates" / "serving-layer" / "e.md"
    brace.write_text("---\n{\nid: e, conflicts: [shorter-prompts]}\n---\n")
    around = neighbours.Repository([path])
    naming = [one.document.path.stem for one in around.mentioning("shorter-prompts")]
    assert [name for name in naming if name != "d"] == ["a", "b", "c", "e"]
    assert around.mentioning("nothing") == []


def test_what_a_change_removes_is_not_there_whatever_the_disk_says(root: Path) -> None:
    written(root, "gone")
    path = written(root, requires="[gone]")
    around = lint.surroundings([path], TODAY)
    without = neighbours.Repository([path], ["gone"])
    for known, expected in ((around.neighbours, []), (without, ["GR001"])):
        here = lint.Surroundings(TODAY, known, root)
        found = run.check([lint.opened(path)], here, run.asked([RULES["GR001"]], here))
        assert [one.rule for one in found] == expected


def test_several_processes_find_what_one_finds(root: Path) -> None:
    for number in range(60):
        faults = {"title": "TODO"} if number % 7 == 0 else {"status": "done"} if number % 5 == 0 else {}
        written(root, f"one-{number}", **faults)
    (root / "templates" / "serving-layer" / "broken.md").write_text("---\ntitle: [\n---\n")
    paths = lint.expand([root])
    around = lint.surroundings(paths, TODAY)
    asking = run.asked(RULES.values(), around)
    single, shared = [lint.opened(path) for path in paths], [lint.opened(path) for path in paths]
    alone = run.check(single, around, asking)
    together = run.check(shared, around, asking, lambda *given: workers.gather(*given, least=1))
    assert together == alone
    assert len(alone) >= 20
    assert [one.draft for one in shared] == [one.draft for one in single]
    assert [one.refused for one in shared] == [one.refused for one in single]


def test_no_more_findings_than_can_be_read(root: Path) -> None:
    path = written(root, title="TODO " * 15)
    path.write_text(path.read_text() + "TODO " * 500)
    found = lint.lint([path], TODAY).findings
    assert len(found) == 101
    assert found[-1].rule == "FM099"
    assert "more findings in this file" in found[-1].message


# The parts of the schema of SARIF 2.1.0 (OASIS) that a log of ours touches: required properties, names and types.
_TEXT = {
    "type": "object",
    "required": ["text"],
    "properties": {"text": {"type": "string"}, "markdown": {"type": "string"}},
    "additionalProperties": False,
}
_ARTIFACT = {
    "type": "object",
    "required": ["uri"],
    "properties": {"uri": {"type": "string", "format": "uri-reference"}, "uriBaseId": {"type": "string"}},
    "additionalProperties": False,
}
_LINE = {"type": "integer", "minimum": 1}
_REGION = {
    "type": "object",
    "properties": dict.fromkeys(("startLine", "startColumn", "endLine", "endColumn"), _LINE),
    "additionalProperties": False,
}
_LEVEL = {"enum": ["none", "note", "warning", "error"]}
_SARIF: dict[str, Any] = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {"type": "array", "items": {
            "type": "object",
            "required": ["tool"],
            "properties": {
                "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                "originalUriBaseIds": {"type": "object", "additionalProperties": {"type": "object"}},
                "tool": {"type": "object", "required": ["driver"], "additionalProperties": False, "properties": {
                    "driver": {"type": "object", "required": ["name"], "additionalProperties": False, "properties": {
                        "name": {"type": "string"}, "version": {"type": "string"},
                        "rules": {"type": "array", "uniqueItems": True, "items": {
                            "type": "object", "required": ["id"], "additionalProperties": False, "properties": {
                                "id": {"type": "string"}, "shortDescription": _TEXT, "fullDescription": _TEXT,
                                "help": _TEXT, "properties": {"type": "object"},
                                "defaultConfiguration": {"type": "object", "properties": {"level": _LEVEL}},
                            },
                        }},
                    }},
                }},
                "results": {"type": "array", "items": {
                    "type": "object",
                    "required": ["message"],
                    "additionalProperties": False,
                    "properties": {
                        "ruleId": {"type": "string"}, "ruleIndex": {"type": "integer", "minimum": 0}, "level": _LEVEL,
                        "message": _TEXT,
                        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
                        "locations": {"type": "array", "items": {"type": "object", "properties": {
                            "physicalLocation": {"type": "object", "required": ["artifactLocation"], "properties": {
                                "artifactLocation": _ARTIFACT, "region": _REGION}}}}},
                        "fixes": {"type": "array", "items": {
                            "type": "object", "required": ["artifactChanges"], "properties": {
                                "description": _TEXT,
                                "artifactChanges": {"type": "array", "minItems": 1, "items": {
                                    "type": "object", "required": ["artifactLocation", "replacements"], "properties": {
                                        "artifactLocation": _ARTIFACT,
                                        "replacements": {"type": "array", "minItems": 1, "items": {
                                            "type": "object", "required": ["deletedRegion"], "properties": {
                                                "deletedRegion": _REGION, "insertedContent": _TEXT}}}}}}}}},
                    },
                }},
            },
            "additionalProperties": False,
        }},
    },
    "additionalProperties": False,
}  # fmt: skip


def test_sarif_has_its_form_and_a_viewer_can_apply_the_fixes(root: Path) -> None:
    path = written(root, created="2026-09-01", title="TODO")
    dark = root / "templates" / "application-layer" / "odd name%.md"
    dark.write_text("x")
    linted = lint.lint([root], TODAY)
    log = sarif.log(linted)
    jsonschema.Draft202012Validator(_SARIF, format_checker=jsonschema.FormatChecker()).validate(log)
    run_ = log["runs"][0]
    rules = run_["tool"]["driver"]["rules"]
    assert [one["ruleId"] for one in run_["results"]] == [found.rule for found in linted.findings]
    assert all(rules[one["ruleIndex"]]["id"] == one["ruleId"] for one in run_["results"])
    assert any("odd%20name%25.md" in str(one["locations"]) for one in run_["results"])
    (fixed,) = [one for one in run_["results"] if "fixes" in one]
    (change,) = fixed["fixes"][0]["artifactChanges"][0]["replacements"]
    region = change["deletedRegion"]
    lines = path.read_text().split("\n")
    before, after = region["startColumn"] - 1, region["endColumn"] - 1
    line = lines[region["startLine"] - 1]
    assert line[:before] + change["insertedContent"]["text"] + line[after:] == 'created: "2026-09-01"'


def test_a_fingerprint_stays_while_lines_move(root: Path) -> None:
    path = written(root, status="done")
    first = sarif.log(lint.lint([path], TODAY))["runs"][0]["results"]
    path.write_text(path.read_text().replace("---\n", "---\n# one more line\n", 1))
    second = sarif.log(lint.lint([path], TODAY))["runs"][0]["results"]
    assert [one["partialFingerprints"] for one in first] == [one["partialFingerprints"] for one in second]
    assert first != second


def test_lines_for_people_hold_no_character_that_steers_a_terminal() -> None:
    found = Finding("a\x1b[2J\n::error::x", 1, "f\u202e", "FM001", "error", "m\r\n::set-output::", 1, "x\x07")
    line = text.rendered(found)
    assert line.isprintable()
    (command,) = text.commands([found])
    assert command.startswith("::error file=")
    assert command.isprintable()
    assert "\n" not in command
