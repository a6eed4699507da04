"""Providers that fail in every way: the next one answers, or the caller is told rightly; a row for each attempt."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gateway.faults.asking import all_of
from tests.gateway.faults.scripts import BEFORE, LATER
from tests.gateway.running import SECRET, Gateway, until
from tests.gateway.upstream import Upstream


def files_of(gateway: Gateway) -> int:
    return len(list(Path(f"/proc/{gateway.process.pid}/fd").iterdir()))


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("caller", ["openai", "claude"])
@pytest.mark.parametrize("provider", ["", "-claude"], ids=["openai-fails", "claude-fails"])
def test_whatever_fails_before_the_first_word_the_next_provider_answers(
    provider: str, caller: str, streaming: bool, gateway: Gateway
) -> None:
    answers = all_of(gateway, [name + provider for name in BEFORE], caller, streaming)
    for (name, (_, statuses, _)), answer in zip(BEFORE.items(), answers, strict=True):
        assert (answer.status, answer.words, answer.error) == (200, "Hello there", None), name
        rows = gateway.rows(answer.operation, int(answer.headers["x-tokenop-attempt"]))
        assert len(rows) == 2, (name, rows)
        failed, answered = rows
        assert failed["status"] in statuses, (name, failed["status"])
        assert (failed["attempt"], answered["attempt"], answered["status"]) == (1, 2, "ok"), name
        assert answered["fallback_used"]
        assert (answered["input_tokens"], answered["output_tokens"]) == (12, 5)
        assert answer.headers["x-tokenop-attempt"] == "2"


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("caller", ["openai", "claude"])
def test_where_nobody_else_is_left_the_caller_is_told_what_it_was(
    caller: str, streaming: bool, gateway: Gateway
) -> None:
    answers = all_of(gateway, [f"{name}-alone" for name in BEFORE], caller, streaming)
    for (name, (_, statuses, told)), answer in zip(BEFORE.items(), answers, strict=True):
        assert answer.status == (529 if told == 503 and caller == "claude" else told), (name, answer)
        assert answer.error is not None
        assert answer.error["message"]
        (row,) = gateway.rows(answer.operation)
        assert row["status"] in statuses, (name, row["status"])
        assert SECRET.encode() not in answer.body


@pytest.mark.parametrize("caller", ["openai", "claude"])
@pytest.mark.parametrize("provider", ["", "-claude"], ids=["openai-fails", "claude-fails"])
def test_a_stream_that_breaks_after_the_first_word_ends_with_an_error_and_one_row(
    provider: str, caller: str, gateway: Gateway
) -> None:
    answers = all_of(gateway, [name + provider for name in LATER], caller, streaming=True)
    for (name, (_, statuses)), answer in zip(LATER.items(), answers, strict=True):
        assert (answer.status, answer.words) == (200, "Hello"), name
        assert answer.error is not None, name
        assert b"[DONE]" not in answer.body
        assert b"message_stop" not in answer.body
        (row,) = gateway.rows(answer.operation)
        assert row["status"] in statuses, (name, row["status"])
        assert row["usage_source"] == "estimated"
        assert row["output_tokens"] > 0


def test_nothing_of_all_that_is_left_open(gateway: Gateway, up: Upstream) -> None:
    all_of(gateway, ["e500"])
    before = files_of(gateway)
    for _ in range(2):
        all_of(gateway, [*BEFORE, *LATER], streaming=True)
        all_of(gateway, [f"{name}-claude-alone" for name in BEFORE])
    # What is idle may rest in the pool, as many as were ever used at once; each round opens no more than the first.
    until(lambda: files_of(gateway) <= before + len(BEFORE) + len(LATER))
    rows = gateway.events()
    assert len({row["id"] for row in rows}) == len(rows)
    assert not [path for path in gateway.home.rglob("*") if path.is_file() and SECRET.encode() in path.read_bytes()]
    said = (gateway.home.parent / "said.txt").read_text(encoding="utf-8")
    assert "bug" not in said
    assert "Traceback" not in said
    assert SECRET not in said
