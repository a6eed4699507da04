"""When two answers count as the same, and how good one looks."""

from __future__ import annotations

from typing import Any

import pytest

from tests.gateway.responses.world import answer, outcome
from tokenop.gateway.responses.agreement import agree
from tokenop.gateway.responses.quality import looks, quality
from tokenop.providers.formats import FORMATS
from tokenop.providers.model import Request, Response, ToolCall

LONG = "You can change your address in the settings under Profile, and it takes effect with the next order."


def call(name: str, arguments: Any) -> Response:
    return answer(parts=(ToolCall("any", name, arguments),), finish="tool_calls")


@pytest.mark.parametrize(
    ("kept", "fresh"),
    [
        ("Yes.", "yes."),
        ("**Paris**", "Paris."),
        (LONG, LONG.replace("change", "edit").replace("takes effect", "holds")),
        ('{"a": 1, "b": [true, "X y"]}', '```json\n{"b": [true, "x  Y"], "a": 1.0}\n```'),
        ("Use:\n```py\nx = 1\n```", "Use:\n```python\nx  =  1\n```"),
        (LONG.replace("can", "can not"), LONG.replace("can", "cannot")),
    ],
)
def test_what_says_the_same_agrees(kept: str, fresh: str) -> None:
    assert agree(answer(kept), answer(fresh), 0.6)
    assert agree(answer(fresh), answer(kept), 0.6)


@pytest.mark.parametrize(
    ("kept", "fresh"),
    [
        ("Paris", "London"),
        ("It costs 5 euros a month and can be ended any day.", "It costs 6 euros a month and can be ended any day."),
        ("Yes, that is included in your plan.", "No, that is included in your plan."),
        ("That is included in your plan.", "That is not included in your plan."),
        (LONG + " See a.example/x", LONG + " See b.example/x"),
        ("Use:\n```py\nx = 1\n```", "Use:\n```py\nx = 2\n```"),
        ('{"a": 1}', '{"a": true}'),
        ('{"a": 1}', '{"a": "1"}'),
        ('{"a": [1, 2]}', '{"a": [2, 1]}'),
        ('{"a": 1}', "a is 1"),
        (LONG, " ".join([LONG] * 3)),
        ("", "x"),
    ],
)
def test_what_says_something_else_does_not_agree(kept: str, fresh: str) -> None:
    assert not agree(answer(kept), answer(fresh), 0.6)
    assert not agree(answer(fresh), answer(kept), 0.6)


def test_tool_calls_agree_where_name_and_arguments_are_the_same() -> None:
    assert agree(call("find", {"a": 1, "b": "X"}), call("find", {"b": "x", "a": 1}), 0.8)
    for other in (call("find", {"a": 2, "b": "X"}), call("seek", {"a": 1, "b": "X"}), answer("x"), call("find", None)):
        assert not agree(call("find", {"a": 1, "b": "X"}), other, 0.8)
    assert not agree(call("find", None), call("find", None), 0.8)


TOOL = {
    "type": "function",
    "function": {
        "name": "find",
        "parameters": {
            "type": "object",
            "required": ["what"],
            "properties": {"what": {"type": "string"}, "most": {"type": ["integer", "null"]}},
        },
    },
}
SCHEMA = {"type": "object", "required": ["a"], "properties": {"a": {"type": "number"}}}


def request(**more: Any) -> Request:
    body = {"model": "m", "messages": [{"role": "user", "content": "x"}], **more}
    return FORMATS["openai-chat"].read_request(body)


ANY_JSON = request(response_format={"type": "json_object"})
OF_SCHEMA = request(response_format={"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}})


@pytest.mark.parametrize(
    ("asked", "response", "good"),
    [
        (request(), answer("Fine."), True),
        (request(), answer("We're unable to share that."), False),
        (request(), answer("Unfortunately I cannot open that file."), False),
        (request(), answer("Es tut mir leid, das weiß ich nicht."), False),
        (request(), answer("Sorry for the wait! Your order is on its way."), True),
        (request(), answer("You can't change it yourself: ask support."), True),
        (request(), answer("ha\n" * 40), False),
        (ANY_JSON, answer('{"a": 1}'), True),
        (ANY_JSON, answer('{"a": 1'), False),
        (ANY_JSON, answer("[1]"), False),
        (OF_SCHEMA, answer('{"a": 1.5}'), True),
        (OF_SCHEMA, answer('{"b": 1}'), False),
        (OF_SCHEMA, answer('{"a": "1"}'), False),
        (OF_SCHEMA, answer('{"a": true}'), False),
        (request(tools=[TOOL]), call("find", {"what": "x", "most": None}), True),
        (request(tools=[TOOL]), call("find", {"most": 1}), False),
        (request(tools=[TOOL]), call("find", {"what": 1}), False),
        (request(tools=[TOOL]), call("seek", {"what": "x"}), False),
    ],
    ids=range(18),
)
def test_what_is_certainly_not_worth_giving_twice_looks_bad(asked: Request, response: Response, good: bool) -> None:
    assert (looks(asked, response) > 0.8) == good


def test_a_score_that_the_rows_hold_wins() -> None:
    assert quality(request(), outcome(answer("I'm sorry, I can't."), events=({"quality_score": 0.9},))) == 0.9
    assert quality(request(), outcome(None)) == 0.0
