from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from tokenop.research.routers import costs
from tokenop.research.routers.outcomes import Recorded

WEAK, STRONG = "mistralai/Mixtral-8x7B-Instruct-v0.1", "gpt-4-1106-preview"
DAY = datetime(2025, 1, 1, tzinfo=UTC)


def recorded(weak: str = WEAK, strong: str = STRONG, **measures: dict[str, list[float]]) -> Recorded:
    prompts = ("x" * 400, "y" * 4000)
    told = {model: {name: np.array(values) for name, values in of.items()} for model, of in measures.items()}
    quality = {weak: np.array([0.0, 1.0]), strong: np.array([1.0, 1.0])}
    return Recorded((weak, strong), prompts, ("a", "b"), np.ones(2), quality, told)


def of(known: Recorded, **options: Any) -> costs.Costs:
    return costs.of(known, known.pair(*known.models), DAY, **options)


def test_estimates_say_that_they_are_and_how() -> None:
    found = of(recorded(), output_tokens=50)
    assert found.source == "estimated"
    assert found.words.startswith("ESTIMATED: characters / 4 and 50 tokens")
    assert "together/mistralai/Mixtral-8x7B-Instruct-v0.1" in found.words
    assert found.strong is not None
    # 100 and 1,000 tokens in at $10 a million, 50 out at $30 a million.
    assert found.strong.tolist() == pytest.approx([100 * 1e-5 + 50 * 3e-5, 1000 * 1e-5 + 50 * 3e-5])


def test_recorded_tokens_are_priced_and_no_estimate() -> None:
    tokens = {"input_tokens": [7, 9], "output_tokens": [1, 2]}
    found = of(recorded(**{WEAK: tokens, STRONG: tokens}))
    assert found.source == "priced"
    assert found.strong is not None
    assert found.strong.tolist() == pytest.approx([7e-5 + 3e-5, 9e-5 + 6e-5])
    part = of(recorded(**{WEAK: tokens, STRONG: {"input_tokens": [7, np.nan], "output_tokens": [1, 2]}}))
    assert part.source == "estimated"


def test_recorded_costs_go_before_prices_and_given_ones_before_all() -> None:
    known = recorded(**{WEAK: {"cost_usd": [0.1, 0.2]}, STRONG: {"cost_usd": [1, 2]}})
    assert of(known).source == "recorded"
    given = of(known, given={"weak": Decimal("0.5"), STRONG: Decimal(0)})
    assert given.source == "given"
    assert given.weak is not None
    assert given.strong is not None
    assert (given.weak.tolist(), given.strong.tolist()) == ([0.5, 0.5], [0, 0])


def test_an_unknown_model_has_no_price_and_says_what_to_give() -> None:
    found = of(recorded("our-own-model"))
    assert (found.weak, found.strong, found.source) == (None, None, "unknown")
    assert "our-own-model" in found.words
    billed = of(recorded("our-own-model"), billed_as={"our-own-model": f"together/{WEAK}"})
    assert billed.source == "estimated"
    assert of(recorded("our-own-model"), billed_as={"weak": "together/none-such"}).source == "unknown"
