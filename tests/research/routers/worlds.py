"""Outcomes in which a router provably helps, and others in which it provably cannot."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from tokenop.research.routers.outcomes import Floats, Outcomes

WORDS = ("invoice", "harbour", "orchard", "quarterly", "window", "pencil", "mountain", "ledger", "kettle", "ribbon")
HARD = "prove the following theorem"
EASY = "translate the following sentence"


def outcomes(
    prompts: Sequence[str], weak: Sequence[float] | Floats, strong: Sequence[float] | Floats, dear: float = 0.01
) -> Outcomes:
    """Return outcomes with costs of 0.001 and `dear` a call, in the order that reading gives them."""
    ids = [hashlib.sha256(prompt.encode()).hexdigest() for prompt in prompts]
    order = np.argsort(ids)
    n = len(prompts)
    return Outcomes(
        "small",
        "big",
        tuple(prompts[row] for row in order),
        tuple(ids[row] for row in order),
        np.ones(n),
        np.asarray(weak, dtype=np.float64)[order],
        np.asarray(strong, dtype=np.float64)[order],
        np.full(n, 0.001),
        np.full(n, dear),
    )


def sentences(n: int, random: np.random.Generator) -> list[str]:
    """Return `n` different prompts without meaning."""
    drawn = random.choice(WORDS, size=(n, 6))
    return [f"{' '.join(row)} {number}" for number, row in enumerate(drawn)]


def noise(n: int, seed: int, weak: float = 0.7, strong: float = 0.85) -> Outcomes:
    """Return outcomes that do not depend on the prompt."""
    random = np.random.default_rng(seed)
    return outcomes(sentences(n, random), random.random(n) < weak, random.random(n) < strong)


def helpful(n: int, seed: int, dear: float = 0.01) -> Outcomes:
    """Return outcomes where the weak model fails on hard prompts, half of all, and the strong one seldom anywhere."""
    random = np.random.default_rng(seed)
    hard = random.random(n) < 0.5
    prompts = [f"{HARD if is_hard else EASY}: {text}" for is_hard, text in zip(hard, sentences(n, random), strict=True)]
    weak = random.random(n) < np.where(hard, 0.15, 0.95)
    return outcomes(prompts, weak, random.random(n) < 0.95, dear)
