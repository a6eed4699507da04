"""What a caller put on a wire suits each server that speaks it, and asks nothing of the others that they cannot do."""

from __future__ import annotations

from typing import Any

import pytest

from tokenop.gateway import wires
from tokenop.providers.base import Target
from tokenop.providers.errors import BadRequestError, CannotCarryError
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Request

OPENAI, ANTHROPIC = FORMATS["openai-chat"], FORMATS["anthropic-messages"]
HELLO = [{"role": "user", "content": "Hi"}]
CLAUDE = Target("claude", "anthropic", "claude-x")
SIGNED = {"type": "thinking", "thinking": "hm", "signature": "s"}
UNSIGNED = {"type": "thinking", "thinking": "hm", "signature": ""}


def preset(name: str, **options: Any) -> Target:
    return Target(name, "openai-compatible", "m", options={"preset": name, **options})


GROQ = Target("groq", "groq", "m")


def asked(**said: Any) -> Request:
    return wires.of("openai-chat").read({"model": "auto", "messages": HELLO, **said}, {})


def passed(target: Target, **said: Any) -> Any:
    request = asked(**said)
    assert request.as_sent is not None
    wire = OPENAI.pass_on(request.as_sent, request, target)
    return None if wire is None else wire.body


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize(
    ("target", "called"),
    [(preset("openai"), "max_completion_tokens"), (preset("vllm"), "max_tokens"), (GROQ, "max_completion_tokens")],
)
def test_the_limit_has_the_name_that_the_server_knows(name: str, target: Target, called: str) -> None:
    assert passed(target, **{name: 7}) == {"model": "m", "messages": HELLO, called: 7, "stream": False}


def test_a_stream_tells_its_usage_where_it_must_be_asked_for_it() -> None:
    assert passed(preset("openai"), stream=True)["stream_options"] == {"include_usage": True}
    obfuscated = passed(preset("openai"), stream=True, stream_options={"include_obfuscation": False})
    assert obfuscated["stream_options"] == {"include_obfuscation": False, "include_usage": True}
    assert "stream_options" not in passed(GROQ, stream=True)
    assert "stream_options" not in passed(preset("openai"), stream_options={"include_usage": True})


def test_what_only_openai_understands_is_said_otherwise_to_others() -> None:
    messages = [{"role": "developer", "content": "Be brief."}, *HELLO]
    assert passed(preset("openai"), messages=messages)["messages"] == messages
    assert passed(preset("vllm"), messages=messages)["messages"][0] == {"role": "system", "content": "Be brief."}
    called = [*HELLO, {"role": "assistant", "tool_calls": [{"id": "1"}]}, {"role": "tool", "tool_call_id": "1"}]
    assert OPENAI.pass_on(_sent(called), Request("m", ()), preset("openai")).body["messages"] == called
    assert OPENAI.pass_on(_sent(called), Request("m", ()), preset("vllm")).body["messages"][1]["content"] == ""


def _sent(messages: list[Any]) -> Any:
    from tokenop.providers.model import AsSent

    return AsSent("openai-chat", {"model": "auto", "messages": messages})


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (preset("openai"), {"top_k": 5}),
        (GROQ, {"top_k": 5}),
        (preset("mlx"), {"response_format": {"type": "json_object"}}),
        (preset("openai"), {"messages": [*HELLO, {"role": "assistant", "content": "a", "reasoning": "hm"}, *HELLO]}),
        (GROQ, {"messages": [*HELLO, {"role": "assistant", "content": "a", "reasoning_content": "hm"}, *HELLO]}),
    ],
)
def test_what_a_server_cannot_take_as_it_is_is_written_anew_or_refused(target: Target, said: dict[str, Any]) -> None:
    assert passed(target, **said) is None
    if target is GROQ and "messages" in said:
        assert OPENAI.write_request(asked(**said), target).body["messages"][1]["reasoning"] == "hm"
    else:
        with pytest.raises(CannotCarryError):
            OPENAI.write_request(asked(**said), target)


def test_the_targets_own_fields_fill_in_what_is_not_said() -> None:
    target = preset("vllm", extra_body={"min_p": 0.1, "temperature": 0.2, "model": "never", "stream": True})
    body = passed(target, temperature=0.9)
    assert (body["min_p"], body["temperature"], body["model"], body["stream"]) == (0.1, 0.9, "m", False)


def test_metadata_goes_to_nobody_but_openais_store() -> None:
    told = {"metadata": {"intent": "x"}}
    assert "metadata" not in passed(preset("openai"), **told)
    assert passed(preset("openai"), store=True, **told)["metadata"] == {"intent": "x"}
    assert "metadata" not in passed(GROQ, store=True, **told)
    assert "metadata" not in ANTHROPIC.write_request(asked(**told), CLAUDE).body


def test_defaults_that_a_client_sends_are_no_reason_to_refuse_a_provider() -> None:
    defaults = {"frequency_penalty": 0, "presence_penalty": 0.0, "logprobs": False, "logit_bias": {}, "store": False}
    request = asked(**defaults, modalities=["text"], service_tier="auto", n=1, metadata={"intent": "x"})
    assert ANTHROPIC.write_request(request, CLAUDE).body["messages"]
    with pytest.raises(CannotCarryError, match="frequency_penalty"):
        ANTHROPIC.write_request(asked(frequency_penalty=0.5), CLAUDE)


def messages(**said: Any) -> Request:
    body = {"model": "auto", "max_tokens": 5, "messages": HELLO, **said}
    return wires.of("anthropic-messages").read(body, {"anthropic-beta": "claude-code-1, b"})


def test_betas_and_what_is_switched_off_are_no_reason_to_refuse_a_provider() -> None:
    assert OPENAI.write_request(messages(thinking={"type": "disabled"}), GROQ).body["messages"]
    with pytest.raises(CannotCarryError, match="thinking"):
        OPENAI.write_request(messages(thinking={"type": "enabled", "budget_tokens": 9}), GROQ)


def test_betas_of_the_caller_and_of_the_target_go_out_together_on_either_way() -> None:
    target = Target("claude", "anthropic", "m", options={"betas": ["own", "b"]})
    request = messages()
    assert request.as_sent is not None
    for wire in (ANTHROPIC.pass_on(request.as_sent, request, target), ANTHROPIC.write_request(request, target)):
        assert wire is not None
        assert wire.headers["anthropic-beta"] == "own,b,claude-code-1"
        assert "betas" not in wire.body


def test_thoughts_without_a_signature_stay_away_from_anthropic_and_signed_ones_go_there() -> None:
    said = [*HELLO, {"role": "assistant", "content": [UNSIGNED, {"type": "text", "text": "a"}]}, *HELLO]
    request = messages(messages=said)
    assert request.as_sent is not None
    wire = ANTHROPIC.pass_on(request.as_sent, request, CLAUDE)
    assert wire is not None
    assert wire.body["messages"][1]["content"] == [{"type": "text", "text": "a"}]
    said[1] = {"role": "assistant", "content": [SIGNED, {"type": "text", "text": "a"}]}
    request = messages(messages=said)
    assert request.as_sent is not None
    wire = ANTHROPIC.pass_on(request.as_sent, request, CLAUDE)
    assert wire is not None
    assert wire.body["messages"] is said
    assert ANTHROPIC.write_request(request, CLAUDE).body["messages"][1]["content"][0] == SIGNED


def test_without_a_limit_anthropic_is_written_anew() -> None:
    request = wires.of("anthropic-messages").read({"model": "m", "messages": HELLO}, {})
    assert request.as_sent is not None
    assert ANTHROPIC.pass_on(request.as_sent, request, CLAUDE) is None
    assert ANTHROPIC.write_request(request, CLAUDE).body["max_tokens"] > 0


@pytest.mark.parametrize(
    "headers",
    [{"anthropic-version": "latest\r\nx: y"}, {"anthropic-beta": "a b"}, {"anthropic-beta": ",".join("abcdefgh" * 9)}],
)
def test_headers_that_no_provider_could_take_are_refused(headers: dict[str, str]) -> None:
    body = {"model": "m", "max_tokens": 5, "messages": HELLO}
    if headers.get("anthropic-beta", "").count(",") > 50:
        headers = {"anthropic-beta": ",".join(f"beta-{number}" for number in range(60))}
    with pytest.raises(BadRequestError, match="anthropic-"):
        wires.of("anthropic-messages").read(body, headers)
