"""An answer of chat completions, and what it says of tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tokenop.providers.errors import BadRequestError, MalformedError
from tokenop.providers.formats.fields import compact, mapping, object_of, tokens
from tokenop.providers.formats.openai_chat import problems
from tokenop.providers.formats.openai_chat.marks import NAME
from tokenop.providers.formats.openai_chat.reading import tool_call
from tokenop.providers.model import MISSING, NOTHING, FinishReason, Native, Part, Response, Text, Thinking, Usage

# `eos` is Together's word; the old `function_call` may still come from servers that mimic an early OpenAI.
FINISHES: Mapping[str, FinishReason] = {
    "stop": "stop",
    "eos": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "refused",
}


def read(body: bytes) -> Response:
    """Return the answer that `body` is.

    Raises:
        MalformedError: it is none; names what is wrong.
        ProviderError: it is an error in spite of its status.
    """
    answer = object_of(body)
    choices = answer.get("choices")
    if not isinstance(choices, list) or not choices or not isinstance(choices[0], dict):
        if mapping(answer.get("error")):
            raise problems.of_body(200, {}, answer)
        raise MalformedError("the answer has no choices")
    choice = choices[0]
    message = choice.get("message")
    if not isinstance(message, dict):
        raise MalformedError("choices[0].message: must be an object")
    try:
        parts = tuple(_parts(message))
    except BadRequestError as error:
        raise MalformedError(f"choices[0].message.{error.detail}") from error
    native = choice.get("finish_reason")
    known = ("role", "content", "reasoning", "reasoning_content", "refusal", "tool_calls")
    beside = {name: value for name, value in message.items() if name not in known and value is not None}
    extra = {name: value for name, value in answer.items() if name not in _READ and value is not None}
    held = {
        "message": beside,
        "choice": {name: value for name, value in choice.items() if name not in _READ_CHOICE and value is not None},
        "usage_details": _usage_details(mapping(answer.get("usage"))),
    }
    return Response(
        model=_text(answer.get("model")) or "",
        parts=parts,
        finish=finish_of(choice, parts),
        usage=usage_of(answer.get("usage")),
        id=_text(answer.get("id")),
        native_finish=_text(native),
        extra={**extra, **{name: value for name, value in held.items() if value}},
    )


_READ = frozenset({"model", "choices", "usage", "id", "object"})
_READ_CHOICE = frozenset({"index", "message", "finish_reason"})
# Where each count stands; what else a server says of usage is kept beside them.
_COUNTED: Mapping[str, tuple[str, ...]] = {
    "prompt_tokens_details": ("cached_tokens", "cache_write_tokens"),
    "completion_tokens_details": ("reasoning_tokens",),
}
_TOTALS = frozenset({"prompt_tokens", "completion_tokens", "total_tokens", *_COUNTED})


def finish_of(choice: Mapping[str, Any], parts: tuple[Part, ...]) -> FinishReason:
    """Return why a choice ended. vLLM and SGLang say which stop sequence it was, OpenAI does not."""
    if any(isinstance(part, Text) and part.extra and part.extra.get("refusal") for part in parts):
        return "refused"
    finish = FINISHES.get(str(choice.get("finish_reason")), "unknown")
    if finish == "stop" and (isinstance(choice.get("stop_reason"), str) or isinstance(choice.get("matched_stop"), str)):
        return "stop_sequence"
    return finish


def usage_of(raw: Any) -> Usage:
    """Return the tokens of a `usage` in canonical buckets; `prompt_tokens` holds what was read from a cache already.

    A part that is more than its whole is unknown.
    """
    usage = mapping(raw)
    prompt, completion = tokens(usage, "prompt_tokens"), tokens(usage, "completion_tokens")
    if prompt is None and completion is None:
        return MISSING
    of_prompt, of_completion = (
        mapping(usage.get("prompt_tokens_details")),
        mapping(usage.get("completion_tokens_details")),
    )
    read_tokens = tokens(of_prompt, "cached_tokens")
    if read_tokens is None:
        read_tokens = tokens(usage, "prompt_cache_hit_tokens", "cached_tokens")
    written = tokens(of_prompt, "cache_write_tokens", "cache_creation_tokens")
    reasoning = tokens(of_completion, "reasoning_tokens")
    if reasoning is None:
        reasoning = tokens(usage, "reasoning_tokens")
    return Usage(
        input_tokens=prompt,
        output_tokens=completion,
        cache_read_input_tokens=_within(read_tokens, prompt),
        cache_creation_input_tokens=_within(written, prompt),
        reasoning_output_tokens=_within(reasoning, completion),
    )


def _usage_details(usage: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if not usage.keys() <= _TOTALS:
        found = {name: value for name, value in usage.items() if name not in _TOTALS and value is not None}
    for name, counted in _COUNTED.items():
        said = usage.get(name)
        rest = {key: value for key, value in said.items() if key not in counted} if isinstance(said, dict) else None
        if rest:
            found[name] = rest
    return found


def _within(part: int | None, whole: int | None) -> int | None:
    return part if part is None or whole is None or part <= whole else None


def _parts(message: Mapping[str, Any]) -> list[Part]:
    parts: list[Part] = []
    thought = message.get("reasoning") or message.get("reasoning_content")
    if isinstance(thought, str):
        parts.append(Thinking(thought))
    content = message.get("content")
    if isinstance(content, list):
        # Mistral's servers answer in parts.
        content = "".join(
            part["text"] for part in content if isinstance(part, dict) and isinstance(part.get("text"), str)
        )
    if content is not None and not isinstance(content, str):
        raise BadRequestError("content: must be a text")
    if content:
        parts.append(Text(content))
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal:
        parts.append(Text(refusal, extra={"refusal": True}))
    calls = message.get("tool_calls")
    if calls is not None and not isinstance(calls, list):
        raise BadRequestError("tool_calls: must be a list")
    parts += [_call(call, at) for at, call in enumerate(calls or [])]
    return parts


def _call(call: Any, at: int) -> Part:
    where = f"tool_calls[{at}]"
    item = call if isinstance(call, dict) else {}
    if item.get("type") not in ("function", None):
        return Native(NAME, item)
    function = mapping(item.get("function"))
    name, raw = function.get("name"), function.get("arguments")
    if not isinstance(name, str) or not name:
        raise BadRequestError(f"{where}.function.name: must be a text")
    if isinstance(raw, dict):
        raw = compact(raw)
    if raw is not None and not isinstance(raw, str):
        raise BadRequestError(f"{where}.function.arguments: must be a text")
    return tool_call(_text(item.get("id")) or f"call_{at}", name, raw or "", NOTHING)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
