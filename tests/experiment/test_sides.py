"""What candidates do with a prompt, and what they are charged for it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.experiment.made import BIG, SMALL, prompt, reply
from tokenop.experiment import checking
from tokenop.experiment.model import Prompt, Reply, Variant
from tokenop.experiment.repeats import donors
from tokenop.experiment.scoring import words
from tokenop.experiment.sides import Answering, Candidate, Move
from tokenop.experiment.targets import Chain
from tokenop.providers.model import Message, Request, Text

COST = {BIG: "0.10", SMALL: "0.01"}


def answering(says: dict[Any, str], *prompts: Prompt, **more: Any) -> tuple[Answering, list[tuple[str, str]]]:
    """Return how prompts are answered where the models say `says`, and the list of who was asked what."""
    asked: list[tuple[str, str]] = []

    def ask(name: str, targets: Chain, request: Request, **_: object) -> Reply:
        text = words(request.messages[-1].parts)
        asked.append((targets[0].model, text))
        return reply(name, says[targets[0]], COST[targets[0]], **(more if targets[0] == SMALL else {}))

    known = {one.id: one for one in prompts}
    return Answering(lambda _: (BIG,), known, ask, checking.guard), asked


def candidate(*moves: Move) -> Candidate:
    return Candidate("c", "title", Decimal("0.1"), moves, template="t")


def test_the_baseline_pays_today_s_model() -> None:
    one = prompt("a")
    answers, _ = answering({BIG: "old", SMALL: "new"}, one)
    found = answers.baseline(one)
    assert (words(found.parts), found.cost_usd, found.latency_ms) == ("old", Decimal("0.10"), 10.0)


def test_a_rerouted_prompt_pays_the_new_model_alone_where_its_answer_can_be_used() -> None:
    one = prompt("a")
    answers, _ = answering({BIG: "old", SMALL: "new"}, one)
    found = answers.candidate(candidate(Move("reroute", None, (SMALL,), fallback=True)), one)
    assert (words(found.parts), found.cost_usd) == ("new", Decimal("0.01"))


@pytest.mark.parametrize("more", [{"finish": "refused"}, {"error_kind": "refused"}, {"error_kind": "too_long"}])
def test_a_refused_answer_falls_back_and_both_are_paid(more: dict[str, Any]) -> None:
    one = prompt("a")
    answers, asked = answering({BIG: "old", SMALL: "sorry"}, one, **more)
    found = answers.candidate(candidate(Move("reroute", None, (SMALL,), fallback=True)), one)
    assert (words(found.parts), found.cost_usd, found.latency_ms) == ("old", Decimal("0.11"), 20.0)
    assert [model for model, _ in asked] == [SMALL.model, BIG.model]


def test_without_a_fallback_a_refusal_is_the_answer() -> None:
    one = prompt("a")
    answers, _ = answering({BIG: "old", SMALL: ""}, one)
    found = answers.candidate(candidate(Move("target", None, (SMALL,))), one)
    assert (found.refused, found.error_kind, found.cost_usd) == (True, None, Decimal("0.01"))


def test_an_answer_that_never_came_is_neither_refused_nor_asked_again_elsewhere() -> None:
    one = prompt("a")
    answers, asked = answering({BIG: "old", SMALL: ""}, one, error_kind="overloaded")
    found = answers.candidate(candidate(Move("reroute", None, (SMALL,), fallback=True)), one)
    assert (found.error_kind, found.refused, len(asked)) == ("overloaded", False, 1)


@pytest.mark.parametrize(("said", "cost", "text"), [("yes", "0.01", "yes"), ("maybe", "0.11", "no")])
def test_a_cascade_goes_on_where_the_prompt_s_guard_does_not_hold(said: str, cost: str, text: str) -> None:
    one = prompt("a", guard={"kind": "exact", "values": ["yes", "no"]})
    answers, _ = answering({BIG: "no", SMALL: said}, one)
    found = answers.candidate(candidate(Move("cascade", None, (SMALL,), fallback=True)), one)
    assert (words(found.parts), found.cost_usd) == (text, Decimal(cost))


def test_a_trimmed_prompt_is_asked_as_it_becomes_of_the_same_model() -> None:
    short = Variant(messages=(Message("user", (Text("short"),)),))
    one = prompt("a", "long", variants={"t": short})
    answers, asked = answering({BIG: "old", SMALL: "new"}, one)
    answers.candidate(candidate(Move("trim", frozenset({"a"}))), one)
    answers.candidate(candidate(Move("trim", frozenset({"a"})), Move("reroute", None, (SMALL,))), one)
    assert asked == [(BIG.model, "short"), (SMALL.model, "short")]


def test_a_cached_answer_is_that_of_the_earlier_prompt_and_costs_nothing() -> None:
    first, second = prompt("a", "What is your address?"), prompt("b", "what is  your address?")
    answers, asked = answering({BIG: "old", SMALL: "new"}, first, second)
    move = Move("response_cache", frozenset({"b"}), donors={"b": "a"})
    found = answers.candidate(candidate(move, Move("reroute", None, (SMALL,))), second)
    assert (words(found.parts), found.cost_usd, found.how) == ("old", Decimal(0), "answer to a")
    assert asked == [(BIG.model, "What is your address?")]


def test_prompts_that_a_candidate_does_not_concern_are_answered_as_today() -> None:
    one = candidate(Move("reroute", frozenset({"x"}), (SMALL,)), Move("trim", frozenset({"y"})))
    assert one.concerned == {"x", "y"}
    assert candidate(Move("target", None, (SMALL,))).concerned is None


def test_a_cache_gives_nobody_another_tenant_s_answer_and_none_under_another_system_prompt() -> None:
    same = [
        prompt("a", "Hello", tenant="x"), prompt("b", "Hello", tenant="y"), prompt("c", " Hello ", tenant="x"),
        prompt("d", "Hello", tenant="x", system="Be rude."), prompt("e", "Hello!", tenant="x"),
    ]  # fmt: skip
    assert donors(same, None) == {"c": "a"}


def test_with_a_threshold_alike_prompts_count_and_hits_are_not_stored_again() -> None:
    text = "How do I change the delivery address of my order before it is sent?"
    prompts = [prompt("a", text), prompt("b", text + " Please."), prompt("c", "Why is the sky blue?")]
    assert donors(prompts, Decimal("0.7")) == {"b": "a"}
    assert donors(prompts, Decimal("0.999")) == {}
