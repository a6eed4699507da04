"""OpenAI's admin API: the official client against loopback."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from tests.extract.servers.calls import CANARY
from tests.extract.servers.openai import OpenAI
from tests.extract.sessions import day, fetch, opened, stream_of
from tokenop.extract.failures import ForbiddenError, MalformedError
from tokenop.extract.model import Window

STREAM = stream_of("openai-admin", "completions")


@pytest.mark.parametrize(("width", "limit"), [("1d", 1000), ("1h", 1000), ("1h", 5)])
def test_the_buckets_of_all_pages_sum_up_to_all_calls(serve: Any, waits: Any, width: str, limit: int) -> None:
    vendor = OpenAI(limit)
    server = serve(vendor)
    session = opened("openai-admin", vendor.environment(server.url), waits, bucket_width=width)

    rows = [row for number in range(3) for row in fetch(session, STREAM, Window(day(number), day(number + 1)))]
    session.close()

    results = [result for row in rows for result in row["results"]]
    mine = [call for call in vendor.data if day(0) <= call.at < day(3)]
    assert sum(r["num_model_requests"] for r in results) == len(mine)
    assert sum(r["input_tokens"] for r in results) == sum(call.input for call in mine)
    assert {r["project_id"] for r in results} == {"proj_support", "proj_search"}
    assert len(server.got) == (3 if limit == 1000 else 15)
    assert CANARY not in json.dumps(rows)


def test_costs_keep_all_their_digits(serve: Any, waits: Any) -> None:
    vendor = OpenAI()
    server = serve(vendor)
    stream = stream_of("openai-admin", "costs")
    session = opened("openai-admin", vendor.environment(server.url), waits, bucket_width="1h")
    rows = fetch(session, stream, Window(day(0), day(1)))
    session.close()

    amounts = [Decimal(result["amount"]["value"]) for row in rows for result in row["results"]]
    mine = [Decimal(call.cost) for call in vendor.data if day(0) <= call.at < day(1)]
    assert sum(amounts) == sum(mine) + len(amounts) * Decimal("1e-22")
    assert server.got[0].one("bucket_width") == "1d"


def test_results_are_in_one_order_whatever_the_answers(serve: Any, waits: Any) -> None:
    result = {"object": "organization.usage.completions.result", "num_model_requests": 1}
    first, second = {**result, "model": "a"}, {**result, "model": "b"}
    bucket = {"object": "bucket", "start_time": 1787616000, "end_time": 1787702400}
    answers = iter([[first, second], [second, first]])
    server = serve(lambda got: {"data": [{**bucket, "results": next(answers)}], "has_more": False})
    session = opened("openai-admin", OpenAI().environment(server.url), waits)

    window = Window(day(0), day(1))
    assert fetch(session, STREAM, window) == fetch(session, STREAM, window) != []
    session.close()


def test_a_projects_key_is_told_that_it_lacks_the_right(serve: Any, waits: Any) -> None:
    vendor = OpenAI()
    server = serve(vendor)
    environment = {**vendor.environment(server.url), "OPENAI_ADMIN_KEY": "sk-proj-1234567890"}
    session = opened("openai-admin", environment, waits)

    with pytest.raises(ForbiddenError, match="OPENAI_ADMIN_KEY lacks the right") as raised:
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
    assert "sk-proj" not in str(raised.value)


def test_a_page_that_comes_back_is_not_followed_in_circles(serve: Any, waits: Any) -> None:
    server = serve(lambda got: {"data": [], "has_more": True, "next_page": "page_1"})
    session = opened("openai-admin", OpenAI().environment(server.url), waits)

    with pytest.raises(MalformedError, match="read before"):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
    assert len(server.got) == 2


@pytest.mark.parametrize("answer", [[], {}, {"data": [{"results": [{"model": "x"}]}], "has_more": False}])
def test_an_answer_of_another_shape_is_an_error(serve: Any, waits: Any, answer: Any) -> None:
    server = serve(lambda got: answer)
    session = opened("openai-admin", OpenAI().environment(server.url), waits)

    with pytest.raises(MalformedError):
        fetch(session, STREAM, Window(day(0), day(1)))
    session.close()
