"""`tokenop collectors`: what is there, and whether it is as it must be."""

from __future__ import annotations

import json
import shutil

import pytest

from tokenop import settings


@pytest.fixture
def manual(tmp_path):
    """Return a copy of the collector `manual` to break."""
    return shutil.copytree(settings.content("collectors") / "manual", tmp_path / "manual")


def test_list_names_each_collector_and_its_settings(run_cli):
    found = json.loads(run_cli("collectors", "list", "--json").stdout)["collectors"]
    names = [entry["name"] for entry in found]
    assert {"manual", "claude-code", "opentelemetry"} <= set(names)
    assert names == sorted(names)
    assert "zero_cost" in found[names.index("manual")]["settings"]
    by_name = {entry["name"]: entry for entry in found}
    assert {name: by_name[name]["kind"] for name in ("litellm", "focus", "terraform")} == {
        "litellm": "events", "focus": "usage", "terraform": "inventory",
    }  # fmt: skip
    assert by_name["litellm"]["extractor"]
    assert by_name["manual"]["extractor"] is None
    shown = run_cli("collectors", "list").stdout
    for text in ("manual", "inventory", "over the network", "files only"):
        assert text in shown


@pytest.mark.thorough  # `make check` runs the same command
def test_all_shipped_collectors_are_as_they_must_be(run_cli):
    ran = run_cli("collectors", "check")
    assert ran.exit_code == 0, ran.stdout


def test_a_copied_collector_is_checked_by_its_folder(run_cli, manual):
    ran = run_cli("collectors", "check", manual, "--json")
    (result,) = json.loads(ran.stdout)["collectors"]
    assert result["ok"]
    assert result["counts"] == {"rows_in": 9, "events": 6, "duplicates": 0, "rejected": 3, "filtered": 0}


def test_a_changed_event_is_told_with_line_field_and_both_values(run_cli, manual):
    expected = manual / "expected.jsonl"
    lines = expected.read_text().splitlines()
    lines[1] = lines[1].replace('"output_tokens": 85', '"output_tokens": 86')
    expected.write_text("\n".join([*lines[:-1], ""]))
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1
    assert f"{expected}:2: " in ran.stdout
    assert "    - output_tokens: 86\n    + output_tokens: 85\n" in ran.stdout
    assert "which is not expected" in ran.stdout
    (result,) = json.loads(run_cli("collectors", "check", manual, "--json").stdout)["collectors"]
    assert "output_tokens: expected 86, got 85" in result["findings"][0]["message"]
    assert {"field": "output_tokens", "expected": 86, "got": 85} in result["differences"][0]["fields"]


def test_update_writes_what_the_sample_gives(run_cli, manual):
    before = (manual / "expected.jsonl").read_text()
    (manual / "expected.jsonl").write_text("")
    assert run_cli("collectors", "check", "--update", manual).exit_code == 0
    assert (manual / "expected.jsonl").read_text() == before


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("SELECT * FROM read_text('README.md')", "map.sql:1"),
        ("COPY (SELECT 1) TO 'x'", "map.sql"),
        ("SELECT _file, _line, no_such_column FROM source", "no_such_column"),
        ("SELECT _file, _line, ts AS nope FROM source", "nope"),
        ("SELECT _file, _line, ts, false AS _exclusive FROM source WHERE ts IS NULL", "lost"),
        ("SELECT ts FROM source", "must return _file"),
    ],
)
def test_a_mapping_that_may_not_run_or_loses_rows_is_refused(run_cli, manual, sql, told):
    (manual / "map.sql").write_text(sql)
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1
    assert told in ran.stdout
    assert "Traceback" not in ran.stderr


def test_a_missing_file_and_a_broken_manifest_are_findings(run_cli, manual):
    (manual / "expected.jsonl").unlink()
    assert "is missing" in run_cli("collectors", "check", manual).stdout
    readme = manual / "README.md"
    readme.write_text(readme.read_text().replace("convention: flagged", "convention: maybe"))
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1
    assert "README.md:" in ran.stdout
    assert "flagged" in ran.stdout


def test_an_unknown_name_is_misuse(run_cli):
    assert run_cli("collectors", "check", "nope").exit_code == 2


@pytest.mark.parametrize("name", ["map.sql", "sample.csv", "expected.jsonl", "README.md"])
def test_a_file_that_points_elsewhere_is_refused_unread(run_cli, manual, tmp_path, name):
    (tmp_path / "secret").write_text("password: x")
    (manual / name).unlink()
    (manual / name).symlink_to(tmp_path / "secret")
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1
    assert "symbolic link" in ran.stdout
    assert "password" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("content", [b"[1]\n", b"\xff\n", b"{\n", b'{"id": [1]}\n', b"[" * 100_000])
def test_expected_events_that_are_none_are_findings(run_cli, manual, content):
    (manual / "expected.jsonl").write_bytes(content)
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1, ran.stderr
    assert "COLLECTOR-EXPECTED" in ran.stdout


def test_a_sample_beyond_all_measure_is_refused(run_cli, manual):
    with (manual / "sample.csv").open("a") as file:
        file.write("x" * 1_000_001)
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1
    assert "a few rows are enough" in ran.stdout


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ("'abc' AS _rank", "_rank as VARCHAR"),
        ("'maybe' AS _exclusive", "_exclusive as VARCHAR"),
        ("{'a': 1} AS _rank", "_rank as STRUCT"),
    ],
)
def test_what_the_engine_steers_by_must_be_of_its_type(run_cli, manual, changed, told):
    exclusive = "" if "_exclusive" in changed else ", true AS _exclusive"
    (manual / "map.sql").write_text(f"SELECT _file, _line, {changed}{exclusive} FROM source\n")
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1, ran.stderr
    assert told in ran.stdout


def test_a_mapping_that_leaves_every_row_out_is_no_bug(run_cli, manual):
    (manual / "map.sql").write_text("SELECT _file, _line, 'no' AS _filter, true AS _exclusive FROM source\n")
    ran = run_cli("collectors", "check", manual)
    assert ran.exit_code == 1, ran.stderr
    assert "9 filtered" in ran.stdout


@pytest.mark.parametrize("kind", ["NOSUCH", "STRUCT("])
def test_a_type_that_duckdb_has_not_is_a_finding(run_cli, tmp_path, kind):
    folder = shutil.copytree(settings.content("collectors") / "claude-code", tmp_path / "claude-code")
    readme = folder / "README.md"
    readme.write_text(readme.read_text().replace("    uuid: VARCHAR", f'    uuid: "{kind}"'))
    ran = run_cli("collectors", "check", folder)
    assert ran.exit_code == 1, ran.stderr
    assert "input.columns.uuid" in ran.stdout


def test_a_folder_of_collectors_stands_for_all_of_them(run_cli, manual):
    ran = run_cli("collectors", "check", manual.parent, "--json")
    assert ran.exit_code == 0
    assert len(json.loads(ran.stdout)["collectors"]) == 1
