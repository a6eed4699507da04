"""What a call of each model costs: as recorded, as given, or priced; an estimate says that it is one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np

from tokenop.research.routers.outcomes import Floats, Outcomes, Recorded

if TYPE_CHECKING:
    from tokenop.prices.book import Price, PriceBook

CHARACTERS_A_TOKEN = 4
OUTPUT_TOKENS = 100
"""Tokens of an answer where the outcomes do not tell."""
_BILLER_UNSAID = "unknown"


@dataclass(frozen=True, slots=True, eq=False)
class Costs:
    """US dollars a call of both models, shape (n,) each, None where unknown, with where they come from in words.

    `source` is one of `given`, `recorded`, `priced` (recorded tokens at list prices), `estimated` (estimated tokens at
    list prices) and `unknown`.
    """

    weak: Floats | None
    strong: Floats | None
    source: str
    words: str


def of(
    recorded: Recorded,
    outcomes: Outcomes,
    when: datetime,
    given: Mapping[str, Decimal] | None = None,
    billed_as: Mapping[str, str] | None = None,
    output_tokens: int = OUTPUT_TOKENS,
) -> Costs:
    """Return the costs of the calls in `outcomes`, a pair of `recorded`.

    Args:
        recorded: where the pair comes from; it may hold tokens.
        outcomes: the pair.
        when: prices of this moment hold.
        given: US dollars a call under `weak` and `strong`, or the models' names; goes before everything else.
        billed_as: `provider/model` of the price book for a model's name, `weak` or `strong`.
        output_tokens: tokens of an answer where they are not recorded.
    """
    sides = {"weak": outcomes.weak, "strong": outcomes.strong}
    flat = {side: (given or {}).get(side, (given or {}).get(name)) for side, name in sides.items()}
    if flat["weak"] is not None and flat["strong"] is not None:
        weak, strong = (np.full(len(outcomes), float(flat[side] or 0)) for side in sides)
        return Costs(weak, strong, "given", f"given: USD {flat['weak']} and {flat['strong']} a call")
    if outcomes.weak_cost is not None and outcomes.strong_cost is not None:
        return Costs(outcomes.weak_cost, outcomes.strong_cost, "recorded", "as recorded with the outcomes")
    from tokenop.prices import book

    found: dict[str, Floats] = {}
    words, estimated, prices = [], False, book.load()
    for side, name in sides.items():
        billed = (billed_as or {}).get(side, (billed_as or {}).get(name))
        price = _price(prices, name, billed, when)
        if price is None:
            unknown = f"no price is known for {name}: give --cost weak=USD,strong=USD a call, or --billed-as"
            return Costs(None, None, "unknown", unknown)
        tokens, guessed = _tokens(recorded, outcomes, name, output_tokens)
        estimated = estimated or guessed
        rates = price.rates
        found[side] = tokens[0] * float(rates.input) + tokens[1] * float(rates.output) + float(rates.per_call)
        key = price.entry.key
        words.append(f"{key.provider}/{key.model}{' (price not dated)' if price.undated else ''}")
    at = f"list prices of {' and '.join(words)}"
    if not estimated:
        return Costs(found["weak"], found["strong"], "priced", f"recorded tokens at {at}")
    guess = f"characters / {CHARACTERS_A_TOKEN} and {output_tokens} tokens an answer, where not recorded"
    return Costs(found["weak"], found["strong"], "estimated", f"ESTIMATED: {guess}, at {at}")


def _price(prices: PriceBook, name: str, billed: str | None, when: datetime) -> Price | None:
    if billed is not None:
        provider, _, model = billed.partition("/")
        return prices.at(provider, model, when)
    if price := prices.at(_BILLER_UNSAID, name, when):
        return price
    # A name that one provider alone spells so.
    same = [key for key in prices.keys if key.model.lower() == name.lower()]
    return prices.at(same[0].provider, same[0].model, when) if len(same) == 1 else None


def _tokens(recorded: Recorded, outcomes: Outcomes, model: str, output: int) -> tuple[tuple[Floats, Floats], bool]:
    """Return (input, output) tokens of each call, and whether any is an estimate."""
    measures = recorded.measures.get(model, {})
    place = {name: number for number, name in enumerate(recorded.ids)}
    rows = np.array([place[name] for name in outcomes.ids])
    unknown = np.full(len(recorded.ids), np.nan)
    told_in = measures.get("input_tokens", unknown)[rows]
    told_out = measures.get("output_tokens", unknown)[rows]
    guess = np.array([len(prompt) / CHARACTERS_A_TOKEN for prompt in outcomes.prompts])
    guessed = bool(np.isnan(told_in).any() or np.isnan(told_out).any())
    return (np.where(np.isnan(told_in), guess, told_in), np.where(np.isnan(told_out), output, told_out)), guessed
