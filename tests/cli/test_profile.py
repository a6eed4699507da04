"""`tokenop profile`: from a log to profile.yaml, to the terminal, to JSON and to a file that can be shared."""

from __future__ import annotations

import json
import re

import pytest
import yaml

from tokenop import sample
from tokenop.cli.main import COMMANDS
from tokenop.cli.profile import command
from tokenop.database import connect, quoted

EVENT = {
    "ts": "2026-09-01T00:00:00Z",
    "intent": "ask",
    "provider": "openai",
    "model": "gpt-5.4",
    "input_tokens": 1000,
    "output_tokens": 100,
    "latency_ms": 10,
    "cost_usd": None,
    "endpoint": "e",
    "region": "r",
    "tenant": "[t]",
}


@pytest.fixture
def log(tmp_path):
    """A log of 40 calls with prompts, in markup-like and other odd names."""
    path = tmp_path / "events.jsonl"
    rows = [
        {**EVENT, "id": f"e{n}", "prompt": f"What does order {n % 4} cost?", "ts": f"2026-09-01T00:{n:02d}:00Z"}
        for n in range(40)
    ]
    path.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def shared_month(tmp_path_factory):
    """The sample month, shared: the text of the file."""
    from tokenop.cli.profile import make, write

    folder = tmp_path_factory.mktemp("shared")
    write(make(sample.month(), False, 20, folder), folder / "profile.yaml")
    return folder / "profile.yaml"


def test_help_says_what_the_list_of_commands_says(run_cli):
    assert command.help is not None
    assert command.help.splitlines()[0] == COMMANDS["profile"][1]
    assert "tokenop profile" in run_cli("profile", "--help").stdout


def test_it_writes_profile_yaml_and_names_the_next_step(log, run_cli):
    ran = run_cli("profile", cwd=log.parent)
    assert ran.exit_code == 0, ran.stderr
    assert "Next: tokenop plan" in ran.stdout
    assert "[t]" in ran.stdout
    written = yaml.safe_load((log.parent / "profile.yaml").read_text(encoding="utf-8"))
    assert written["scalars"]["calls"] == 40
    assert written["source"]["sample"] is False
    assert written["segments"]["table"]["rows"][0][:5] == ["[t]", "ask", "openai", "gpt-5.4", 40]


def test_json_is_what_the_file_says(log, run_cli):
    ran = run_cli("profile", "--json", cwd=log.parent)
    written = yaml.safe_load((log.parent / "profile.yaml").read_text(encoding="utf-8"))
    assert json.loads(ran.stdout) == json.loads(json.dumps(written))


def test_the_same_log_gives_the_same_bytes(log, run_cli):
    for name in ("a.yaml", "b.yaml"):
        run_cli("profile", "--out", name, cwd=log.parent)
    assert (log.parent / "a.yaml").read_bytes() == (log.parent / "b.yaml").read_bytes()


def test_semantic_clusters_show_examples_and_hit_shares(log, run_cli):
    ran = run_cli("profile", "--cluster-method", "semantic", cwd=log.parent)
    assert "What does order" in ran.stdout
    clusters = yaml.safe_load((log.parent / "profile.yaml").read_text(encoding="utf-8"))["clusters"]
    assert clusters["method"] == "semantic"
    assert clusters["share_with_an_earlier_prompt_as_alike"]["0.99"] == 0.9


def test_semantic_clusters_without_prompts_say_so(log, run_cli):
    text = log.read_text(encoding="utf-8").replace('"prompt"', '"domain"')
    log.write_text(text, encoding="utf-8")
    ran = run_cli("profile", "--cluster-method", "semantic", cwd=log.parent)
    assert ran.exit_code == 0
    assert "carry no prompts" in ran.stdout


def test_shared_file_has_no_name_of_the_events(shared_month):
    text = shared_month.read_text(encoding="utf-8")
    assert len(text) < 1_000_000
    words = set(re.split(r"[\s\"',:\[\]]+", text))
    columns = ("id", "tenant", "user_id", "session_id", "agent_id", "prompt_hash", "endpoint", "domain")
    connection = connect()
    for column in columns:
        names = connection.execute(
            f"SELECT DISTINCT {column} FROM {quoted(str(sample.month()))} WHERE {column} IS NOT NULL"
        ).fetchall()
        assert words & {name for (name,) in names} == set(), column
    assert "sample-" not in text


def test_a_shared_workload_says_what_was_left_out(log, run_cli):
    ran = run_cli("profile", "--shareable", "--k", 30, "--out", "w.yaml", cwd=log.parent)
    assert "1 cell of at least 30 calls" in ran.stdout
    assert "Next: tokenop plan --workload w.yaml" in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--events", "missing.jsonl"], 1, "missing.jsonl"),
        ([], 3, "tokenop discover"),
        (["--shareable", "--cluster-method", "semantic"], 2, "leave --cluster-method semantic out"),
        (["--k", "1"], 2, "--k"),
    ],
)
def test_expected_errors(tmp_path, run_cli, arguments, code, message):
    ran = run_cli("profile", *arguments, cwd=tmp_path)
    assert ran.exit_code == code
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_an_empty_log_is_no_input(tmp_path, run_cli):
    (tmp_path / "events.jsonl").write_text("", encoding="utf-8")
    assert run_cli("profile", cwd=tmp_path).exit_code == 3


def test_mooncake_prefixes_are_measured(shared_data, tmp_path, run_cli):
    source = shared_data / "mooncake_conversation_trace.jsonl"
    ran = run_cli(
        "discover", "--input", source, "--epoch", "ms@2026-01-01T00:00:00Z", "--map", "ts=timestamp",
        "--map", "input_tokens=input_length", "--map", "output_tokens=output_length",
        "--map", "prefix_hashes=hash_ids", cwd=tmp_path,
    )  # fmt: skip
    assert ran.exit_code == 0, ran.stderr
    ran = run_cli("profile", "--json", cwd=tmp_path)
    scalars = json.loads(ran.stdout)["scalars"]
    assert scalars["calls"] == 12_031
    # 83,010 block hits within five minutes (design/economics.md), 512 tokens each.
    assert scalars["prefix_reuse_share"] * scalars["input_tokens_mean"] * 12_031 == pytest.approx(
        83_010 * 512, rel=0.01
    )
