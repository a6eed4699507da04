"""What a balancer is told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.gateway.seen.calls import NOON
from tokenop.gateway.seen.health import Health, Source


def answered(**sources: Source) -> tuple[int, dict[str, Any]]:
    status, body = Health(NOON, sources).answer()
    return status, json.loads(body)


def test_a_gateway_whose_parts_are_well_is_ok() -> None:
    status, told = answered(log=lambda: {"ok": True, "rows_waiting": 3})
    assert status == 200
    assert (told["status"], told["ill"], told["log"]["rows_waiting"]) == ("ok", [], 3)
    assert told["since"] == "2026-11-22T12:00:00Z"


def test_an_ill_part_is_named_and_calls_still_come() -> None:
    status, told = answered(config=lambda: {"ok": False, "refused": "no such tier"}, log=lambda: {"ok": True})
    assert (status, told["status"], told["ill"]) == (200, "degraded", ["config"])


def test_where_no_call_can_be_served_the_balancer_sends_none() -> None:
    assert answered(log=lambda: {"ok": False, "fatal": True})[0] == 503
    # A part that is well has nothing fatal to tell.
    assert answered(log=lambda: {"ok": True, "fatal": True})[0] == 200


def test_who_is_draining_says_so() -> None:
    health = Health(NOON, {"log": lambda: {"ok": True}}, draining=True)
    status, body = health.answer()
    assert (status, json.loads(body)["status"]) == (503, "draining")


def test_a_part_that_cannot_tell_is_ill_and_its_words_stay_inside() -> None:
    def broken() -> Mapping[str, Any]:
        raise OSError("/secret/path")

    status, told = answered(log=broken, config=lambda: {"ok": True})
    assert (status, told["ill"], told["config"]) == (200, ["log"], {"ok": True})
    assert "secret" not in json.dumps(told)


def test_who_may_not_know_more_is_told_how_it_is_and_no_reason() -> None:
    sources: dict[str, Source] = {"config": lambda: {"ok": False, "refused": "line 7 says sk-secret"}}
    status, body = Health(NOON, sources).answer(whole=False)
    assert (status, json.loads(body)) == (
        200,
        {"status": "degraded", "since": "2026-11-22T12:00:00Z", "ill": ["config"]},
    )
