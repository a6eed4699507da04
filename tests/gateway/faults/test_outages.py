"""Providers that are away for a while: passed over, tried again, back."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.gateway import running
from tests.gateway.faults.asking import Answered, all_of
from tests.gateway.running import OPENAI, Gateway, until
from tests.gateway.upstream import Upstream, failed

FAULTS = ("outage", "named-wait", "expired-key", "alone")


@pytest.fixture(scope="module")
def gateway(up: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    breaker = {"failures": 3, "window_seconds": 60, "open_seconds": 1}
    written = running.config(up, FAULTS, circuit_breaker=breaker)
    with running.gateway(tmp_path_factory.mktemp("gateway"), written, "--durable") as started:
        yield started


def ask(gateway: Gateway, intent: str, **more: object) -> Answered:
    (answer,) = all_of(gateway, [intent], **more)
    return answer


def times(up: Upstream, model: str) -> int:
    return sum(asked.model == model for asked in up.asked)


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
def test_a_provider_that_is_down_is_passed_over_until_it_is_back(
    streaming: bool, gateway: Gateway, up: Upstream
) -> None:
    up.scripts["outage"] = lambda _asked: failed(500)
    for _ in range(3):
        assert ask(gateway, "outage", streaming=streaming).headers["x-tokenop-attempt"] == "2"
    before = times(up, "outage")
    passed_over = ask(gateway, "outage", streaming=streaming)
    assert (passed_over.words, passed_over.headers["x-tokenop-attempt"]) == ("Hello there", "1")
    (row,) = gateway.rows(passed_over.operation)
    assert row["status"] == "ok"
    assert times(up, "outage") == before

    del up.scripts["outage"]  # it is back, and nobody says so

    def by_the_first() -> bool:
        answer = ask(gateway, "outage", streaming=streaming)
        assert answer.words == "Hello there"
        return answer.headers["x-tokenop-attempt"] == "1" and times(up, "outage") > before

    until(by_the_first)
    before = times(up, "outage")
    assert {answer.words for answer in all_of(gateway, ["outage"] * 5, streaming=streaming)} == {"Hello there"}
    assert times(up, "outage") == before + 5


def test_a_provider_that_names_a_wait_is_left_alone_and_the_caller_hears_of_it_where_nobody_else_is(
    gateway: Gateway, up: Upstream
) -> None:
    up.scripts["named-wait"] = lambda _asked: failed(429, retry_after="3600")
    told = ask(gateway, "named-wait-alone")
    assert (told.status, told.headers["retry-after"]) == (429, "3600")
    before = times(up, "named-wait")
    assert [answer.words for answer in all_of(gateway, ["named-wait"] * 4)] == ["Hello there"] * 4
    assert times(up, "named-wait") == before


def test_a_key_that_has_expired_leads_to_the_next_provider_and_is_in_no_log(gateway: Gateway, up: Upstream) -> None:
    said = {"error": {"message": f"the key {running.SECRET} has expired", "type": "authentication_error"}}
    from tests.gateway.upstream import whole

    up.scripts["expired-key"] = lambda _asked: whole(said, 401)
    answer = ask(gateway, "expired-key")
    assert answer.words == "Hello there"
    assert [row["status"] for row in gateway.rows(answer.operation, 2)] == ["401", "ok"]
    alone = ask(gateway, "expired-key-alone")
    assert alone.status == 401
    assert running.SECRET.encode() not in alone.body
    assert running.SECRET not in (gateway.home.parent / "said.txt").read_text(encoding="utf-8")


def test_where_all_are_down_each_was_asked_and_each_has_its_row(gateway: Gateway, up: Upstream) -> None:
    up.scripts["alone"] = up.scripts[OPENAI] = lambda _asked: failed(503)
    try:
        answer = ask(gateway, "alone")
    finally:
        del up.scripts[OPENAI]
    assert answer.status == 503
    assert answer.error is not None
    rows = gateway.rows(answer.operation, 2)
    assert [(row["attempt"], row["status"]) for row in rows] == [(1, "503"), (2, "503")]
