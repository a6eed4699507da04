"""Redaction: what it finds, what it leaves alone, and what becomes of rows."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import Ran
from tokenop import database
from tokenop.collect import redact
from tokenop.events.schema import EVENT, USAGE, columns

CORE = "Qz9Xcanary7F3aLeak42"
HEX = "0123456789abcdef0123456789abcdef"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.SflKxwRJSMeKKF2QT4fwpMeJf36POk6yJV_adQssw5c"
PEM = f"-----BEGIN RSA PRIVATE KEY-----\nMIIEow{CORE}\nQ2F\n-----END RSA PRIVATE KEY-----"
# Keys are made up; each is written the way its vendor writes them.
KEYS = [
    f"sk-ant-api03-{CORE}_a-b", f"sk-ant-admin01-{CORE}", f"sk-proj-{CORE}", f"sk-svcacct-{CORE}", f"sk-{CORE}{CORE}",
    f"sk-or-v1-{HEX}", f"sk-lf-{HEX[:8]}-{HEX[:4]}", f"pk-lf-{HEX[:8]}-{HEX[:4]}", f"sk-{CORE}", "sk-1234",
    "AKIAIOSFODNN7EXAMPLE", "ASIAIOSFODNN7EXAMPLE", f"AIzaSy{CORE}_12345678", f"ya29.{CORE}", f"ghp_{CORE}{CORE}",
    f"github_pat_{CORE}_{CORE}", f"gho_{CORE}", f"glpat-{CORE}", f"xoxb-123456789012-{CORE}", f"xapp-1-{CORE}",
    f"https://hooks.slack.com/services/T000/B000/{CORE}", f"sk_live_{CORE}", f"rk_test_{CORE}", f"whsec_{CORE}",
    f"dapi{HEX}", f"dapi{HEX}-2", f"hf_{CORE}", f"gsk_{CORE}{CORE}", f"lsv2_pt_{HEX}_{HEX[:10]}", f"lsv2_sk_{HEX}_1",
    f"phc_{CORE}", f"phx_{CORE}", f"nvapi-{CORE}", f"pplx-{CORE}", f"xai-{CORE}", f"r8_{CORE}", JWT, PEM,
    f"SG.{CORE}.{CORE}", f"bedrock-api-key-{CORE}", f"sk-helicone-{HEX[:7]}-{CORE}",
]  # fmt: skip
ASSIGNED = [
    "password=hunter2", "password: hunter2", "PASSWORD = 'two words'", '{"password": "two words, three", "x": 1}',
    r"{\"client_secret\": \"hunter2 x\"}", "DB_PASSWORD=hunter2",
    "aws_secret_access_key=wJalrXUtnFEMI/K7MDENG/bPxRfiCY",
    "api-key: hunter2", "apiKey=hunter2", "token=hunter2", '"token": "hunter2"', "access_token=hunter2;",
    "Authorization: Bearer hunter2", "authorization: Basic aHVudGVyMg==", '"Authorization": "Bearer hunter2"',
    "Bearer hunter2hunter2hunter2", "basic aHVudGVyMjpodW50ZXIy", "Cookie: session=hunter2; b=c",
    "https://ana:hunter2@db.example.com/x", "postgres://:hunter2@db:5432/x", "https://hunter2@example.com",
    "https://api.example.com/v1?key=hunter2&model=gpt-4o", "https://x.example.com/a?X-Amz-Signature=hunter2",
    "https://x.blob.example.com/a?sv=2024&sig=hunter2", "AccountKey=hunter2==;", "passphrase=hunter2",
]  # fmt: skip
PERSONAL = {
    "ana@example.com": "[email]", "ana.b+c@mail.example.co.uk": "[email]", "jürgen@müller.example": "[email]",
    "ana＠example.com": "[email]", "ana\\uff20example.com": "[email]", "ana%40example.com": "[email]",
    "4111 1111 1111 1111": "[card]", "4111111111111111": "[card]",
    "5500-0055-5555-5559": "[card]", "378282246310005": "[card]", "DE89 3704 0044 0532 0130 00": "[iban]",
    "GB82WEST12345698765432": "[iban]", "078-05-1120": "[ssn]", "+49 170 1234567": "[phone]",
    "+1 (555) 123-4567": "[phone]", "(555) 123-4567": "[phone]", "555-123-4567": "[phone]", "10.20.30.40": "[ip]",
    "2001:db8::8a2e:370:7334": "[ip]", "2001:db8:0:0:0:8a2e:370:7334": "[ip]",
}  # fmt: skip
LEFT_ALONE = [
    "claude-sonnet-4-5-20250929", "claude-3-5-sonnet@20240620", "gpt-4o-2024-08-06", "us.anthropic.claude-v2:1",
    "arn:aws:bedrock:us-east-1:123456789012:inference-profile/x", "2026-03-01T09:00:00.123+01:00",
    "2026-03-01 09:00:00",
    "1772461380000", "1772461380000000000", "550e8400-e29b-41d4-a716-446655440000", "msg_01XFDUDYJgAACzvnptvVoYEL",
    "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT", HEX, "row-" + HEX, "task-force-ant-colony-optimization", "sk-learn",
    "reset_password", "forgot password", "password reset", "input_tokens: 17", "max_tokens=100", "0.4111111111111111",
    "4111111111111112", "GB82WEST12345698765433", "000-12-3456", "127.0.0.1", "0.0.0.0", "::1", "12:00:00",
    "std::vector",
    "v1.2.3", "120.0.6099.109", "https://api.openai.com/v1/chat/completions", "https://host:443/v1/models/c@2024",
    "http://localhost:4000", "basic understanding", "bearer of bad news", "projects/123456789012/locations/eu", "T1",
    "hf_hub_download", "eyJ", "@example", "ana@localhost", "a secret garden", "us-east-1", "meta-llama/Llama-3.3-70B",
    "-----BEGIN CERTIFICATE-----", "100 200 3000",
    "Überprüfung der Verträge", "日本語のテキスト", "unknown",
]  # fmt: skip


@pytest.fixture(scope="module")
def clean() -> Iterator[Callable[[list[str]], list[str]]]:
    with database.connect() as connection:

        def run(texts: list[str]) -> list[str]:
            found = redact.texts(connection, texts)
            return [found[text] for text in texts]

        yield run


def test_keys_of_vendors_become_a_token(clean) -> None:
    found = clean([f"use {key} now" for key in KEYS])
    wanted = [
        "use https://hooks.slack.com/services/[secret] now" if "hooks" in key else "use [secret] now" for key in KEYS
    ]
    assert dict(zip(KEYS, found, strict=True)) == dict(zip(KEYS, wanted, strict=True))


@pytest.mark.parametrize("text", ASSIGNED)
def test_values_that_are_assigned_to_a_secret_name_go(clean, text) -> None:
    (found,) = clean([text])
    assert "hunter2" not in found
    assert "aHVud" not in found
    assert "wJalr" not in found
    assert "[secret]" in found


@pytest.mark.parametrize("text", PERSONAL)
def test_personal_data_becomes_a_token(clean, text) -> None:
    assert clean([text, f"see {text}, then"]) == [PERSONAL[text], f"see {PERSONAL[text]}, then"]


def test_ids_times_models_and_words_survive(clean) -> None:
    assert clean(LEFT_ALONE) == LEFT_ALONE


def test_two_in_a_row_both_go(clean) -> None:
    pairs = [f"{key},{key} {key}" for key in KEYS if "hooks" not in key]
    assert clean(pairs) == ["[secret],[secret] [secret]"] * len(pairs)
    people = [f"{text},{text};{text}" for text in PERSONAL]
    assert clean(people) == [f"{token},{token};{token}" for token in PERSONAL.values()]


NOISE = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30)
EDGE = st.sampled_from(
    ["", " ", "\n", '"', "'", ",", ";", "(", "[", "{", "<", ">", "|", "…", "/", "\\n", "=", ":", "\t"]
)
MIXED = st.lists(
    st.one_of(NOISE, EDGE, st.sampled_from([*KEYS, *ASSIGNED, *PERSONAL, *LEFT_ALONE])), min_size=1, max_size=5
).map("".join)
QUIET = settings(
    max_examples=40, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUIET
@given(texts=st.lists(MIXED, min_size=1, max_size=30, unique=True))
def test_redacting_twice_changes_nothing_more(clean, texts) -> None:
    once = clean(texts)
    assert clean(once) == once


@QUIET
@given(
    before=NOISE.filter(lambda text: not text or not (text[-1].isascii() and text[-1].isalpha())),
    after=NOISE.filter(lambda text: not text or not text[0].isalnum()),
)
def test_a_canary_is_gone_wherever_it_stands(clean, before, after) -> None:
    """A key may stand behind anything but a letter; what comes after it may make it longer, never undo it."""
    planted = [key for key in KEYS if CORE in key or HEX in key or key == JWT]
    for found in clean([f"{before}{key}{after}" for key in planted]):
        assert CORE not in found
        assert HEX not in found
        assert JWT not in found


@QUIET
@given(words=st.lists(st.text("abcdefghijklmnopqrstuvwxyzäöüßABCXYZ_ .,!?()\n", max_size=40), min_size=1, unique=True))
def test_text_without_anything_to_hide_stays_byte_for_byte(clean, words) -> None:
    assert clean(words) == words


@QUIET
@given(texts=st.lists(MIXED, min_size=1, max_size=30, unique=True), level=st.sampled_from(["secrets", "name", "text"]))
def test_the_hint_is_found_in_every_text_that_would_change(texts, level) -> None:
    with database.connect() as connection:
        missed = connection.execute(
            f"SELECT value FROM ({redact.rewritten('(SELECT unnest(?::VARCHAR[]) AS value)', level)}) "
            f"WHERE replaced <> value AND NOT {redact.hinted('value', level)}",
            [texts],
        ).fetchall()
    assert not missed


def test_every_text_field_is_decided_on() -> None:
    for record in (EVENT, USAGE):
        texts = {c.name for c in columns(record) if c.duckdb == "VARCHAR" and "enum" not in c.rules}
        assert set(redact.levels(record)) == texts - {"prompt_hash", "price_id"}


def collected(run_cli: Callable[..., Ran], tmp_path: Any, *rows: dict[str, Any]) -> tuple[Any, list[dict[str, Any]]]:
    base = {"ts": "2026-03-02T09:00:00Z", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}
    path = tmp_path / "calls.jsonl"
    path.write_text("".join(json.dumps(base | row) + "\n" for row in rows), encoding="utf-8")
    out = tmp_path / "out"
    maps = [
        part for name in ("prompt", "output") for part in ("--map", f"{name}={name}") if any(name in r for r in rows)
    ]
    ran = run_cli("discover", "--input", path, "--out", out, "--json", *maps)
    events = out / "events.jsonl"
    lines = events.read_text(encoding="utf-8").splitlines() if events.exists() else []
    return json.loads(ran.stdout), [json.loads(line) for line in lines]


def test_rows_that_differ_in_redacted_text_alone_stay_two_calls(run_cli, tmp_path) -> None:
    found, events = collected(
        run_cli, tmp_path, {"intent": "reply to ana@example.com"}, {"intent": "reply to bob@example.com"}
    )
    assert (found["events"], found["duplicates"], found["rejected"]) == (2, 0, 0)
    assert {event["intent"] for event in events} == {"reply to [email]"}
    assert len({event["id"] for event in events}) == 2
    assert found["redacted"] == {"intent": 2}


def test_ids_that_hold_a_secret_stay_unique_and_point_to_each_other(run_cli, tmp_path) -> None:
    found, events = collected(
        run_cli,
        tmp_path,
        {"id": "call-ana@example.com"},
        {"id": "call-bob@example.com", "parent_id": "call-ana@example.com"},
    )
    assert found["events"] == 2
    ids = {event["id"]: event["parent_id"] for event in events}
    (child,) = [id_ for id_, parent in ids.items() if parent]
    assert ids[child] in set(ids) - {child}
    assert all(id_.startswith("redacted-") for id_ in ids)


def test_the_same_id_with_other_text_is_the_conflict_that_it_was(run_cli, tmp_path) -> None:
    found, _ = collected(
        run_cli, tmp_path, {"id": "1", "intent": "to ana@example.com"}, {"id": "1", "intent": "to bob@example.com"}
    )
    assert (found["events"], found["duplicates"], found["rejected"]) == (1, 0, 1)
    assert found["rejected_because"] == {"EV-UNIQUE": 1}


def test_tenants_and_sessions_that_were_different_stay_different(run_cli, tmp_path) -> None:
    people = ["ana@example.com", "bob@example.com", "ana@example.com"]
    found, events = collected(
        run_cli, tmp_path, *({"tenant": p, "session_id": p, "latency_ms": n} for n, p in enumerate(people))
    )
    by_call = {event["latency_ms"]: event for event in events}
    for name in ("tenant", "session_id"):
        assert by_call[0][name] == by_call[2][name] != by_call[1][name]
        assert {by_call[0][name], by_call[1][name]} == {"[email]", "[email] #2"}
    assert found["redacted"] == {"session_id": 3, "tenant": 3}


def test_hashes_stay_and_users_stay_but_for_secrets(run_cli, tmp_path) -> None:
    row = {"user_id": "ana@example.com", "prompt_hash": "sk-ant-api03-looks-like-a-key-but-is-a-hash"}
    found, (event, other) = collected(run_cli, tmp_path, row, {"user_id": f"ana sk-ant-api03-{CORE}"})
    assert {name: event[name] for name in row} == row
    assert other["user_id"] == "ana [secret]"
    assert found["redacted"] == {"user_id": 1}


def test_prompts_that_were_asked_for_are_redacted(run_cli, tmp_path) -> None:
    found, (event,) = collected(run_cli, tmp_path, {"prompt": f"key {KEYS[0]}\n ", "output": "call +49 170 1234567"})
    assert (event["prompt"], event["output"]) == ("key [secret]\n ", "call [phone]")
    assert found["redacted"] == {"output": 1, "prompt": 1}


def test_a_field_that_grows_stays_within_its_length(run_cli, tmp_path) -> None:
    found, (event,) = collected(run_cli, tmp_path, {"intent": "a@b.co " * 73})
    assert found["events"] == 1
    assert len(event["intent"]) == 512


def test_the_same_input_gives_the_same_bytes(run_cli, tmp_path) -> None:
    rows = [{"tenant": f"{n % 7}@example.com", "latency_ms": n} for n in range(50)]
    _, first = collected(run_cli, tmp_path, *rows)
    _, second = collected(run_cli, tmp_path, *rows)
    assert first == second


def test_rejected_rows_and_what_is_said_of_them_are_redacted(run_cli, tmp_path) -> None:
    long = "x" * 60 + f" sk-ant-api03-{CORE}"
    rows = [{"input_tokens": KEYS[0]}, {"output_tokens": long}, {"attempt": "ana@example.com", "model": PEM}]
    found, _ = collected(run_cli, tmp_path, *rows)
    written = (tmp_path / "out" / "rejected.jsonl").read_text(encoding="utf-8")
    assert found["rejected"] == 3
    assert CORE not in written
    assert CORE[:4] not in written
    assert "ana@example.com" not in written
    assert found["redacted"] == {"message": 2, "raw": 3}


def test_what_is_said_of_the_run_is_redacted_too(run_cli, tmp_path) -> None:
    path = tmp_path / "calls.jsonl"
    row = {"ts": "2026-03-02T09:00:00Z", "model": "gpt-4o", "input_tokens": 10, "output_tokens": 2}
    path.write_text(json.dumps(row), encoding="utf-8")
    endpoint = f"https://ana:{CORE}@api.example.com"
    ran = run_cli("discover", "--input", path, "--out", tmp_path / "out", "--set", f"endpoint={endpoint}")
    assert ran.exit_code == 0
    assert "redacted secrets or personal data in 1 × endpoint" in ran.stderr
    written = b"".join(file.read_bytes() for file in (tmp_path / "out").iterdir())
    assert CORE.encode() not in written + ran.stdout.encode() + ran.stderr.encode()
    assert b"https://[secret]@api.example.com" in written
