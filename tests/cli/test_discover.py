"""`tokenop discover`: what it writes, prints and returns."""

from __future__ import annotations

import json
import os

import pytest

CALL = {
    "ts": "2026-03-02T09:00:00Z",
    "provider": "openai",
    "model": "gpt-4o",
    "input_tokens": 1000,
    "output_tokens": 200,
}
WRITTEN = {"events.jsonl", "rejected.jsonl", "discovered.yaml"}


@pytest.fixture
def calls(tmp_path):
    """Return a file of two sound calls and one without a time zone."""
    path = tmp_path / "calls.jsonl"
    rows = [CALL, CALL | {"model": "gpt-4o-mini"}, CALL | {"ts": "2026-03-02 09:00:00"}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def left_in(folder):
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_a_table_of_calls_becomes_a_log_a_quarantine_and_a_description(tmp_path, run_cli, calls):
    out = tmp_path / "out"
    ran = run_cli("discover", "--input", calls, "--out", out)
    assert ran.exit_code == 0
    assert left_in(out) == WRITTEN
    events = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    assert [event["model"] for event in events] in (["gpt-4o", "gpt-4o-mini"], ["gpt-4o-mini", "gpt-4o"])
    (rejected,) = [json.loads(line) for line in (out / "rejected.jsonl").read_text().splitlines()]
    assert (rejected["line"], rejected["rule"]) == (3, "EV-ZONE")
    assert "--tz" in rejected["fix"]
    assert "2 calls for $" in ran.stdout
    assert f"Next: tokenop plan --events {out / 'events.jsonl'}" in ran.stdout
    assert "1 of 3 rows were rejected" in ran.stderr


def test_json_states_counts_tokens_money_and_sources(tmp_path, run_cli, calls):
    ran = run_cli("discover", "--input", calls, "--out", tmp_path / "out", "--json")
    found = json.loads(ran.stdout)
    assert (found["events"], found["duplicates"], found["rejected"], found["filtered"]) == (2, 0, 1, 0)
    assert found["rows_in"] == 3
    assert found["tokens"]["input_uncached"] == 2000
    assert found["tokens"]["output"] == 400
    # 1,000 and 200 tokens: gpt-4o at 2.50 and 10.00, gpt-4o-mini at 0.15 and 0.60 USD per million
    assert found["cost_usd"] == pytest.approx(0.0045 + 0.00027)
    assert found["priced_share"] == 1
    assert [source["collector"] for source in found["sources"]] == ["manual"]
    assert found["rejected_because"] == {"EV-ZONE": 1}


def test_what_is_written_passes_validation(tmp_path, run_cli, calls):
    from tokenop.events.validate import validate_file

    run_cli("discover", "--input", calls, "--out", tmp_path / "out")
    report = validate_file(tmp_path / "out" / "events.jsonl")
    assert (report.events, report.invalid) == (2, 0)


def test_the_same_input_gives_the_same_bytes(tmp_path, run_cli, calls):
    for name in ("one", "two"):
        run_cli("discover", "--input", calls, "--out", tmp_path / name)
    for name in WRITTEN:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_an_events_file_ending_in_parquet_is_parquet(tmp_path, run_cli, calls):
    import duckdb

    target = tmp_path / "march" / "log.parquet"
    ran = run_cli("discover", "--input", calls, "--out", target)
    assert ran.exit_code == 0
    assert left_in(target.parent) == {"log.parquet", "rejected.jsonl", "discovered.yaml"}
    assert duckdb.sql(f"SELECT count(*) FROM '{target}'").fetchall() == [(2,)]


def test_two_collectors_and_several_files_give_one_log(tmp_path, run_cli, calls, shared_data):
    more = tmp_path / "more.csv"
    more.write_text(f"timestamp,prompt_tokens,completion_tokens\n{CALL['ts']},1,1\n")
    ran = run_cli(
        "discover", "--collectors", "claude-code,manual", "--input", f"claude-code={shared_data / 'claude_code'}",
        "--input", f"manual={calls}", "--input-dir", more, "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    found = json.loads(ran.stdout)
    assert [source["collector"] for source in found["sources"]] == ["claude-code", "manual"]
    assert found["events"] == 394 + 3
    assert found["rows_in"] == sum(found[kind] for kind in ("events", "duplicates", "rejected", "filtered"))


def test_collectors_named_one_by_one_are_all_run(tmp_path, run_cli, calls):
    logged = tmp_path / "spend.csv"
    logged.write_text("request_id,startTime,model,prompt_tokens,completion_tokens\n1,2026-09-01 09:00:00,gpt-4o,10,5\n")
    ran = run_cli(
        "discover", "--collectors", "manual", "--collectors", "litellm", "--input", f"manual={calls}",
        "--input", f"litellm={logged}", "--out", tmp_path / "out", "--json",
    )  # fmt: skip
    assert sorted(source["collector"] for source in json.loads(ran.stdout)["sources"]) == ["litellm", "manual"]


def test_without_arguments_the_usual_places_are_read(tmp_path, run_cli, shared_data):
    home = tmp_path / "config"
    home.mkdir()
    (home / "projects").symlink_to(shared_data / "claude_code" / "projects")
    os.environ["CLAUDE_CONFIG_DIR"] = str(home)
    try:
        ran = run_cli("discover", "--json", "--out", tmp_path / "out")
    finally:
        del os.environ["CLAUDE_CONFIG_DIR"]
    assert "reading claude-code" in ran.stderr
    assert json.loads(ran.stdout)["events"] == 394


def test_a_folder_does_not_feed_on_what_an_earlier_run_left_there(tmp_path, run_cli, calls):
    for _ in range(2):
        ran = run_cli("discover", "--input", tmp_path, "--out", tmp_path, "--json")
        assert json.loads(ran.stdout)["events"] == 2


def test_all_rows_rejected_is_exit_1_and_leaves_only_the_quarantine(tmp_path, run_cli, calls):
    out = tmp_path / "out"
    calls.write_text(json.dumps(CALL | {"ts": "2026-03-02"}) + "\n")
    ran = run_cli("discover", "--input", calls, "--out", out, "--json")
    assert ran.exit_code == 1
    assert left_in(out) == {"rejected.jsonl"}
    assert json.loads(ran.stdout)["rejected"] == 1
    assert "--tz UTC" in ran.stderr


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "not one row"),
        ("\n\n", "not one row"),
    ],
)
def test_nothing_to_read_is_exit_3_and_writes_nothing(tmp_path, run_cli, content, told):
    path = tmp_path / "calls.jsonl"
    path.write_text(content)
    ran = run_cli("discover", "--input", path, "--out", tmp_path / "out")
    assert ran.exit_code == 3
    assert told in ran.stderr
    assert left_in(tmp_path / "out") == set()


def test_an_empty_folder_and_an_empty_home_are_exit_3(tmp_path, run_cli):
    (tmp_path / "empty").mkdir()
    assert run_cli("discover", "--input", tmp_path / "empty", cwd=tmp_path).exit_code == 3
    ran = run_cli("discover", cwd=tmp_path)
    assert ran.exit_code == 3
    assert "tokenop demo" in ran.stderr
    ran = run_cli("discover", "--collectors", "claude-code", cwd=tmp_path)
    assert ran.exit_code == 3
    assert "--input claude-code=PATH" in ran.stderr


def test_only_filtered_rows_is_exit_3_that_names_why(tmp_path, run_cli, calls):
    ran = run_cli("discover", "--input", calls, "--tz", "UTC", "--since", "2026-04-01", "--out", tmp_path / "out")
    assert ran.exit_code == 3
    assert "outside --since and --until (3)" in ran.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--input", "absent.jsonl"], 1, "no such file"),
        (["--collectors", "nope"], 2, "is not a collector"),
        (["--collectors", ","], 2, "names none"),
        (["--collectors", "claude-code", "--input", "manual=x"], 2, "is not among"),
        (["--collectors", "claude-code,opentelemetry", "--input", "x"], 2, "--input claude-code=x"),
        (["--input", "CALLS", "--map", "ts=nope"], 2, "the columns are: input_tokens"),
        (["--input", "CALLS", "--setting", "zero_cost=maybe"], 2, "unknown or free"),
        (["--input", "CALLS", "--setting", "nope=1"], 2, "is not a setting"),
        (["--input", "CALLS", "--tz", "Mars"], 2, "is not a time zone"),
        (["--input", "CALLS", "--out", "events.csv"], 1, ".jsonl or .parquet"),
        (["--collectors", "claude-code", "--input", "CALLS", "--map", "ts=x"], 2, "--map works with"),
    ],
)
def test_misuse_and_unusable_input_are_told_in_one_line(tmp_path, run_cli, calls, arguments, code, told):
    ran = run_cli("discover", *(calls if text == "CALLS" else text for text in arguments), cwd=tmp_path)
    assert ran.exit_code == code
    assert told in ran.stderr
    assert "Traceback" not in ran.stderr
    assert left_in(tmp_path) == {"calls.jsonl"}


def test_a_file_without_permission_is_named(tmp_path, run_cli, calls):
    calls.chmod(0)
    if os.access(calls, os.R_OK):
        pytest.skip("this user may read everything (root)")
    ran = run_cli("discover", "--input", calls, "--out", tmp_path / "out")
    assert ran.exit_code == 1
    assert "check its permissions" in ran.stderr


def test_a_pipe_is_refused(tmp_path, run_cli):
    os.mkfifo(tmp_path / "pipe")
    ran = run_cli("discover", "--input", tmp_path / "pipe", cwd=tmp_path)
    assert ran.exit_code == 1
    assert "neither a file nor a folder" in ran.stderr


def test_an_error_while_writing_leaves_the_earlier_files_as_they_were(tmp_path, run_cli, calls, monkeypatch):
    out = tmp_path / "out"
    run_cli("discover", "--input", calls, "--out", out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}

    def fail(*_, **__):
        raise OSError("disk full")

    monkeypatch.setattr("tokenop.collect.discovered.describe", fail)
    calls.write_text(json.dumps(CALL) + "\n")
    assert run_cli("discover", "--input", calls, "--out", out).exit_code == 4
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before


def test_what_was_taken_without_being_asked_is_said(tmp_path, run_cli):
    path = tmp_path / "c.csv"
    path.write_text("created_at,prompt_tokens,completion_tokens,cost\n2026-03-02T09:00:00Z,1,1,0\n")
    ran = run_cli("discover", "--input", path, "--out", tmp_path / "out")
    for told in ("took created_at as ts", "took prompt_tokens as input_tokens", "a cost of 0", "--set provider="):
        assert told in ran.stderr


def test_the_description_says_how_the_source_was_read_without_the_home_folder(tmp_path, run_cli, monkeypatch, calls):
    monkeypatch.setenv("HOME", str(tmp_path))
    run_cli("discover", "--input", calls, "--tz", "UTC", "--set", "tenant=shop", "--out", tmp_path / "out")
    text = (tmp_path / "out" / "discovered.yaml").read_text()
    assert "~/calls.jsonl" in text
    assert "tenant: shop" in text
    assert str(tmp_path) not in text


def test_help_shows_examples(run_cli):
    ran = run_cli("discover", "--help")
    assert ran.exit_code == 0
    assert "tokenop discover --collectors claude-code" in ran.stdout


@pytest.mark.parametrize("name", ["events.jsonl", "rejected.jsonl", "discovered.yaml"])
def test_a_folder_in_the_place_of_an_output_leaves_nothing_half_written(tmp_path, run_cli, calls, name):
    out = tmp_path / "out"
    (out / name).mkdir(parents=True)
    ran = run_cli("discover", "--input", calls, "--out", out)
    assert ran.exit_code == 1, ran.stderr
    assert name in ran.stderr
    assert left_in(out) == {name}


def test_the_events_may_not_take_the_place_of_the_rejected_rows(tmp_path, run_cli, calls):
    ran = run_cli("discover", "--input", calls, "--out", tmp_path / "rejected.jsonl")
    assert ran.exit_code == 1
    assert not (tmp_path / "rejected.jsonl").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("--tz", "localtime"), ("--tz", "+99:99"), ("--tz", "+00:60"), ("--tz", ""), ("--set", "tenant="),
        ("--set", "tenant=\udcff"), ("--tz", "\udcff"), ("--out", "\udcff"), ("--map", "tenant=a[999999999999]"),
    ],
)  # fmt: skip
def test_options_that_mean_nothing_are_misuse_and_named(tmp_path, run_cli, calls, arguments):
    ran = run_cli("discover", "--input", calls, *arguments, cwd=tmp_path)
    assert ran.exit_code == 2, ran.stderr
    assert arguments[0] in ran.stderr
