"""The frontmatter of a collector's README is read strictly."""

from __future__ import annotations

import pytest

from tokenop.collect import manifest
from tokenop.errors import FindingsError, MisuseError

SOUND = """---
name: {name}
title: A test
version: "1.0.0"
source: "Test rows"
input:
  format: jsonl
  glob: "*.jsonl"
  columns: {{a: VARCHAR}}
convention: inclusive
grants: []
egress: []
sample_license: "Apache-2.0"
verified_on: "2026-11-21"
evidence: "none"
---
# A test
"""


def write(folder, text):
    folder.mkdir(exist_ok=True)
    (folder / "README.md").write_text(text, encoding="utf-8")
    return folder


def test_all_shipped_manifests_load():
    for name in manifest.names():
        assert manifest.find(name).name == name


def test_settings_take_the_given_value_or_the_default(tmp_path):
    text = SOUND.format(name="x").replace("grants:", 'settings: {tenant: {default: "t", description: "d"}}\ngrants:')
    found = manifest.load(write(tmp_path / "x", text))
    assert found.values({}) == {"tenant": "t"}
    assert found.values({"tenant": "u"}) == {"tenant": "u"}
    assert found.values({"tenant": "u", "x.tenant": "v", "other.tenant": "w"}) == {"tenant": "v"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("name: x", "name: other", "is not the folder's name"),
        ("convention: inclusive", "convention: both", "one of inclusive, exclusive, flagged"),
        ("title: A test", "titel: A test", "did you mean title"),
        ("grants: []", "grants: none", "must be a list"),
        ("columns: {a: VARCHAR}", "columns: {_file: VARCHAR}", "is added by the engine"),
        ("columns: {a: VARCHAR}", "columns: {}", "no column is declared"),
        ("columns: {a: VARCHAR}", "columns: {a: BIGINT}", "declare it VARCHAR"),
        ('glob: "*.jsonl"', 'glob: "/etc/*"', "leaves the folder"),
        ('glob: "*.jsonl"', 'glob: ["*.jsonl", "../**"]', "leaves the folder"),
        ('glob: "*.jsonl"', 'glob: "**x"', "is not a pattern"),
        ('glob: "*.jsonl"', "glob: [1]", "must be a list of texts"),
        ('glob: "*.jsonl"', 'glob: "*.jsonl"\n  private: [[1]]', "must be a list of texts"),
        ('glob: "*.jsonl"', 'glob: "*.jsonl"\n  aliases: {ts: x}', "must be a list of texts"),
        ('glob: "*.jsonl"', 'glob: "*.jsonl"\n  default_paths: [{a: 1}]', "must be a list of texts"),
        ("columns: {a: VARCHAR}", "columns: {a: VARCHAR, A: VARCHAR}", "in case alone"),
        ("columns: {a: VARCHAR}", 'columns: {"": VARCHAR}', "is no name"),
        ("grants: []", "dedupe: [nope]\ngrants: []", "is not a field of the event"),
        ("grants: []", "settings: {A: {default: x}}\ngrants: []", "needs default and description"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path, old, new, told):
    text = SOUND.format(name="x")
    folder = write(tmp_path / "x", text.replace(old, new))
    with pytest.raises(FindingsError) as error:
        manifest.load(folder)
    assert told in str(error.value)
    assert all(finding.line > 0 for finding in error.value.findings)


def test_several_errors_are_told_at_once(tmp_path):
    text = SOUND.format(name="x").replace("title: A test\n", "").replace("egress: []", "egress: 1")
    with pytest.raises(FindingsError) as error:
        manifest.load(write(tmp_path / "x", text))
    assert {finding.field for finding in error.value.findings} == {"title", "egress"}


def test_an_unknown_collector_is_misuse_that_names_the_nearest():
    with pytest.raises(MisuseError, match="did you mean manual"):
        manifest.find("manul")
