"""Which templates become candidates, on which prompts, and why others do not."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from tests.experiment.made import BIG, prompt
from tokenop import routing
from tokenop.catalogue import loader
from tokenop.catalogue.levers import SPECS
from tokenop.database import connect
from tokenop.economics.levers import KINDS
from tokenop.errors import FindingsError, MisuseError
from tokenop.experiment import candidates, planned, targets
from tokenop.experiment.model import Prompt, Skipped, Variant
from tokenop.prices import book
from tokenop.providers.base import Timeouts
from tokenop.routing.chain import policy_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
BOOK = book.load()


def of(prompts: list[Prompt], *names: str, unusable: str | None = None) -> tuple[list, list[Skipped]]:
    templates = [template for template in loader.load().templates if template.id in names]
    assert len(templates) == len(names)
    with connect() as connection:
        return candidates.from_templates(
            connection, BOOK, templates, prompts, lambda _: (BIG,), NOW, lambda _: unusable
        )  # fmt: skip


def test_every_kind_of_lever_either_changes_answers_or_says_why_not_in_the_order_of_the_chain() -> None:
    assert set(candidates.CHANGING) | set(candidates.LEAVING) == set(SPECS)
    ranks = [KINDS[kind].RANK for kind in candidates.CHANGING]
    assert ranks == sorted(ranks)


def test_a_template_concerns_the_prompts_for_which_its_condition_holds() -> None:
    prompts = [prompt("a", intent="chat"), prompt("b", intent="write_sql"), prompt("c", "x" * 200_000, intent="chat")]
    found, left = of(prompts, "model-routing")
    assert left == []
    assert found[0].concerned == {"a"}
    assert found[0].tolerance == Decimal("0.02")
    assert found[0].targets[0].model == "claude-haiku-4-5"


def test_what_is_left_out_says_why() -> None:
    one = prompt("a", intent="write_sql")
    assert [skip.code for skip in of([one], "model-routing")[1]] == ["not-matched"]
    assert {skip.code for skip in of([one], "prompt-caching")[1]} == {"leaves-answers-alone"}
    chat = prompt("a", intent="chat")
    skipped = of([chat], "model-routing", unusable="ANTHROPIC_API_KEY is not set")[1]
    assert (skipped[0].code, "ANTHROPIC_API_KEY is not set" in skipped[0].why) == ("not-usable", True)


def test_a_template_that_shortens_prompts_needs_to_be_told_what_they_become() -> None:
    long = prompt("a", "x" * 20_000, intent="chat")
    assert of([long], "prompt-optimization")[1][0].code == "needs-variants"
    told = prompt("a", "x" * 20_000, intent="chat", variants={"prompt-optimization": Variant(system="short")})
    found, _ = of([told], "prompt-optimization")
    assert found[0].moves[0].kind == "trim"


def test_names_of_targets_are_providers_presets_or_names_of_a_config() -> None:
    config = routing.load(routing.shipped())
    assert targets.named("groq/llama-3.3-70b-versatile")[0].provider == "groq"
    assert targets.named("together/x/y")[0].options == {"preset": "together"}
    assert len(targets.named("T3", config)) == 3
    with pytest.raises(MisuseError, match="names no model"):
        targets.named("gpt-4")
    assert "no provider here is called 'databricks'" in str(targets.unusable(targets.of("databricks", "m"), {}))


def test_a_routing_config_concerns_the_prompts_that_it_sends_elsewhere() -> None:
    config = routing.load(routing.shipped())
    today = config.tiers["T2"].chain
    prompts = [prompt("label", intent="classify"), prompt("plain", intent="chat")]
    found = candidates.from_routing(config, prompts, lambda _: today, Decimal("0.05"))
    assert found.concerned == {"label"}
    assert found.moves[0].asked("label")[0].model == "qwen2.5-coder:7b"
    assert found.tolerance == Decimal("0.01")  # the config's own is stricter
    decided = routing.decide(config, candidates.facts(prompts[0], today[0]), key="label")
    assert found.moves[0].policies["label"] == policy_of(config, decided)


def test_a_named_tier_is_asked_with_its_own_timeouts_and_the_config_s_retries() -> None:
    config = routing.load(routing.shipped())
    tiers = replace(config, timeouts={**config.timeouts, "T2": Timeouts(total=12)})
    found = targets.policy("T2", tiers)
    assert found is not None
    assert (found.default_timeouts.total, found.retry) == (12, config.retry)
    assert targets.policy("T2", None) is None


def test_a_plan_says_what_it_chose_and_predicted(tmp_path: Path) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(
        "baseline_monthly_usd: 1000\nbaseline: {sample: true}\ninputs: {events_hash: 3-abc}\n"
        "chosen:\n  - {id: model-routing, savings_monthly_usd: {p10: 10, p50: 20.5, p90: 30}}\n",
        encoding="utf-8",
    )
    found = planned.read(path)
    assert (found.chosen, found.sample, found.events_hash) == (("model-routing",), True, "3-abc")
    assert found.predicted["model-routing"] == (Decimal("1.0"), Decimal("2.0"), Decimal("3.0"))


@pytest.mark.parametrize("text", ["chosen: 3\n", "chosen: [{id: 3}]\n", "a: 1\n", "chosen: [\n", "chosen: &a [*a]\n"])
def test_what_is_no_plan_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "plan.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FindingsError):
        planned.read(path)
