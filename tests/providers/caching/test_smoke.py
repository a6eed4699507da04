"""The seed's smoke test, on recorded answers: three dispatches, and at least 40 % of the input read from the cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests import wire
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.caching.metrics import use
from tokenop.providers.formats.anthropic import FORMAT
from tokenop.providers.model import Response
from tokenop.providers.sending.anthropic_sdk import sender

TIMEOUTS = Timeouts(connect=5, first_token=20, total=20)


@pytest.fixture
def pairs(shared_data: Path) -> list[wire.Exchange]:
    """Return two recorded conversations of two dispatches each: with Claude's own API, and with Claude on Bedrock."""
    assert shared_data.is_dir()
    return [each for each in wire.exchanges("anthropic") if "cache" in each.file and "real_api" in each.file]


def dispatched(exchanges: list[wire.Exchange]) -> list[Response]:
    """Send the recorded requests with the real SDK, and return what the recorded answers say."""
    sending, found = sender(), []
    try:
        with wire.serve(exchanges) as server:
            for each in exchanges:
                # Bedrock names the model in its address: its answers are Claude's own.
                request = FORMAT.read_request({"model": "claude-haiku-4-5", **(each.request_body or {})})
                target = Target("t", "anthropic", request.model, server.base_url)
                found.append(sending.send(request, target, TIMEOUTS))
    finally:
        sending.close()
    return found


def test_three_recorded_dispatches_read_more_than_the_asked_40_percent(pairs: list[wire.Exchange]) -> None:
    assert [each.name for each in pairs] == [
        "test_anthropic_cache_bedrock_real_api.yaml#0",
        "test_anthropic_cache_bedrock_real_api.yaml#1",
        "test_anthropic_cache_real_api.yaml#0",
        "test_anthropic_cache_real_api.yaml#1",
    ]
    found = [response.usage for response in dispatched(pairs)]
    for three in (found[:3], found[1:]):
        ratio = use(three).hit_ratio
        assert ratio is not None
        assert ratio >= 0.4


def test_the_second_dispatch_reads_what_the_first_had_cached_and_writes_the_rest(pairs: list[wire.Exchange]) -> None:
    first, second = (response.usage for response in dispatched(pairs[2:]))
    assert (first.input_tokens, first.cache_read_input_tokens, first.cache_creation_input_tokens) == (1114, 1111, 0)
    assert (second.input_tokens, second.cache_read_input_tokens, second.cache_creation_input_tokens) == (
        1532,
        1111,
        418,
    )
    assert use([first, second]).hit_ratio == pytest.approx(0.84, abs=0.001)
