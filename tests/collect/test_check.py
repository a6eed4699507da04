"""What a check of a collector says beside its sample: licence, hosts, rights, columns and settings, with the line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tokenop.collect import check, check_columns, check_manifest, manifest
from tokenop.errors import Finding
from tokenop.settings import content

Changed = Callable[..., Path]


@pytest.fixture
def changed(tmp_path: Path) -> Changed:
    """Return a function that copies a collector and replaces texts in its README or map.sql."""

    def copy(name: str, *changes: tuple[str, str], file: str = "README.md") -> Path:
        folder = tmp_path / name
        if not folder.exists():
            shutil.copytree(content("collectors") / name, folder)
        text = (folder / file).read_text(encoding="utf-8")
        for old, new in changes:
            assert old in text
            text = text.replace(old, new, 1)
        (folder / file).write_text(text, encoding="utf-8")
        return folder

    return copy


def line_of(folder: Path, text: str, file: str = "README.md") -> int:
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def only(found: Iterable[Finding]) -> Finding:
    (finding,) = found
    assert isinstance(finding, Finding)
    return finding


@pytest.mark.parametrize(
    "licence", ["MIT; rows of the example in its documentation", "CC0-1.0", "Apache-2.0; invented"]
)
def test_a_sample_under_a_listed_licence_is_taken(changed: Changed, licence: str) -> None:
    folder = changed("manual", ("Apache-2.0; written by hand for this project", licence))
    assert not list(check_manifest.problems(manifest.load(folder), extracts=False))


@pytest.mark.parametrize(
    ("licence", "told"),
    [
        ("GPL-3.0-only; from a repository", "'GPL-3.0-only' is not a licence"),
        ("proprietary", "is not a licence"),
        ("", "is not a licence"),
        ("apache 2", "is not a licence"),
        ("written by hand for this project", "names no licence"),
    ],
)
def test_a_sample_without_one_is_a_finding_on_its_line(changed: Changed, licence: str, told: str) -> None:
    folder = changed("manual", ("Apache-2.0; written by hand for this project", licence))
    finding = only(check_manifest.problems(manifest.load(folder), extracts=False))
    assert finding.rule == "COLLECTOR-LICENCE"
    assert told in finding.message
    assert (Path(finding.file).name, finding.line) == ("README.md", line_of(folder, "sample_license"))
    assert finding.fix


def test_hosts_without_a_network_step_are_a_finding(changed: Changed) -> None:
    folder = changed("manual", ("egress: []", "egress: [api.example.com]"))
    finding = only(check_manifest.problems(manifest.load(folder), extracts=False))
    assert (finding.field, finding.line) == ("egress", line_of(folder, "egress:"))


def test_a_network_step_states_its_rights_and_has_an_extractor(changed: Changed) -> None:
    folder = changed("helicone", ('grants:\n  - "Helicone API key with read access', 'grants: []\n# - "Helicone'))
    found = list(check_manifest.problems(manifest.load(folder), extracts=False))
    assert [finding.field for finding in found] == ["extract", "grants"]
    assert "extractors are code" in found[0].fix


@pytest.mark.parametrize(
    "grant",
    ["GRANT ALL PRIVILEGES ON SCHEMA x TO t", "GRANT SELECT, MODIFY ON TABLE x TO t", "s3:PutObject on x", "s3:* on x"],
)
def test_a_right_beyond_reading_is_a_finding(changed: Changed, grant: str) -> None:
    folder = changed("bedrock", ("grants:\n", f"grants:\n  - '{grant}'\n"))
    finding = only(check_manifest.problems(manifest.load(folder), extracts=False))
    assert finding.field == "grants[0]"
    assert finding.line == line_of(folder, grant)


def test_a_column_that_map_sql_never_reads_is_a_finding_on_its_line(changed: Changed) -> None:
    folder = changed("litellm", ("    request_id: VARCHAR\n", "    request_id: VARCHAR\n    Messages: VARCHAR\n"))
    finding = only(check_columns.problems(manifest.load(folder), '"page_size"'))
    assert (finding.field, finding.line) == ("input.columns.Messages", line_of(folder, "Messages: VARCHAR"))
    assert "never reads it" in finding.message


def test_a_column_is_read_in_any_case_quoted_through_its_relation_and_by_using(changed: Changed) -> None:
    folder = changed("litellm")
    names = {name.lower() for name in manifest.load(folder).columns}
    sql = (
        'SELECT source."REQUEST_ID", s.Spend, call_type AS x FROM source JOIN source AS s USING ("USER") '
        "WHERE metadata.model IS NULL"
    )
    (folder / "map.sql").write_text(sql, encoding="utf-8")
    found = check_columns.problems(manifest.load(folder), '"page_size"')
    unread = {finding.field.removeprefix("input.columns.").lower() for finding in found if "columns" in finding.field}
    # `metadata.model` reads a member of metadata, not the column model; the extractor cuts slices by startTime
    assert names - unread == {"request_id", "spend", "call_type", "user", "metadata", "starttime"}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("request_id AS id", "reqest_id AS id", "reads reqest_id, which is not under input.columns"),
        ("FROM source", "FROM source WHERE source.Secret IS NULL", "reads secret, which is not under input.columns"),
    ],
)
def test_a_column_that_is_not_declared_is_a_finding_in_map_sql_with_its_place(
    changed: Changed, old: str, new: str, told: str
) -> None:
    folder = changed("helicone", (old, new), file="map.sql")
    finding = next(
        f for f in check.check(folder, {"helicone": ""}, mutants=0).findings if Path(f.file).name == "map.sql"
    )
    assert finding.rule == "COLLECTOR-COLUMNS"
    assert told in finding.message
    assert finding.line == line_of(folder, new, "map.sql")
    assert finding.column


def test_a_setting_that_nothing_reads_is_a_finding_and_one_that_is_not_declared_too(changed: Changed) -> None:
    folder = changed("claude-code", ("settings:\n", 'settings:\n  colour:\n    default: ""\n    description: "none"\n'))
    finding = only(check_columns.problems(manifest.load(folder)))
    assert (finding.rule, finding.line) == ("COLLECTOR-SETTINGS", line_of(folder, "colour:"))
    changed("claude-code", ("getvariable('tenant')", "getvariable('team')"), file="map.sql")
    found = check.check(folder, mutants=0).findings
    assert any("there is no setting 'team'" in finding.message and finding.line for finding in found)


def test_an_alias_or_private_name_of_no_column_is_a_finding(changed: Changed) -> None:
    folder = changed("databricks-billing", ("  aliases:\n", "  private: [nobody]\n  aliases:\n    no_such: [x]\n"))
    found = list(check_columns.problems(manifest.load(folder)))
    assert {finding.message.split()[0] for finding in found} == {"no_such", "nobody"}
