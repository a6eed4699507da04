"""A call through the pipeline: who answers it, what its caller is told, and what it leaves in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from tests.gateway import running
from tests.gateway.core.rig import CHAT, EMBEDDINGS, MESSAGES, Caller, Rig, asked, rig, serving_of
from tests.gateway.upstream import Upstream
from tokenop.gateway.log.model import LogError
from tokenop.gateway.model import Grant, Hit, Identity, RefusedCallError, Serving
from tokenop.providers.model import Response, Text, Usage

T = TypeVar("T")


@pytest.fixture(scope="module")
def serving(up: Upstream, tmp_path_factory: pytest.TempPathFactory) -> Serving:
    return serving_of(up, tmp_path_factory.mktemp("config"), ["e500", "refused"])


def run(serving: Serving, folder: Path, what: Callable[[Rig], Awaitable[T]], *, durable: bool = False) -> T:
    async def main() -> T:
        async with rig(serving, folder, durable=durable) as made:
            return await what(made)

    return asyncio.run(main())


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_says_who_gave_it_and_leaves_its_row(
    serving: Serving, tmp_path: Path, path: str, stream: bool
) -> None:
    async def what(made: Rig) -> None:
        said = {"x-tokenop-intent": "label mail", "x-tokenop-user": "ada"}
        answer = await made.ask(path, stream=stream, headers=said)
        assert (answer.status, answer.ended) == (200, True)
        assert "Hello" in answer.body.decode()
        (row,) = made.log.rows
        assert answer.headers["x-tokenop-operation"] == row["parent_id"] == made.told.calls[0].operation_id
        assert (answer.headers["x-tokenop-tier"], answer.headers["x-tokenop-cache"]) == ("T2", "miss")
        assert answer.headers["x-tokenop-provider"] == row["provider"] == "openai"
        assert answer.headers["x-tokenop-attempt"] == "1"
        assert (row["intent"], row["user_id"], row["tier"], row["status"]) == ("label mail", "ada", "T2", "ok")
        assert (row["input_tokens"], row["output_tokens"]) == (12, 5)
        (outcome,) = made.told.outcomes
        assert (outcome.status, len(outcome.attempts), outcome.events) == (200, 1, (row,))
        assert outcome.response is not None
        assert outcome.response.text == "Hello there"
        assert made.told.spent_on == [row]
        assert (made.told.reserved, made.told.released) == (1, 1)
        assert bool(made.told.deltas) == stream
        assert not made.said

    run(serving, tmp_path, what)


def test_what_it_costs_stands_in_the_header_of_a_whole_answer_and_at_the_end_of_a_streamed_one(
    serving: Serving, tmp_path: Path
) -> None:
    async def what(made: Rig) -> None:
        whole = await made.ask(model=running.ANTHROPIC)
        streamed = await made.ask(model=running.ANTHROPIC, stream=True)
        first, second = (row["cost_usd"] for row in made.log.rows)
        assert first == second == Decimal(whole.headers["x-tokenop-cost-usd"]) > 0
        assert "x-tokenop-cost-usd" not in streamed.headers
        assert streamed.body.endswith(f": tokenop cost-usd={second:f}\n\n".encode())

    run(serving, tmp_path, what)


@pytest.mark.parametrize(
    ("model", "headers", "tier", "answered"),
    [
        ("auto", {}, "T2", running.OPENAI),
        ("T4", {}, "T4", running.ANTHROPIC),
        (running.ANTHROPIC, {}, None, running.ANTHROPIC),
        ("claude/" + running.ANTHROPIC, {}, None, running.ANTHROPIC),
        (running.OPENAI, {"x-tokenop-tier": "T4"}, "T4", running.ANTHROPIC),
        (running.ANTHROPIC, {"x-tokenop-tier": "auto"}, "T2", running.OPENAI),
    ],
)
def test_a_caller_names_a_tier_or_a_model_or_leaves_it_to_the_rules(
    serving: Serving, tmp_path: Path, up: Upstream, model: str, headers: dict[str, str], tier: str | None, answered: str
) -> None:
    async def what(made: Rig) -> None:
        answer = await made.ask(model=model, headers=headers)
        assert answer.status == 200
        assert (answer.headers.get("x-tokenop-tier"), up.asked[-1].model) == (tier, answered)

    run(serving, tmp_path, what)


@pytest.mark.parametrize("path", [CHAT, MESSAGES, EMBEDDINGS])
def test_a_model_that_may_not_be_named_is_not_found_and_leaves_a_row(
    serving: Serving, tmp_path: Path, path: str
) -> None:
    async def what(made: Rig) -> None:
        answer = await made.ask(path, model="gpt-none")
        assert answer.status == 404
        assert "gpt-none" in answer.json["error"]["message"]
        (row,) = made.log.rows
        assert (row["status"], row["provider"], row["model"]) == ("404", "unknown", "gpt-none")
        assert (row["input_tokens"], row["output_tokens"], row["cost_usd"]) == (0, 0, 0)

    run(serving, tmp_path, what)


def test_embeddings_pass_through_and_leave_a_row(serving: Serving, tmp_path: Path) -> None:
    async def what(made: Rig) -> None:
        answer = await made.ask(EMBEDDINGS, model=running.OPENAI)
        assert answer.json["data"][0]["embedding"] == [0.25, -0.5]
        assert (made.log.rows[0]["operation"], made.log.rows[0]["input_tokens"]) == ("embeddings", 3)

    run(serving, tmp_path, what)


@pytest.mark.parametrize("path", [CHAT, MESSAGES, EMBEDDINGS])
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"model": "auto", ', {}, 400),
        (b"\xff\xfe", {}, 400),
        (b'{"model": "\xff"}', {}, 400),
        (b"[" * 100_000, {}, 400),
        (b"[]", {}, 400),
        (b"", {}, 400),
        (b"{}", {}, 400),
        (b"{}", {"content-encoding": "gzip"}, 415),
        (b"{}", {"content-length": str(33 * 1024 * 1024)}, 413),
        (b"{}", {"content-length": "9" * 5000}, 413),
    ],
)
def test_what_is_no_request_is_refused_in_the_callers_wire(
    serving: Serving, tmp_path: Path, path: str, body: bytes, headers: dict[str, str], status: int
) -> None:
    async def what(made: Rig) -> None:
        answer = await made.run(Caller(body), path, **headers)
        assert (answer.status, answer.ended) == (status, True)
        assert answer.json["error"]["message"]
        assert (answer.json.get("type") == "error") == (path == MESSAGES)
        assert not made.log.rows
        assert not made.said

    run(serving, tmp_path, what)


def test_a_body_in_many_pieces_is_one_body_and_too_many_are_refused(
    serving: Serving, tmp_path: Path, up: Upstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def what(made: Rig) -> None:
        long = asked(messages=[{"role": "user", "content": "ä" * 200_000}])
        assert (await made.run(Caller(long, cuts=17))).status == 200
        assert up.asked[-1].body["messages"][0]["content"] == "ä" * 200_000
        monkeypatch.setattr("tokenop.gateway.reading.LARGEST_BODY", 1000)
        for cuts in (1, 17):
            assert (await made.run(Caller(long, cuts=cuts))).status == 413

    run(serving, tmp_path, what)


def test_who_hangs_up_before_all_was_sent_is_not_answered(serving: Serving, tmp_path: Path) -> None:
    async def what(made: Rig) -> None:
        caller = Caller(asked(), cuts=2)
        caller.gone.set()
        assert (await made.run(caller)).status == 0
        assert not made.log.rows

    run(serving, tmp_path, what)


def test_a_body_that_never_ends_is_not_waited_for(
    serving: Serving, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Dawdling(Caller):
        async def receive(self) -> dict[str, object]:
            if not self._sent:
                self._sent = 1
                return {"type": "http.request", "body": b"{", "more_body": True}
            return await super().receive()

    async def what(made: Rig) -> None:
        monkeypatch.setattr("tokenop.gateway.reading.BODY_SECONDS", 0.01)
        assert (await made.run(Dawdling(b""))).status == 408

    run(serving, tmp_path, what)


@pytest.mark.parametrize("stream", [False, True])
def test_a_refusal_of_the_purse_reaches_nobody_and_leaves_a_row(
    serving: Serving, tmp_path: Path, up: Upstream, stream: bool
) -> None:
    async def what(made: Rig) -> None:
        before = len(up.asked)
        made.told.refusal = RefusedCallError("a-person is spent", status=429, kind="budget", retry_after=60)
        answer = await made.ask(stream=stream)
        assert (answer.status, answer.headers["retry-after"]) == (429, "60")
        assert [row["status"] for row in made.log.rows] == ["429"]
        assert made.told.outcomes[0].refused is made.told.refusal
        assert (len(up.asked), made.told.released) == (before, 1)

    run(serving, tmp_path, what)


def test_the_purse_may_lead_to_another_chain_and_says_so(serving: Serving, tmp_path: Path) -> None:
    async def what(made: Rig) -> None:
        cheap = serving.config.tiers["T1"].chain
        made.told.granted = lambda _: Grant(cheap, "a-person", ("a-person is spent: T1 answers",))
        answer = await made.ask(model="T4")
        assert answer.headers["x-tokenop-provider"] == "ollama"
        assert answer.headers["x-tokenop-warning"] == "a-person is spent: T1 answers"

    run(serving, tmp_path, what)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
@pytest.mark.parametrize("stream", [False, True])
def test_an_answer_kept_from_before_asks_nobody(
    serving: Serving, tmp_path: Path, up: Upstream, path: str, stream: bool
) -> None:
    async def what(made: Rig) -> None:
        before = len(up.asked)
        kept = Response("gpt-4o-mini", (Text("Kept from before"),), "stop", Usage(3, 4), "id1")
        made.told.hit = Hit("exact", kept, "openai", 7)
        answer = await made.ask(path, stream=stream)
        assert "Kept from before" in answer.body.decode()
        assert answer.headers["x-tokenop-cache"] == "exact"
        (row,) = made.log.rows
        assert (row["cache_hit"], row["tokens_saved"], row["cost_usd"], row["status"]) == (True, 7, 0, "ok")
        assert len(up.asked) == before

    run(serving, tmp_path, what)


@pytest.mark.parametrize("path", [CHAT, MESSAGES])
def test_a_bug_of_a_part_is_told_to_its_owner_and_not_to_the_caller(
    serving: Serving, tmp_path: Path, path: str
) -> None:
    async def what(made: Rig) -> None:
        made.told.refusal = ZeroDivisionError("sk-secret")
        answer = await made.ask(path)
        assert answer.status == 500
        assert b"sk-secret" not in answer.body
        assert [row["status"] for row in made.log.rows] == ["500"]
        assert "ZeroDivisionError" in made.said[0]

    run(serving, tmp_path, what)


def test_a_bug_of_a_watcher_changes_nothing_for_the_caller(serving: Serving, tmp_path: Path) -> None:
    async def what(made: Rig) -> None:
        made.told.bug = ZeroDivisionError("as scripted")
        assert (await made.ask()).status == 200
        assert len(made.said) == 2
        assert (len(made.log.rows), made.told.released) == (1, 1)

    run(serving, tmp_path, what)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("model", ["auto", "gpt-none"])
def test_where_it_must_last_an_answer_ends_after_its_row_is_on_disk(
    serving: Serving, tmp_path: Path, stream: bool, model: str
) -> None:
    async def what(made: Rig) -> None:
        class Watching(Caller):
            async def send(self, message: dict[str, object]) -> None:
                if message.get("more_body") is False:
                    assert made.log.settled_at == [len(made.log.rows)] == [1]
                await super().send(message)

        assert (await made.run(Watching(asked(model=model, stream=stream)))).ended

    run(serving, tmp_path, what, durable=True)


def test_where_the_row_cannot_be_written_a_lasting_answer_is_none(serving: Serving, tmp_path: Path) -> None:
    async def what(made: Rig) -> None:
        made.log.broken = LogError("no space left")
        whole = await made.ask()
        assert (whole.status, b"Hello" in whole.body) == (503, False)
        streamed = await made.ask(stream=True)
        assert b"[DONE]" not in streamed.body
        assert [outcome.response for outcome in made.told.outcomes] == [None, None]
        assert any("no space left" in line for line in made.said)

    run(serving, tmp_path, what, durable=True)


def test_a_key_says_who_asks_whatever_the_caller_says(serving: Serving, tmp_path: Path) -> None:
    async def what(made: Rig) -> None:
        made.told.identity = Identity("k1", "bob", None, "acme")
        await made.ask(headers={"x-tokenop-user": "ada", "x-tokenop-department": "sales", "x-tokenop-tenant": "other"})
        (row,) = made.log.rows
        assert (row["user_id"], row["department"], row["tenant"]) == ("bob", "sales", "acme")

    run(serving, tmp_path, what)


def test_other_addresses_are_told_in_the_callers_wire(serving: Serving, tmp_path: Path) -> None:
    async def what(made: Rig) -> None:
        nothing = await made.run(Caller(b""), "/v1/nothing", "GET")
        assert (nothing.status, nothing.json["error"]["code"]) == (404, "unknown_address")
        claude = await made.run(Caller(b""), "/v1/nothing", "GET", anthropic_version="2023-06-01")
        assert claude.json["type"] == "error"
        assert (await made.run(Caller(b""), CHAT, "GET")).status == 405
        assert (await made.run(Caller(b""), "/healthz", "GET")).json["status"] == "ok"
        models = (await made.run(Caller(b""), "/v1/models", "GET")).json["data"]
        assert {one["id"] for one in models} >= {"auto", "T1", running.OPENAI}
        assert (await made.run(Caller(b""), f"/v1/models/{running.OPENAI}", "GET")).json["id"] == running.OPENAI

    run(serving, tmp_path, what)
