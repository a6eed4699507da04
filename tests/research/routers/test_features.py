from __future__ import annotations

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tokenop.research.routers import features
from tokenop.research.routers.features import BUCKETS, FACTS, Features, extract

HOSTILE = ["", " \n", "\x00\x1b[2J", "\ud800 lone surrogate", "ﷺ" * 50, "a" * 100_000, "数学を証明せよ", "\u202e\u200b"]
texts = st.lists(st.text(max_size=60), min_size=1, max_size=5)


def dense(known: Features) -> np.ndarray:
    rows = np.zeros((len(known), BUCKETS))
    rows[known.rows, known.columns] = known.values
    return rows


def fact(name: str, prompt: str) -> float:
    return float(extract([prompt]).facts[0, FACTS.index(name)])


def test_the_same_text_gives_the_features_that_saved_routers_were_trained_on() -> None:
    # Where this fails, every saved router decides on other features than it learned: raise features.VERSION.
    known = extract(["Prove that 2 + 2 = 4.", "Übersetze «naïve» ins 日本語"])
    assert features.VERSION == 1
    assert zlib.crc32(known.columns.astype("<i4").tobytes()) == 3964296479
    assert zlib.crc32(np.rint(known.values * 1000).astype("<i4").tobytes()) == 815262574
    assert known.facts[0].tolist() == pytest.approx([21, 5, 1, 2.4, 3 / 21, 1 / 21, 3 / 21, 0, 0, 1, 0, 0, 0, 0])


@given(texts)
@settings(max_examples=15, deadline=None)
def test_a_prompt_has_the_same_features_whatever_stands_beside_it(prompts: list[str]) -> None:
    alone = [dense(extract([prompt]))[0] for prompt in prompts]
    together = extract(prompts)
    assert np.array_equal(dense(together), np.array(alone))
    assert np.array_equal(together.facts, np.concatenate([extract([prompt]).facts for prompt in prompts]))


@pytest.mark.parametrize("prompts", [["a word"], ["", "x"], ["the same words", "the other words", "words"]])
def test_sparse_work_agrees_with_dense_work(prompts: list[str]) -> None:
    known = extract(prompts)
    weights = np.random.default_rng(1).random(BUCKETS)
    rows = np.array([len(prompts) - 1, 0])
    assert np.array_equal(dense(known.take(rows)), dense(known)[rows])
    weighted = dense(known) * weights.astype(np.float32)
    norms = np.linalg.norm(weighted, axis=1, keepdims=True)
    assert dense(known.weighted(weights)) == pytest.approx(weighted / np.where(norms > 0, norms, 1), abs=1e-6)
    assert known.times(weights) == pytest.approx((dense(known) * weights).sum(axis=1), abs=1e-4)
    held = (dense(known) != 0).sum(axis=0)
    assert known.rarity() == pytest.approx(np.log((1 + len(prompts)) / (1 + held)) + 1)


@pytest.mark.parametrize("prompt", HOSTILE, ids=range(len(HOSTILE)))
def test_any_text_has_finite_features(prompt: str) -> None:
    known = extract([prompt])
    assert np.isfinite(known.facts).all()
    assert np.isfinite(known.values).all()
    assert ((known.columns >= 0) & (known.columns < BUCKETS)).all()


def test_case_and_white_space_do_not_matter_to_n_grams() -> None:
    assert np.array_equal(dense(extract(["Prove  IT\nnow"])), dense(extract(["prove it now"])))


def test_no_prompts_have_no_features() -> None:
    assert len(extract([])) == 0
    assert extract([]).facts.shape == (0, len(FACTS))


@pytest.mark.parametrize(
    ("name", "prompt", "count"),
    [
        ("code marks", "def f(x): return {x};", 5),
        ("words of reasoning", "Explain why, step by step", 3),
        ("words of simple tasks", "Translate and summarise this", 2),
        ("question words", "Who did what?", 2),
        ("negations", "Which is NOT true, except never", 3),
        ("question marks", "What? Who?", 2),
        ("lines", "a\nb\nc", 3),
        ("share of digits", "a1b2", 0.5),
        ("share not ASCII", "aé", 0.5),
    ],
)
def test_facts_count_what_they_say(name: str, prompt: str, count: float) -> None:
    assert fact(name, prompt) == pytest.approx(count)


def test_similar_texts_are_nearer_than_others() -> None:
    known = extract(["translate this sentence into French", "translate that sentence into German", "prove Fermat"])
    rows = dense(known.weighted(np.ones(BUCKETS)))
    assert rows[0] @ rows[1] > 0.3 > rows[0] @ rows[2]
