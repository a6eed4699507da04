"""The real SDKs against real servers on this machine that fail in every way: the next provider answers."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.routing.chain.faulty import Faulty, closed_port, serving
from tests.routing.chain.scripted import REQUEST, prices
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import ProviderError, RateLimitedError
from tokenop.routing.chain import ChainResult, Policy, Senders, Settings, as_json, attempts_as_events, run, stream
from tokenop.routing.model import Retry

WIRES = {
    "anthropic": ("anthropic", "anthropic_sdk"),
    "openai": ("openai-compatible", "openai_sdk"),
    "groq": ("groq", "groq_sdk"),
    "ollama": ("ollama", "ollama_sdk"),
}
THERE = [
    pytest.param(
        wire,
        marks=pytest.mark.skipif(
            importlib.util.find_spec(f"tokenop.providers.sending.{module}") is None, reason=f"there is no {module}"
        ),
    )
    for wire, (_, module) in WIRES.items()
]
# What each fault is, and whether the call is sure to have cost nothing. `later`: a stream speaks before it.
BEFORE = {
    "refuse": ("connection", True),
    "reset": ("connection", False),
    "stall": ("timeout", False),
    "401": ("auth", True),
    "400": ("bad_request", True),
    "404": ("not_found", True),
    "413": ("too_long", True),
    "429": ("rate_limited", True),
    "after-1-429": ("rate_limited", True),
    "after-3600-429": ("rate_limited", True),
    "500": ("server", False),
    "502": ("server", False),
    "503": ("overloaded", True),
    "529": ("overloaded", True),
    "empty": ("malformed", False),
    "malformed": ("malformed", False),
    "page": ("malformed", False),
    "not-utf8": ("malformed", False),
}
LATER = {"cut", "cut-reset", "stall-later"}
BROKEN = {"connection", "malformed", "timeout"}
QUICK, PATIENT = Timeouts(5.0, 0.15, 0.25), Timeouts(10.0, 20.0, 30.0)
ASKED = replace(REQUEST, max_output_tokens=100)


@pytest.fixture(scope="module")
def server() -> Iterator[Faulty]:
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def send() -> Iterator[Senders]:
    senders = Senders()
    yield senders
    senders.close()


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAULTY_API_KEY", "sk-not-to-be-seen")


def target(server: Faulty, wire: str, fault: str) -> Target:
    url = f"http://127.0.0.1:{closed_port()}" if fault == "refuse" else server.url(wire)
    return Target(fault, WIRES[wire][0], fault, base_url=url, api_key_env="FAULTY_API_KEY")


def settings(fault: str) -> Settings:
    timeouts = {fault: QUICK if fault.startswith("stall") else PATIENT}
    policy = Policy(retry=Retry(attempts=2, backoff_seconds=0.0), default_timeouts=PATIENT, timeouts=timeouts)
    return {"policy": policy, "prices": prices(), "operation_id": f"op-{fault}"}


def never(_seconds: float) -> None:
    """Stand for a wait; none here is longer than 0 where another provider is left."""
    assert _seconds == 0


def ask(server: Faulty, send: Senders, wire: str, fault: str, streaming: bool) -> tuple[ChainResult, str]:
    """Ask a chain whose first provider fails and whose second is up; return what came of it and the words seen."""
    chain = (target(server, wire, fault), target(server, "groq" if wire == "anthropic" else "anthropic", "ok"))
    if not streaming:
        result = run(chain, ASKED, send, sleep=never, **settings(fault))
        return result, result.response.text if result.response else ""
    words = ""
    with stream(chain, ASKED, send, sleep=never, **settings(fault)) as answer:
        try:
            for delta in answer:
                words += delta.text if delta.kind == "text" else ""
        except ProviderError:
            pass
    return answer.result, words


@pytest.mark.parametrize("streaming", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize("wire", THERE)
def test_whatever_fails_before_the_first_token_the_next_provider_answers(
    wire: str, streaming: bool, server: Faulty, send: Senders
) -> None:
    for fault, (kind, free) in BEFORE.items():
        result, words = ask(server, send, wire, fault, streaming)
        assert words == "Hello there", fault
        assert result.response is not None
        *failed, answered = result.attempts
        assert {row.status for row in failed} == {kind}, (fault, failed)
        assert answered.usage.input_tokens == 12
        assert answered.usage.output_tokens == 5
        assert answered.usage.source == "reported"
        assert answered.fallback_used
        assert {row.usage.input_tokens == 0 for row in failed} == {free}, (fault, failed)
        assert "sk-not-to-be-seen" not in "".join(map(as_json, attempts_as_events(result.attempts))) + result.told()


@pytest.mark.parametrize("wire", THERE)
def test_a_stream_that_breaks_after_the_first_token_ends_with_what_came_on_record(
    wire: str, server: Faulty, send: Senders
) -> None:
    for fault in sorted(LATER):
        before = len(server.asked)
        result, words = ask(server, send, wire, fault, streaming=True)
        assert words == "Hello", fault
        assert result.error is not None
        assert result.error.after_first_token
        (row,) = result.attempts
        assert row.status in BROKEN, fault
        assert (row.usage.source, row.usage.output_tokens) == ("estimated", 2)
        assert row.usage.input_tokens in (11, 12)
        assert row.ttft_ms is not None
        assert len(server.asked) == before + 1, "nobody else was asked, nor the same again"


@pytest.mark.parametrize("wire", THERE)
def test_a_whole_answer_that_breaks_off_is_asked_of_the_next(wire: str, server: Faulty, send: Senders) -> None:
    for fault in sorted(LATER):
        result, words = ask(server, send, wire, fault, streaming=False)
        assert words == "Hello there", fault
        assert {row.status for row in result.attempts[:-1]} <= BROKEN


@pytest.mark.parametrize("wire", THERE)
def test_a_caller_who_hangs_up_closes_the_connection(wire: str, server: Faulty, send: Senders) -> None:
    chain = (target(server, wire, "stall-later"),)
    slow: Settings = {**settings("ok"), "operation_id": "gone"}
    with stream(chain, ASKED, send, **slow) as answer:
        assert next(delta.text for delta in answer if delta.text) == "Hello"
    (row,) = answer.result.attempts
    assert row.status == "cancelled"
    assert (row.usage.source, row.usage.output_tokens) == ("estimated", 2)


@pytest.mark.parametrize("wire", THERE)
def test_a_retry_after_comes_through_the_sdk(wire: str, server: Faulty, send: Senders) -> None:
    waits: list[float] = []
    result = run((target(server, wire, "after-1-429"),), ASKED, send, sleep=waits.append, **settings("x"))
    assert len(waits) == 1
    assert 0.5 < waits[0] <= 1.0
    result = run((target(server, wire, "after-3600-429"),), ASKED, send, sleep=waits.append, **settings("x"))
    assert isinstance(result.error, RateLimitedError)
    assert result.error.retry_after == 3600
    assert len(waits) == 1
    assert len(result.attempts) == 1


def test_a_provider_without_key_or_sdk_is_passed_over(server: Faulty, send: Senders) -> None:
    absent = replace(target(server, "anthropic", "ok"), api_key_env="ABSENT_API_KEY")
    result = run((absent, target(server, "groq", "ok")), ASKED, Senders(), **settings("ok"))
    assert [row.status for row in result.attempts] == ["not_usable", "ok"]
    assert "ABSENT_API_KEY is not set" in result.told()
    assert result.attempts[0].cost_usd == 0
