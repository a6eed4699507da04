"""What a running gateway tells whoever asks from outside."""

from __future__ import annotations

import json
import urllib.request
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.gateway.running import Gateway


def asked(gateway: Gateway, path: str, body: dict[str, Any] | None = None) -> bytes:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(gateway.url + path, data, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return bytes(answer.read())


def counted(gateway: Gateway) -> dict[str, float]:
    families = text_string_to_metric_families(asked(gateway, "/metrics").decode())
    sums: dict[str, float] = {}
    for one in (sample for family in families for sample in family.samples):
        sums[one.name] = sums.get(one.name, 0.0) + one.value
    return sums


def test_a_call_is_counted_as_its_row_says(gateway: Gateway) -> None:
    before, rows = counted(gateway), len(gateway.events())
    asked(gateway, "/v1/chat/completions", {"model": "auto", "messages": [{"role": "user", "content": "Hi"}]})
    [row] = gateway.last(rows)
    after = counted(gateway)

    def moved(name: str) -> float:
        return after[name] - before.get(name, 0.0)

    assert (moved("tokenop_requests_total"), moved("tokenop_attempts_total")) == (1, 1)
    assert moved("tokenop_tokens_total") == row["input_tokens"] + row["output_tokens"]
    assert abs(moved("tokenop_cost_usd_total") - (row["cost_usd"] or 0)) < 1e-12
    assert after["tokenop_in_flight"] == 0


def test_its_health_names_config_log_and_who_can_be_asked(gateway: Gateway) -> None:
    told = json.loads(asked(gateway, "/healthz"))
    assert (told["status"], told["ill"]) == ("ok", [])
    assert (told["config"]["id"], told["config"]["mode"]) == ("test", "route")
    assert (told["log"]["durable"], told["log"]["lost"]) == (True, 0)
    assert told["providers"]["usable"]


@pytest.mark.parametrize("said", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
def test_a_page_of_another_site_learns_no_more_of_its_health_than_how_it_is(
    gateway: Gateway, said: dict[str, str]
) -> None:
    with urllib.request.urlopen(urllib.request.Request(f"{gateway.url}/healthz", headers=said), timeout=20) as answer:
        assert set(json.load(answer)) == {"status", "since", "ill"}
