"""`tokenop discover` without --input: what is found on this machine, what is recognised, and what is said of it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.collect.exports import write
from tokenop.collect import manifest, recognise
from tokenop.settings import content

COLLECTORS = content("collectors")
ALL = [manifest.find(name) for name in manifest.names()]
CALL = {"ts": "2026-03-02T09:00:00Z", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}
Run = Callable[..., Any]


# The gateway's log is read where it lies. Elsewhere its rows are those of any log that this program wrote.
SAMPLES = [path for path in sorted(COLLECTORS.glob("*/sample*")) if path.parent.name != "tokenop-gateway"]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_each_sample_is_recognised_as_that_of_its_collector_alone(path: Path) -> None:
    assert recognise.recognise(path, ALL).collectors == (path.parent.name,)


def test_rows_of_the_gateway_that_lie_around_are_not_counted_a_second_time() -> None:
    found = recognise.recognise(COLLECTORS / "tokenop-gateway" / "sample.jsonl", ALL)
    assert (found.collectors, found.own) == ((), True)


@pytest.mark.parametrize("form", ["json", "csv", "parquet"])
@pytest.mark.parametrize("name", ["litellm", "langfuse", "posthog"])
def test_an_export_is_recognised_in_any_form(name: str, form: str, tmp_path: Path) -> None:
    rows = [json.loads(line) for line in (COLLECTORS / name / "sample.jsonl").read_text().splitlines() if line]
    assert recognise.recognise(write(tmp_path, rows[:4], form), ALL).collectors == (name,)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[1, 2]", b"\xff\xfe\x00", b'{"name": "package", "version": "1"}', b"[" * 100_000, b"1\n2\n", b"null"],
)
@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x.csv", "x.parquet", "x.jsonl.gz"])
def test_other_files_are_of_no_collector(name: str, content: bytes, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    assert not recognise.recognise(tmp_path / name, ALL).collectors


def test_files_in_the_folder_are_named_before_they_are_read_and_outputs_are_not_read_again(
    run_cli: Run, tmp_path: Path
) -> None:
    (tmp_path / "calls.jsonl").write_text(json.dumps(CALL) + "\n")
    (tmp_path / "notes.csv").write_text("colour,size\nred,5\n")
    shutil.copy(COLLECTORS / "litellm" / "sample.jsonl", tmp_path / "spend.jsonl")
    shutil.copy(COLLECTORS / "terraform" / "sample.tfstate", tmp_path / "terraform.tfstate")
    shutil.copy(COLLECTORS / "focus" / "sample.csv", tmp_path / "bill.csv")
    first = run_cli("discover", "--json", cwd=tmp_path)
    assert first.exit_code == 0, first.stderr
    assert "reading litellm: spend.jsonl (1 file, " in first.stderr
    assert "notes.csv: no collector recognises it (its rows have colour, size)" in first.stderr
    said = json.loads(first.stdout)
    assert [source["collector"] for source in said["sources"]] == ["focus", "litellm", "manual", "terraform"]
    assert said["events"] == 1 + 11
    (tmp_path / "renamed.jsonl").write_bytes((tmp_path / "events.jsonl").read_bytes())
    assert json.loads(run_cli("discover", "--json", cwd=tmp_path).stdout)["events"] == said["events"]


def test_list_only_says_what_there_is(run_cli: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    extracts = tmp_path / "home" / "extracts" / "langfuse" / "observations"
    extracts.mkdir(parents=True)
    shutil.copy(COLLECTORS / "langfuse" / "sample.jsonl", extracts / "2026-09-01.jsonl")
    here = tmp_path / "here"
    here.mkdir()
    (here / "calls.csv").write_text("timestamp,prompt_tokens,completion_tokens\n2026-03-02T09:00:00Z,1,1\n")
    ran = run_cli("discover", "--list", cwd=here)
    assert ran.exit_code == 0
    assert "found langfuse: " in ran.stdout
    assert "found manual: calls.csv (1 file, 67 bytes; recognised by its rows)" in ran.stdout
    assert [path.name for path in here.iterdir()] == ["calls.csv"]
    found = json.loads(run_cli("discover", "--dry-run", "--json", cwd=here).stdout)["found"]
    assert [(entry["collector"], entry["files"]) for entry in found] == [("langfuse", 1), ("manual", 1)]


def test_nothing_found_is_exit_3_with_the_next_steps(run_cli: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.csv").write_text("colour,size\nred,5\n")
    ran = run_cli("discover", cwd=tmp_path)
    assert ran.exit_code == 3
    for step in ("--input PATH", "collectors list", "extract NAME", "tokenop demo", "notes.csv"):
        assert step in ran.stderr


def test_named_files_go_to_the_collectors_that_recognise_them(run_cli: Run, tmp_path: Path) -> None:
    sample = [COLLECTORS / name / "sample.jsonl" for name in ("posthog", "langsmith")]
    ran = run_cli("discover", *sample, "--out", tmp_path, "--json")
    assert ran.exit_code == 0, ran.stderr
    said = json.loads(ran.stdout)
    assert {source["collector"]: source["events"] for source in said["sources"]} == {"langsmith": 5, "posthog": 8}
    assert "--input COLLECTOR=FILE says otherwise" in ran.stderr


@pytest.mark.parametrize(("rows", "told"), [("colour\nred\n", "no collector recognises it"), ("", "no rows in it")])
def test_a_named_file_that_is_not_recognised_is_an_error_that_says_how(
    run_cli: Run, tmp_path: Path, rows: str, told: str
) -> None:
    (tmp_path / "x.csv").write_text(rows)
    ran = run_cli("discover", tmp_path / "x.csv", cwd=tmp_path)
    assert ran.exit_code == 1
    assert told in ran.stderr
    assert "--input COLLECTOR=" in ran.stderr


def test_a_file_of_two_collectors_is_said_and_left_out(run_cli: Run, tmp_path: Path) -> None:
    twin = Path(shutil.copytree(COLLECTORS / "litellm", tmp_path / "other"))
    readme = twin / "README.md"
    readme.write_text(readme.read_text().replace("name: litellm", "name: other", 1))
    path = shutil.copy(COLLECTORS / "litellm" / "sample.jsonl", tmp_path / "spend.jsonl")
    ran = run_cli("discover", path, "--collectors", f"litellm,{twin}", cwd=tmp_path)
    assert ran.exit_code == 1
    assert "could be of litellm or other" in ran.stderr


def test_a_folder_is_a_collector_of_ones_own_and_that_is_said(run_cli: Run, tmp_path: Path) -> None:
    own = Path(shutil.copytree(COLLECTORS / "litellm", tmp_path / "other"))
    readme = own / "README.md"
    readme.write_text(readme.read_text().replace("name: litellm", "name: other", 1))
    ran = run_cli("discover", "--collectors", own, "--input", own / "sample.jsonl", "--out", tmp_path, "--json")
    assert ran.exit_code == 0, ran.stderr
    assert "confined, without network" in ran.stderr
    assert json.loads(ran.stdout)["events"] == 11
    assert run_cli("discover", "--collectors", tmp_path / "absent", cwd=tmp_path).exit_code == 2
    (own / "map.sql").write_text("SELECT * FROM read_text('README.md')")
    ran = run_cli("discover", "--collectors", own, "--input", own / "sample.jsonl", "--out", tmp_path)
    assert ran.exit_code == 1
    assert "map.sql" in ran.stderr
