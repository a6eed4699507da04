"""Who answers a call: what the caller insists on, else the first rule that holds, else the default."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.routing.files import written
from tokenop import routing
from tokenop.providers.model import Image, Message, Request, Text, Tool
from tokenop.routing.deciding import in_share
from tokenop.routing.model import RoutingConfig, Rule

CONFIG = """\
mode: route
default_tier: T2
providers: {ollama: {}, groq: {}, anthropic: {}}
tiers:
  T1: {models: {ollama: tiny}}
  T2: {models: {ollama: small, groq: large}}
  T5: {models: {anthropic: best}, explicit_only: true}
rules:
  labels: {when: "intent = 'label'", tier: T1}
  half: {when: "stream", to: {provider: groq, model: quick}, share: 0.5, sticky_by: session_id, fallback: requested}
  alone: {when: "has_tools", to: {provider: groq, model: quick}, fallback: none}
  late: {when: "intent = 'label' OR batch", tier: T1}
"""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> RoutingConfig:
    return routing.load(written(tmp_path_factory.mktemp("routing"), CONFIG))


def models(decision: routing.Decision) -> list[str]:
    return [target.model for target in decision.chain]


def test_the_first_rule_that_holds_decides(config: RoutingConfig) -> None:
    decision = routing.decide(config, routing.facts(intent="label", batch=True))
    assert (decision.by, decision.rule, decision.tier) == ("rule", "labels", "T1")
    assert decision.passed_over == ()


def test_no_rule_holds_of_what_is_not_known(config: RoutingConfig) -> None:
    decision = routing.decide(config, routing.facts())
    assert (decision.by, decision.tier, models(decision)) == ("default", "T2", ["large", "small"])
    assert [name for name, _ in decision.passed_over] == ["labels", "half", "alone", "late"]
    assert {reason for _, reason in decision.passed_over} == {"its condition asks about facts that are not known"}


def test_what_the_caller_insists_on_wins_over_every_rule(config: RoutingConfig) -> None:
    facts = routing.facts(intent="label")
    assert routing.decide(config, facts, asked="T5").tier == "T5"
    for name in ("best", "anthropic/best"):
        decision = routing.decide(config, facts, asked=name)
        assert (decision.by, models(decision)) == ("asked", ["best"])


def test_nothing_leads_to_a_tier_for_explicit_use_but_its_name(config: RoutingConfig) -> None:
    for facts in (routing.facts(), routing.facts(intent="label", batch=True, stream=True, has_tools=True)):
        assert "best" not in models(routing.decide(config, facts))


def test_what_may_not_be_asked_for_is_refused_with_what_may(config: RoutingConfig) -> None:
    with pytest.raises(routing.NotAllowedError, match="callers may name: T1, T2, T5, best, large, small, tiny"):
        routing.decide(config, routing.facts(), asked="T4")


def test_in_recon_everything_stays_local_and_no_rule_is_asked(tmp_path: Path) -> None:
    recon = routing.load(written(tmp_path, CONFIG.replace("mode: route", "mode: recon")))
    decision = routing.decide(recon, routing.facts(intent="label"))
    assert (decision.by, decision.tier, decision.passed_over) == ("recon", "T2", ())


def test_after_a_rules_own_target_the_requested_model_is_asked(config: RoutingConfig) -> None:
    session = next(
        f"s{number}" for number in range(100) if in_share(rule(config, "half"), {"session_id": f"s{number}"}, "")
    )
    facts = routing.facts(stream=True, session_id=session, model="best", provider="anthropic")
    assert models(routing.decide(config, facts)) == ["quick", "best"]
    elsewhere = routing.facts(stream=True, session_id=session, model="gpt-6.1-sol", provider="openai")
    target = routing.decide(config, elsewhere).chain[1]
    assert (target.provider, target.model, target.options["preset"]) == ("openai-compatible", "gpt-6.1-sol", "openai")
    unknown = routing.facts(stream=True, session_id=session)
    assert models(routing.decide(config, unknown)) == ["quick", "large", "small"]


def test_a_rule_without_fallback_asks_its_target_alone(config: RoutingConfig) -> None:
    assert models(routing.decide(config, routing.facts(has_tools=True))) == ["quick"]


def rule(config: RoutingConfig, name: str) -> Rule:
    return next(rule for rule in config.rules if rule.name == name)


def shared(share: str, sticky: str | None = None, name: str = "r") -> Rule:
    return Rule(name, "true", lambda facts: True, tier="T1", share=Decimal(share), sticky_by=sticky)


@given(st.text(max_size=20), st.decimals(0, 1, places=3), st.decimals(0, 1, places=3))
def test_a_larger_share_keeps_those_who_were_in_a_smaller_one(session: str, one: Decimal, other: Decimal) -> None:
    small, large = sorted([one, other])
    facts = {"session_id": session}
    if in_share(shared(str(small), "session_id"), facts, ""):
        assert in_share(shared(str(large), "session_id"), facts, "")


def test_a_share_is_the_part_that_it_says_and_rules_draw_apart() -> None:
    keys = [f"operation-{number}" for number in range(4_000)]
    first = {key for key in keys if in_share(shared("0.25", name="first"), {}, key)}
    second = {key for key in keys if in_share(shared("0.25", name="second"), {}, key)}
    assert 900 < len(first) < 1_100
    assert 900 < len(second) < 1_100
    assert 190 < len(first & second) < 310  # a sixteenth, as of independent draws


def test_a_share_of_nothing_takes_nobody_and_a_session_stays_where_it_is() -> None:
    assert not any(in_share(shared("0"), {}, str(number)) for number in range(1_000))
    sticky = shared("0.5", "session_id")
    drawn = {in_share(sticky, {"session_id": "one"}, str(number)) for number in range(100)}
    assert len(drawn) == 1
    assert len({in_share(sticky, {}, str(number)) for number in range(100)}) == 2


def test_facts_of_a_request_are_what_its_body_says() -> None:
    request = Request(
        model="m",
        messages=(Message("user", (Text("hello"), Image(url="https://example.org/a.png"))),),
        tools=(Tool("t"),),
        max_output_tokens=100,
        temperature=0.5,
        stream=True,
    )
    assert dict(routing.facts_of(request, input_tokens=20, intent="label")) == {
        "model": "m",
        "output_tokens_limit": 100,
        "has_tools": True,
        "tool_count": 1,
        "image_count": 1,
        "stream": True,
        "temperature": 0.5,
        "input_tokens": 20,
        "intent": "label",
        "context_length": 120,
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("input_tokens", value) for value in (-1, True, "5", float("nan"), float("inf"), 2.5, 10**12)),
        *(("intent", value) for value in ("", "x" * 513, 5)),
        *(("temperature", value) for value in (float("nan"), -0.1, "hot")),
        *(("has_tools", value) for value in (1, "true")),
    ],
)
def test_a_fact_that_makes_no_sense_is_unknown(name: str, value: object) -> None:
    assert name not in routing.facts(**{name: value})


def test_a_name_that_is_no_fact_is_a_mistake_of_the_program() -> None:
    with pytest.raises(KeyError, match="intents"):
        routing.facts(intents="a")
