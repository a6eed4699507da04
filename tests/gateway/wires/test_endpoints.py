"""What may be named, embeddings and counts of tokens, as the SDKs read them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.wire import Exchange, answer, exchanges, serve
from tokenop.gateway import wires
from tokenop.gateway.model import Call, Identity, Serving, Wire
from tokenop.gateway.upstream import GatewaySender, Upstream
from tokenop.gateway.wires import counting, embeddings, models
from tokenop.providers.base import Target, Timeouts
from tokenop.providers.errors import BadRequestError
from tokenop.providers.model import Usage
from tokenop.routing.deciding import NotAllowedError
from tokenop.routing.load import load, shipped
from tokenop.routing.model import Asked

NOW = datetime(2026, 11, 22, tzinfo=UTC)
CONFIG = load(shipped())
PATIENT = Timeouts(5, 10, 10)
BODY = {"model": "auto", "messages": [{"role": "user", "content": "How long am I?"}]}


def call_of(wire: Wire, body: Mapping[str, Any]) -> Call:
    serving = Serving(CONFIG, "d", NOW, ())
    request = wires.of(wire).read(body, {})
    return Call("op", wire, body, request, Identity(), {}, serving, NOW, time.monotonic())


def served(headers: Mapping[str, str], only: str | None = None) -> Exchange:
    status, said, body = models.answer(CONFIG, headers, since=NOW, only=only)
    return Exchange("", 0, None, "", {}, status, said, body)


def test_openais_sdk_lists_what_may_be_named() -> None:
    import openai

    listed = [served({}), served({}, "T4"), served({}, "nobody")]
    with serve(listed) as server, openai.OpenAI(api_key="k", base_url=server.base_url, max_retries=0) as client:
        names = [model.id for model in client.models.list()]
        assert client.models.retrieve("T4").owned_by == "tokenop"
        with pytest.raises(openai.NotFoundError, match="nobody"):
            client.models.retrieve("nobody")
    assert names[:6] == ["auto", "T1", "T2", "T3", "T4", "T5"]
    assert names[6:] == sorted({one.model for tier in CONFIG.tiers.values() for one in tier.chain})


def test_anthropics_sdk_lists_the_same() -> None:
    import anthropic

    said = {"anthropic-version": "2023-06-01"}
    listed = [served(said), served(said, "auto")]
    with serve(listed) as server, anthropic.Anthropic(api_key="k", base_url=server.base_url) as client:
        assert tuple(model.id for model in client.models.list()) == models.listed(CONFIG)
        assert client.models.retrieve("auto").created_at == NOW


def test_a_config_that_lets_nobody_name_models_lists_none() -> None:
    assert models.listed(replace(CONFIG, asked=Asked(("T2",), "none"))) == ("auto", "T2")


EMBEDDED = {
    "object": "list",
    "model": "embed-1",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.25]}],
    "usage": {"prompt_tokens": 4, "total_tokens": 4},
}


@pytest.mark.parametrize(("provider", "path"), [("openai-compatible", "/embeddings"), ("ollama", "/v1/embeddings")])
def test_embeddings_pass_through_and_their_tokens_are_known(provider: str, path: str) -> None:
    import openai

    body = {"model": "auto", "input": ["a text", "another"], "dimensions": 2, "encoding_format": "float"}
    call = call_of("openai-embeddings", body)
    raw = json.dumps(EMBEDDED, indent=1).encode()

    async def asked(url: str) -> Any:
        target = Target("t", provider, "embed-1", base_url=url)
        async with GatewaySender({}) as sender:
            return await Upstream(sender, None, call).send(call.request.to("embed-1"), target, PATIENT)

    with serve([answer(raw)]) as server:
        response = asyncio.run(asked(server.base_url))
    assert (response.model, response.usage) == ("embed-1", Usage(4, 0))
    assert server.received[0].path == path
    assert server.received[0].body == {**body, "model": "embed-1"}
    given = wires.of("openai-embeddings").body(response)
    assert given == raw
    with serve([answer(given)]) as server, openai.OpenAI(api_key="k", base_url=server.base_url) as client:
        found = client.embeddings.create(model="auto", input="a text", encoding_format="float")
    assert found.data[0].embedding == [0.5, -0.25]


@pytest.mark.parametrize("given", [None, "", [], [""], [1, "a"], [[]], 5, [True]])
def test_what_cannot_be_embedded_is_refused(given: Any) -> None:
    with pytest.raises(BadRequestError, match="input"):
        wires.of("openai-embeddings").read({"model": "m", "input": given}, {})


def test_embeddings_are_asked_of_those_who_may_have_them() -> None:
    embed = Target("emb", "openai-compatible", "text-embedding-3-small", options={"preset": "openai"})
    config = replace(CONFIG, targets={**CONFIG.targets, "emb/x": embed})
    assert embeddings.decide(config, "text-embedding-3-small").chain == (embed,)
    assert embeddings.decide(config, "emb/text-embedding-3-small").chain == (embed,)
    for asked in (None, "auto", "T3"):
        chain = embeddings.decide(config, asked).chain
        assert chain
        assert all(target.provider == "ollama" for target in chain)
    for asked in ("T5", "nobody", "claude-opus-5"):
        with pytest.raises(NotAllowedError, match="text-embedding-3-small"):
            embeddings.decide(config, asked)
    with pytest.raises(NotAllowedError, match="nothing"):
        embeddings.decide(replace(config, asked=Asked(models="none")), "text-embedding-3-small")


def counted(answers: list[Exchange], target: Target | None = None) -> tuple[int, dict[str, str], Any, list[Any]]:
    async def asked(url: str) -> Any:
        first = target or Target("claude", "anthropic", "claude-x", base_url=url)
        async with GatewaySender({}) as sender:
            return await counting.answer(
                call_of("anthropic-messages", {**BODY, "max_tokens": 5}), sender, [first], PATIENT
            )

    with serve(answers) as server:
        status, headers, body = asyncio.run(asked(server.base_url))
    return status, headers, json.loads(body), server.received


def test_anthropic_counts_where_it_would_answer(shared_data: object) -> None:
    recorded = [each for each in exchanges("anthropic") if "count_tokens" in each.request_path]
    assert len(recorded) == 3
    for exchange in recorded:
        status, headers, body, received = counted([exchange])
        assert (status, body) == (200, json.loads(exchange.response_body))
        assert counting.ESTIMATED not in headers
        assert received[0].path == "/v1/messages/count_tokens"
        assert received[0].body == {**BODY, "model": "claude-x"}


@pytest.mark.parametrize("status", [401, 429, 500, 529])
def test_an_estimate_is_marked_where_anthropic_does_not_count(status: int) -> None:
    failed = answer({"type": "error", "error": {"type": "api_error", "message": "no"}}, status)
    code, headers, body, _ = counted([failed])
    assert (code, headers[counting.ESTIMATED], body) == (200, "1", {"input_tokens": 4})


def test_who_is_no_anthropic_is_not_asked_to_count() -> None:
    code, headers, body, received = counted([], Target("groq", "ollama", "m"))
    assert (code, headers[counting.ESTIMATED], body, received) == (200, "1", {"input_tokens": 4}, [])


def test_a_request_that_anthropic_calls_wrong_is_told_so() -> None:
    wrong = {"type": "error", "error": {"type": "invalid_request_error", "message": "messages: too few"}}
    code, _, body, _ = counted([answer(wrong, 400)])
    assert (code, body["error"]["type"]) == (400, "invalid_request_error")
