"""Pseudonyms: the same person, the same name; and no way back without the key."""

from __future__ import annotations

import hashlib
import hmac
import json
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tokenop.collect import pseudonyms
from tokenop.errors import InputError, MisuseError

KEY = "0123456789abcdef0123456789abcdef"
ROW = {"ts": "2026-03-02T09:00:00Z", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}


@pytest.fixture
def discover(run_cli, tmp_path):
    """Return a function that runs the command over rows, and gives its events and every text that it wrote or said."""

    def run(*rows, arguments=("--pseudonymise",), collector="manual", out="out"):
        path = tmp_path / f"{collector}.jsonl"
        path.write_text("".join(json.dumps(ROW | row) + "\n" for row in rows), encoding="utf-8")
        place = tmp_path / out
        ran = run_cli("discover", "--collectors", collector, "--input", path, "--out", place, *arguments)
        assert ran.exit_code in (0, 1), ran.stderr
        events = place / "events.jsonl"
        found = [json.loads(line) for line in events.read_text().splitlines()] if events.exists() else []
        return found, "\n".join([*(f.read_text() for f in place.iterdir()), ran.stdout, ran.stderr])

    return run


def test_a_user_becomes_a_keyed_hash(discover, monkeypatch) -> None:
    monkeypatch.setenv(pseudonyms.VARIABLE, KEY)
    (event, nobody), written = discover({"user_id": "ana@example.com"}, {"attempt": 2})
    digest = hmac.new(KEY.encode(), b"ana@example.com", hashlib.sha256).hexdigest()
    assert event["user_id"] == f"u-{digest[:16]}"
    assert nobody["user_id"] is None
    assert "ana@example.com" not in written
    assert KEY not in written


def test_without_the_option_users_stay_and_no_key_is_made(discover, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    (event,), _ = discover({"user_id": "ana@example.com"}, arguments=())
    assert event["user_id"] == "ana@example.com"
    assert not (tmp_path / "home").exists()


def test_names_are_the_same_in_each_run_and_from_each_collector(discover, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    (first,), said = discover({"user_id": "ana@example.com"})
    (second,), again = discover({"user_id": "ana@example.com"}, out="again")
    spend = {"request_id": "r1", "startTime": "2026-03-02T09:00:00", "prompt_tokens": 1, "completion_tokens": 1}
    (third,), _ = discover(
        {**spend, "total_tokens": 2, "user": "ana@example.com", "call_type": "acompletion"},
        collector="litellm", arguments=("--pseudonymise", "--tz", "UTC"), out="other",
    )  # fmt: skip
    assert first["user_id"] == second["user_id"] == third["user_id"]
    key = tmp_path / "home" / pseudonyms.FILE
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    assert f"a new key, now in {key}" in said
    assert f"the key in {key}" in again
    assert key.read_text().strip() not in said + again
    assert [path.name for path in key.parent.iterdir()] == [pseudonyms.FILE]


def test_rejected_rows_name_nobody(discover, monkeypatch) -> None:
    monkeypatch.setenv(pseudonyms.VARIABLE, KEY)
    _, written = discover({"user_id": "ana@example.com", "input_tokens": -1}, {"user_id": "ana@example.com" * 60})
    assert "ana@example.com" not in written


def test_a_constant_user_is_named_nowhere(discover, monkeypatch) -> None:
    monkeypatch.setenv(pseudonyms.VARIABLE, KEY)
    (event,), written = discover({}, arguments=("--pseudonymise", "--set", "user_id=ana.example"))
    assert event["user_id"].startswith("u-")
    assert "ana.example" not in written


def test_two_people_are_two_and_a_secret_in_a_name_is_gone(discover, monkeypatch) -> None:
    monkeypatch.setenv(pseudonyms.VARIABLE, KEY)
    names = [f"person {n}" for n in range(300)] + ["ana password=hunter2"]
    events, written = discover(*({"user_id": name, "latency_ms": n} for n, name in enumerate(names)))
    assert len({event["user_id"] for event in events}) == len(names)
    assert "hunter2" not in written


def test_processes_that_start_at_once_agree_on_one_key(tmp_path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = list(pool.map(lambda _: pseudonyms.find({}, tmp_path / "home"), range(32)))
    assert len({key.secret for key in keys}) == 1
    assert sum(key.new for key in keys) == 1


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="openssl rand"):
        pseudonyms.find({pseudonyms.VARIABLE: "short"}, tmp_path)
    file = tmp_path / pseudonyms.FILE
    file.write_text("short\n")
    file.chmod(0o600)
    with pytest.raises(InputError, match="too short"):
        pseudonyms.find({}, tmp_path)
    file.write_text(KEY)
    file.chmod(0o644)
    with pytest.raises(InputError, match="chmod 600"):
        pseudonyms.find({}, tmp_path)


def test_a_key_does_not_show_itself(tmp_path: Path) -> None:
    assert KEY not in repr(pseudonyms.find({pseudonyms.VARIABLE: KEY}, tmp_path))
