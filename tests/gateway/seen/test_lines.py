"""One line a call, without what was said."""

from __future__ import annotations

import json
import threading
from typing import Any

from tests.gateway.seen.calls import call, outcome, row
from tokenop.gateway.model import RefusedCallError
from tokenop.gateway.seen.lines import Lines


def written(*ends: Any) -> list[dict[str, Any]]:
    came: list[bytes] = []
    lines = Lines(came.append)
    for one, end in ends:
        lines.began(one)
        lines.ended(one, end)
    lines.close()
    return [json.loads(line) for line in b"".join(came).splitlines()]


def test_a_line_says_who_asked_who_answered_and_what_it_took() -> None:
    [line] = written((call(), outcome(row(status="500"), row(user_id="sarah"))))
    assert (line["operation"], line["tier"], line["provider"], line["model"]) == ("op1", "T2", "groq", "llama")
    assert (line["attempts"], line["errors"], line["user_id"], line["intent"]) == (2, ["500"], "sarah", "classify")
    assert (line["cost_usd"], line["latency_ms"], line["ts"]) == (0.0002, 260.0, "2026-11-22T12:00:00.000Z")
    assert "tenant" not in line  # unknown


def test_prompts_are_in_no_line() -> None:
    assert "hunter2" not in json.dumps(written((call(prompt="my password is hunter2"), outcome(row()))))


def test_a_refusal_says_its_kind() -> None:
    refused = RefusedCallError("spent", status=429, kind="budget")
    [line] = written((call(), outcome(row(status="429"), status=429, refused=refused)))
    assert (line["status"], line["refused"]) == (429, "budget")


def test_a_reader_that_is_stopped_stops_nobody_and_the_rest_is_counted() -> None:
    came: list[bytes] = []
    stopped, begun = threading.Event(), threading.Event()

    def write(data: bytes) -> None:
        begun.set()
        stopped.wait(10)
        came.append(data)

    lines = Lines(write)
    lines.ended(call(), outcome(row()))
    assert begun.wait(10)
    for _ in range(Lines.MOST_WAITING + 7):
        lines.ended(call(), outcome(row()))
    stopped.set()
    lines.close()
    told = [json.loads(line) for line in b"".join(came).splitlines()]
    assert sum(one.get("count", 0) for one in told) == 7
    assert sum("operation" in one for one in told) == Lines.MOST_WAITING + 1


def test_a_reader_that_is_gone_is_no_trouble() -> None:
    def write(data: bytes) -> None:
        raise BrokenPipeError

    lines = Lines(write)
    lines.ended(call(), outcome(row()))
    lines.ended(call(), outcome(row()))
    lines.close()
