"""How good an answer looks, without asking anybody: whether it is whole, no refusal, and of the shape asked for.

Nobody scores answers while they are given. What is checked here is not whether an answer is right, only what makes it
certainly not worth giving a second time. A score that the rows of the call hold is taken in its place.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tokenop.gateway.model import Outcome
from tokenop.providers.model import AnswerFormat, Request, Response, Tool, ToolCall

COMPLETE = frozenset({"stop", "stop_sequence", "tool_calls"})
REFUSAL, CUT, REPEATS = 0.3, 0.5, 0.4
_REFUSES = re.compile(
    r"(?i)\W{0,3}(?:(?:i['’]?m|i am|we['’]re|we are)\s+(?:very\s+|so\s+|really\s+)?(?:sorry|afraid|unable)\b"
    r"|(?:sorry|apologies|unfortunately)\b[^.\n]{0,60}\b(?:can['’]?t|cannot|can not|unable|not able)\b"
    r"|(?:i|we)\s+(?:can['’]?t|cannot|can not|won['’]?t|will not|am not able|do not have access|don['’]t have access)\b"
    r"|as an ai\b|(?:es tut mir leid|leider kann ich|ich kann (?:dir |ihnen )?(?:dabei )?nicht)"
    r"|(?:désolé|je ne peux pas)|(?:lo siento|no puedo))"
)
_TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def quality(request: Request, outcome: Outcome) -> float:
    """Return a score from 0 to 1: the one that the rows hold, else how good the answer looks."""
    for event in outcome.events:
        score = event.get("quality_score")
        if isinstance(score, int | float) and not isinstance(score, bool):
            return float(score)
    return 0.0 if outcome.response is None else looks(request, outcome.response)


def looks(request: Request, response: Response) -> float:
    """Return 1 where nothing is wrong with the form of an answer, else less: the least of what was found."""
    if response.finish not in COMPLETE:
        return 0.0
    calls, text = response.tool_calls, response.text.strip()
    if calls:
        tools = {tool.name: tool for tool in request.tools}
        return min(_called(call, tools.get(call.name)) for call in calls)
    if not text:
        return 0.0
    if request.answer_format is not None:
        return _shaped(request.answer_format, text)
    score = 1.0
    if _REFUSES.match(text):
        score = min(score, REFUSAL)
    if text.count("```") % 2:
        score = min(score, CUT)
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) >= 12 and len(set(lines)) * 4 <= len(lines):
        score = min(score, REPEATS)
    return score


def _called(call: ToolCall, tool: Tool | None) -> float:
    if tool is None or call.arguments is None:
        return 0.0
    return 1.0 if _fits(call.arguments, tool.schema) else REPEATS


def _shaped(wanted: AnswerFormat, text: str) -> float:
    try:
        value = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return 0.0
    if wanted.schema is None:
        return 1.0 if isinstance(value, dict) else 0.0
    return 1.0 if _fits(value, wanted.schema) else REPEATS


def _fits(value: Any, schema: Mapping[str, Any]) -> bool:
    """Return whether a value has the type, the fields and their types that `schema` says; no deeper than that."""
    if not _typed(value, schema):
        return False
    if not isinstance(value, Mapping):
        return True
    required, known = schema.get("required"), schema.get("properties")
    if isinstance(required, list) and not all(name in value for name in required):
        return False
    if not isinstance(known, Mapping):
        return True
    return all(_typed(value[name], inner) for name, inner in known.items() if name in value)


def _typed(value: Any, schema: Any) -> bool:
    said = schema.get("type") if isinstance(schema, Mapping) else None
    names = [said] if isinstance(said, str) else said
    if not isinstance(names, list) or not all(isinstance(name, str) and name in _TYPES for name in names):
        return True
    kinds = tuple(kind for name in names for kind in _TYPES[name])
    return isinstance(value, kinds) and (not isinstance(value, bool) or bool in kinds)
