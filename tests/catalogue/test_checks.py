from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogue.conftest import SOUND, Checked
from tokenop.catalogue import loader

LEVER = '      where: "input_tokens >= 1000"\n'


def test_a_sound_template_has_no_findings(checked: Checked) -> None:
    assert checked() == []


# What is edited into what (¦ marks where the finding points; else the place is given) → rule, field, message, fix.
MARK = "¦"
SHARE = "economics.levers[0].parameters.share"
PATCH = '  - {target: TARGET, kind: router-config, merge: "yaml", content: "a: 1"}\n'
FIRST = PATCH.replace("TARGET", "tokenop/router.yaml")
WRONG = [
    ("title:", "¦titel:", "FM003", "titel", "unknown key 'titel'", "did you mean title?"),
    ("¦title: Shorter prompts\n", (1, 1), "FM002", "title", "is missing", "name for people"),
    ("risk: {level: low, ", "¦risk: {", "FM002", "risk.level", "is missing", "overall risk"),
    ("level: low", "level: ¦lo", "FM004", "risk.level", "'lo' is not one of low", "did you mean low?"),
    ("hours: 8", "hours: ¦eight", "FM004", "economics.implementation.hours", "must be a number, not text", ""),
    ("hours: 8", "hours: ¦-8", "FM004", "economics.implementation.hours", "-8 is below 0", ""),
    ('version: "1.0.0"', "version: ¦1", "FM004", "version", "must be text, not the number 1", "quote it"),
    ('version: "1.0.0"', 'version: ¦"1.0"', "FM004", "version", "does not have the right form", ""),
    ("authors: [tokenop]", "authors: ¦[]", "FM004", "authors", "is an empty list", ""),
    ("[T1]", "¦[T1, T1]", "FM004", "quality.golden_tiers", "the same item twice", ""),
    ("[T1]", "[T1, ¦T9]", "FM004", "quality.golden_tiers[1]", "'T9' is not one of T1", ""),
    ("schema_version: 1", "schema_version: ¦2", "FM007", "schema_version", "must be 1", "write schema_version: 1"),
    ("evidence: measured", "evidence: ¦proven", "FM004",
     "economics.levers[0].parameters.output_reduction.evidence", "not one of assumed, reported, measured", ""),
    ("id: shorter", "id: ¦Shorter", "ID001", "id", "not a slug", "a-z"),
    ("id: shorter", "id: ¦longer", "ID002", "id", "is not the file's name", "shorter"),
    ("layer: application-layer", "layer: ¦serving-layer", "ID003", "layer", "not the file's folder", "move"),
    ('"2026-01-01"', '¦"2026-02-30"', "FM006", "created", "is not a day", ""),
    ('"2026-08-01"', '¦"2026-01-15"', "FM006", "stale_after", "is before verified_on", "2026-02-01"),
    ("{low: -1, expected: 2", "{low: ¦3, expected: 2", "EC001", "economics.claim.savings_percent.low",
     "3 is above expected (2)", ""),
    ("expected: 0.6, high: 0.7", "expected: 0.6, high: ¦0.55", "EC001", f"{SHARE}.high", "0.55 is below", ""),
    ("kind: trim", "kind: ¦trin", "FM004", "economics.levers[0].kind", "'trin' is not one of", "trim"),
    ("high: 0.7,", "high: ¦1.2,", "LV003", f"{SHARE}.high", "1.2 must be at most 1", "matching calls"),
    ("low: -0.1", "low: ¦-1.5", "LV003", "economics.levers[0].parameters.input_reduction.low", "at least -1", ""),
    (" share: {", " ¦shares: {", "LV001", f"{SHARE}s", "trim has no parameter 'shares'", "share"),
    ("parameters:\n        share: {", "¦parameters:\n        shares: {", "LV002", SHARE, "of trim is missing", ""),
    (LEVER, LEVER + "      options: {¦ttl: 5m}\n", "LV001", "economics.levers[0].options.ttl",
     "trim has no option 'ttl'", "none"),
    ("tokenop/router.yaml", "¦../router.yaml", "PT001", "patches[0].target", "leaves", ""),
    ("tokenop/router.yaml", "¦/etc/passwd", "PT001", "patches[0].target", "absolute", ""),
    ("tokenop/router.yaml", "¦a/./b", "PT001", "patches[0].target", "unusual", ""),
    ("tokenop/router.yaml", "¦a./b", "PT001", "patches[0].target", "unusual", ""),
    (FIRST, FIRST + PATCH.replace("TARGET", "¦TokenOp/router.yaml"), "PT001", "patches[1].target", "in capitals", ""),
    (FIRST, FIRST + PATCH.replace("TARGET", "¦tokenop"), "PT001", "patches[1].target", "a file is no folder", ""),
    ("tokenop/router.yaml", "¦.git/config", "PT001", "patches[0].target", "may not touch", ""),
    ("tokenop/router.yaml", "¦.github/workflows/x.yml", "PT001", "patches[0].target", "may not touch", ""),
    ("tokenop/router.yaml", "¦'C:\\x'", "PT001", "patches[0].target", "unusual", ""),
    ('"a: 1"', '"a: ¦yes"', "PT002", "patches[0].content", "true or false", "quote"),
    ('"yaml", content: "a: 1"', '"json", content: ¦"[1]"', "PT002", "patches[0].content", "not a mapping", ""),
    ('"yaml", content: "a: 1"', '"json", content: "{¦]"', "PT002", "patches[0].content", "is not JSON", ""),
    ("requires: []", "requires: [¦shortest]", "GR001", "requires[0]", "there is no template 'shortest'", ""),
    ("requires: []", "requires: [¦shorter]", "GR001", "requires[0]", "names the template itself", ""),
    ("## Economics\n", (71, 1), "SC001", "body", "section Economics is missing", "## Economics"),
    ("## Problem\n\nLong prompts.", "¦## Problem\n", "SC003", "body", "section Problem is empty", ""),
]  # fmt: skip


def edited(old: str, new: object) -> tuple[str, tuple[int, int]]:
    """Return the edited template, and the place that is expected in it."""
    before = old.removeprefix(MARK)
    assert SOUND.count(before) >= 1, before
    if isinstance(new, tuple):
        return SOUND.replace(before, "", 1), new
    text = SOUND.replace(before, str(new), 1)
    at = text.index(MARK)
    return text.replace(MARK, ""), (text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


@pytest.mark.parametrize(("old", "new", "rule", "field", "message", "fix"), WRONG)
def test_what_is_wrong_is_found_at_its_place_and_excludes_the_template(
    folder: Path, old: str, new: object, rule: str, field: str, message: str, fix: str
) -> None:
    text, place = edited(old, new)
    path = folder / "shorter.md"
    path.write_text(text)
    read = loader.read([path])
    found = [f for f in read.findings if (f.rule, f.field) == (rule, field)]
    assert [(f.line, f.column) for f in found] == [place], read.findings
    assert message in found[0].message
    assert fix.lower() in found[0].fix.lower()
    assert read.templates == ()


def test_many_errors_are_told_at_once_in_the_order_of_the_file(folder: Path) -> None:
    text = SOUND
    for old, new in (("level: low", "level: lo"), ("hours: 8", "hours: -8"), ("id: shorter", "id: longer")):
        text = text.replace(old, new)
    path = folder / "shorter.md"
    path.write_text(text.replace("input_tokens >= 1000", "input_token >= 1000"))
    assert [f.rule for f in loader.read([path]).findings] == ["ID002", "EX001", "FM004", "FM004"]


def test_options_are_checked_and_defaults_filled_in(folder: Path) -> None:
    lever = """    - kind: prompt_cache
      where: "input_tokens >= 1000"
      parameters:
        share: {low: 1, expected: 1, high: 1, evidence: assumed, source: "All."}
        stable_share: {low: 1, expected: 1, high: 1, evidence: assumed, source: "All."}
      options: OPTIONS
  claim:"""
    path = folder / "shorter.md"

    def with_options(options: str) -> loader.Catalogue:
        path.write_text(SOUND.replace("  claim:", lever.replace("OPTIONS", options), 1))
        return loader.read([path])

    assert dict(with_options("{}").templates[0].levers[1].options) == {"ttl": "5m", "min_tokens": 1024}
    assert dict(with_options("{ttl: '1h'}").templates[0].levers[1].options) == {"ttl": "1h", "min_tokens": 1024}
    for options, message in (
        ("{ttl: 10m}", "must be one of 5m, 1h"),
        ("{min_tokens: 1.5}", "must be a whole number"),
        ("{min_tokens: -1}", "must be at least 0"),
        ("{min_tokens: true}", "must be a whole number"),
    ):
        assert [f.message for f in with_options(options).findings if f.rule == "LV003"] == [message]


def test_a_reroute_needs_its_target(folder: Path) -> None:
    one = "{low: 1, expected: 1, high: 1, evidence: assumed, source: 'x'}"
    names = ("share", "tokeniser_ratio", "fallback_rate", "latency_ratio")
    parameters = "".join(f"        {name}: {one}\n" for name in names)
    lever = f"    - kind: reroute\n      where: 'true'\n      parameters:\n{parameters}"
    path = folder / "shorter.md"
    path.write_text(SOUND.replace("  claim:", lever + "  claim:", 1))
    assert [(f.rule, f.field) for f in loader.read([path]).findings] == [("LV002", "economics.levers[1].options.to")]
    for target, rules in (("{provider: groq, model: x}", []), ("groq", ["LV003"]), ("{provider: groq}", ["FM004"])):
        path.write_text(SOUND.replace("  claim:", f"{lever}      options:\n        to: {target}\n  claim:", 1))
        assert [f.rule for f in loader.read([path]).findings] == rules


def test_a_cross_layer_template_needs_two_kinds(tmp_path: Path) -> None:
    path = tmp_path / "templates" / "cross-layer" / "shorter.md"
    path.parent.mkdir(parents=True)
    path.write_text(SOUND.replace("layer: application-layer", "layer: cross-layer"))
    assert [f.rule for f in loader.read([path]).findings] == ["LV004"]


def test_links_and_odd_names_are_refused(folder: Path) -> None:
    (folder / "real.md").write_text(SOUND)
    (folder / "shorter.md").symlink_to(folder / "real.md")
    assert "ID007" in [f.rule for f in loader.read([folder / "shorter.md"]).findings]
    odd = folder / "Short er.md"
    odd.write_text(SOUND)
    assert "ID007" in [f.rule for f in loader.read([odd]).findings]


def test_relations_between_templates(tmp_path: Path) -> None:
    layers = [tmp_path / "templates" / layer for layer in ("application-layer", "serving-layer")]
    for layer in layers:
        layer.mkdir(parents=True)

    def write(layer: Path, name: str, requires: str, conflicts: str = "[]") -> None:
        text = SOUND.replace("id: shorter", f"id: {name}").replace("layer: application-layer", f"layer: {layer.name}")
        text = text.replace("requires: []", f"requires: {requires}").replace("conflicts: []", f"conflicts: {conflicts}")
        (layer / f"{name}.md").write_text(text)

    def rules() -> list[str]:
        return [f.rule for f in loader.load(tmp_path / "templates").findings]

    write(layers[0], "a", "[b]")
    write(layers[1], "b", "[c]")
    write(layers[1], "c", "[]")
    assert rules() == []
    write(layers[1], "c", "[a]")
    assert rules() == ["GR002"]
    write(layers[1], "c", "[b]", "[b]")
    assert rules() == ["GR002", "GR004"]
    write(layers[1], "c", "[]")
    write(layers[1], "a", "[]")
    assert rules() == ["ID004"]


def test_one_file_may_name_templates_beside_it(folder: Path) -> None:
    (folder / "other.md").write_text(SOUND.replace("id: shorter", "id: other"))
    path = folder / "shorter.md"
    path.write_text(SOUND.replace("conflicts: []", "conflicts: [other]"))
    assert loader.read([path]).findings == ()
