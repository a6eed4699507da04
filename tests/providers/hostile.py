"""Bodies that use every field a format reads; made up, to be spoiled one place at a time."""

from __future__ import annotations

from typing import Any

_TOOL = {"name": "f", "description": "d"}
_CALL = {"type": "tool_use", "id": "1", "name": "f", "input": {"a": 1}}
_ANSWERED = [
    {"type": "thinking", "thinking": "t", "signature": "s"},
    {"type": "redacted_thinking", "data": "d"},
    {"type": "text", "text": "a", "citations": [{"x": 1}]},
    {**_CALL, "caller": {"type": "direct"}},
]
_PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA"}}
_RESULT = {"type": "tool_result", "tool_use_id": "1", "is_error": True, "content": [{"type": "text", "text": "r"}]}
_USAGE = {
    "prompt_tokens": 1,
    "completion_tokens": 1,
    "total_tokens": 2,
    "prompt_tokens_details": {"cached_tokens": 1, "z": 1},
    "completion_tokens_details": {"reasoning_tokens": 1},
}
_OPENAI_CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
_OLLAMA_CALL = {"function": {"name": "f", "arguments": {"a": 1}}}

REQUESTS: dict[str, Any] = {
    "anthropic-messages": {
        "model": "m",
        "max_tokens": 5,
        "system": [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        "metadata": {"user_id": "u"},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": {"type": "object"}}},
        "thinking": {"type": "enabled"},
        "betas": ["a"],
        "stop_sequences": ["x"],
        "temperature": 1,
        "stream": True,
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "tools": [
            {**_TOOL, "input_schema": {"type": "object"}, "strict": True, "cache_control": {"type": "ephemeral"}},
            {"type": "web_search_1", "name": "web"},
        ],
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": _ANSWERED},
            {"role": "user", "content": [_RESULT, _PICTURE, {"type": "document", "source": {}}]},
        ],
    },
    "openai-chat": {
        "model": "m",
        "max_tokens": 5,
        "stop": ["x"],
        "n": 1,
        "user": "u",
        "prompt_cache_key": "k",
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}, "strict": True}},
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": True,
        "stream": True,
        "stream_options": {"include_usage": True},
        "tools": [
            {"type": "function", "function": {**_TOOL, "parameters": {}, "strict": True, "x": 1}},
            {"type": "custom", "name": "c"},
        ],
        "messages": [
            {"role": "system", "content": "s"},
            {
                "role": "user",
                "name": "bob",
                "content": [
                    {"type": "text", "text": "a"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
                ],
            },
            {"role": "assistant", "content": None, "refusal": "no", "reasoning": "r", "tool_calls": [_OPENAI_CALL]},
            {"role": "tool", "tool_call_id": "1", "content": "[tool error] x"},
        ],
    },
    "ollama-chat": {
        "model": "m",
        "think": True,
        "format": {"type": "object"},
        "stream": True,
        "keep_alive": 5,
        "options": {"num_predict": 5, "stop": ["x"], "num_ctx": 5, "temperature": 1},
        "tools": [{"type": "function", "function": {**_TOOL, "parameters": {}}}],
        "messages": [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "a", "images": ["iVBORw0KGgo"]},
            {"role": "assistant", "content": "", "thinking": "t", "tool_calls": [{"id": "1", **_OLLAMA_CALL}]},
            {"role": "tool", "tool_name": "f", "content": "x"},
        ],
    },
}

RESPONSES: dict[str, Any] = {
    "anthropic-messages": {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "stop_reason": "tool_use",
        "content": _ANSWERED,
        "usage": {
            "input_tokens": 1,
            "output_tokens": 2,
            "cache_read_input_tokens": 1,
            "cache_creation_input_tokens": 1,
            "cache_creation": {"ephemeral_1h_input_tokens": 1},
            "output_tokens_details": {"thinking_tokens": 1},
        },
    },
    "openai-chat": {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "finish_reason": "stop",
                "stop_reason": "x",
                "message": {"content": "c", "reasoning": "r", "refusal": "no", "tool_calls": [_OPENAI_CALL]},
            }
        ],
        "usage": _USAGE,
        "x_groq": {"id": "x"},
    },
    "ollama-chat": {
        "model": "m",
        "message": {"role": "assistant", "content": "c", "thinking": "t", "tool_calls": [_OLLAMA_CALL]},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 1,
        "eval_count": 1,
        "total_duration": 5,
    },
}


def _block(index: int, start: dict[str, Any], *deltas: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        {"type": "content_block_start", "index": index, "content_block": start},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


_WORDS = {"type": "input_json_delta", "partial_json": '{"a":1}'}
_BEGIN = {"id": "1", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {"input_tokens": 1}}
STREAMS: dict[str, Any] = {
    "anthropic-messages": [
        {"type": "message_start", "message": _BEGIN},
        *_block(
            0,
            {"type": "text", "text": "a", "citations": []},
            {"type": "text_delta", "text": "b"},
            {"type": "citations_delta", "citation": {"x": 1}},
        ),
        *_block(1, {**_CALL, "input": {}}, _WORDS),
        *_block(
            2,
            {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "b"},
            {"type": "signature_delta", "signature": "b"},
        ),
        *_block(3, {"type": "server_tool_use", "id": "1", "name": "f", "input": {}}, _WORDS, {"type": "z", "d": "x"}),
        {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 5}},
        {"type": "message_stop"},
    ],
    "openai-chat": [
        {
            "id": "1",
            "model": "m",
            "choices": [
                {
                    "index": 0,
                    "delta": {
                        "content": "a",
                        "reasoning": "r",
                        "refusal": "n",
                        "executed_tools": [{"index": 0, "x": 1}],
                    },
                }
            ],
        },
        {"choices": [{"index": 0, "delta": {"tool_calls": [{"index": 0, **_OPENAI_CALL}]}}]},
        {
            "choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls", "stop_reason": "x"}],
            "x_groq": {"id": "1"},
        },
        {"choices": [], "usage": _USAGE},
    ],
    "ollama-chat": [
        {"model": "m", "message": {"role": "assistant", "content": "a", "thinking": "t"}, "done": False},
        {"model": "m", "message": {"content": "", "tool_calls": [_OLLAMA_CALL]}, "done": False},
        {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "stop", "prompt_eval_count": 1},
    ],
}

ERROR: dict[str, Any] = {
    "type": "error",
    "request_id": "r",
    "error": {"type": "x", "message": "m", "code": "c", "detail": [{"msg": "x"}], "status_code": 400},
}
