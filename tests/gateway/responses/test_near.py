"""Vectors and their neighbours: what is found quickly against what is found by comparing all."""

from __future__ import annotations

import asyncio
from concurrent.futures import Future
from typing import Any

import numpy as np
import pytest

from tests.gateway.responses.world import at_once
from tokenop.gateway.responses.embedding import Hashed, packed
from tokenop.gateway.responses.near import MOST_COMPARED, Near
from tokenop.gateway.responses.store import Entry, Index

SIZE = 32
HERE, THERE = b"here", b"there"


def drawn(n: int, seed: int = 6, groups: int = 60) -> np.ndarray:
    """Return unit vectors that lie in groups, as questions do."""
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(groups, SIZE))[rng.integers(0, groups, n)] + 0.3 * rng.normal(size=(n, SIZE))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def named(number: int) -> bytes:
    return number.to_bytes(16)


def filled(vectors: np.ndarray, elsewhere: Any = at_once) -> Near:
    near = Near(SIZE, elsewhere)
    for number, vector in enumerate(vectors):
        near.add(HERE, named(number), packed(vector))
    return near


@pytest.mark.parametrize("n", [1, 3, 5, 200, MOST_COMPARED + 2500])
def test_the_nearest_are_those_that_comparing_all_finds(n: int) -> None:
    vectors = drawn(n)
    near, right = filled(vectors), 0
    rng = np.random.default_rng(7)
    asked = vectors[rng.integers(0, n, 100)] + 0.05 * rng.normal(size=(100, SIZE)).astype(np.float32)
    asked /= np.linalg.norm(asked, axis=1, keepdims=True)
    rows = np.frombuffer(b"".join(map(packed, vectors)), np.int8).reshape(n, SIZE).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    for vector in asked:
        found = near.search(HERE, vector)
        likeness = rows @ vector
        assert len(found) == min(n, 4)
        assert [one for one, _ in found] == sorted((one for one, _ in found), reverse=True)
        assert found[0][0] == pytest.approx(likeness[int.from_bytes(found[0][1])], abs=0.03)
        right += found[0][0] >= likeness.max() - 0.03
    assert right >= 98


def test_a_partition_knows_nothing_of_another() -> None:
    vectors = drawn(10)
    near = filled(vectors)
    assert near.search(THERE, vectors[0]) == []
    near.add(THERE, b"x" * 16, packed(vectors[1]))
    assert [key for _, key in near.search(THERE, vectors[0])] == [b"x" * 16]


@pytest.mark.parametrize("n", [4, 300, MOST_COMPARED + 1500])
def test_what_was_taken_out_is_not_found_again(n: int) -> None:
    vectors = drawn(n)
    near = filled(vectors)
    gone = set(range(0, n, 2))
    for number in gone:
        near.discard(HERE, named(number))
    near.discard(HERE, b"never there")
    for number in range(0, n, max(n // 40, 1)):
        keys = [int.from_bytes(key) for _, key in near.search(HERE, vectors[number])]
        assert not gone & set(keys)
        if number not in gone:
            assert keys[0] == number or near.search(HERE, vectors[number])[0][0] > 0.97
    for number in range(n):
        near.discard(HERE, named(number))
    assert near.search(HERE, vectors[0]) == []


def test_while_a_graph_grows_elsewhere_the_latest_are_found_by_comparing() -> None:
    waiting: list[tuple[Any, Future[Any]]] = []

    def later(do: Any) -> Future[Any]:
        waiting.append((do, Future()))
        return waiting[-1][1]

    vectors = drawn(MOST_COMPARED + 400)
    near = filled(vectors, later)
    (job,) = waiting
    last = len(vectors) - 1
    assert near.search(HERE, vectors[last])[0][0] > 0.97
    near.discard(HERE, named(3))  # it is on its way into the graph
    job[1].set_result(job[0]())
    found = near.search(HERE, vectors[3])
    assert named(3) not in [key for _, key in found]
    assert near.search(HERE, vectors[last])[0][0] > 0.97
    assert near.search(HERE, vectors[10])[0][0] > 0.97


def test_a_graph_that_cannot_grow_changes_nothing() -> None:
    def broken(_: Any) -> Future[Any]:
        return at_once(lambda: 1 / 0)

    vectors = drawn(MOST_COMPARED + 10)
    assert filled(vectors, broken).search(HERE, vectors[5])[0][0] > 0.97


def vector(text: str) -> np.ndarray:
    found = asyncio.run(Hashed().embed(text))
    assert found is not None
    return found


def test_a_hashed_vector_is_the_same_everywhere() -> None:
    found = vector("How do I reset my password?")
    assert found.shape == (384,)
    assert float(found @ found) == pytest.approx(1)
    # Of another machine, another run: what is kept on disk must be found again.
    first = np.frombuffer(packed(found), np.int8)[:96]
    assert {int(at): int(first[at]) for at in np.flatnonzero(first)} == {4: -63, 18: 22, 76: -22}
    assert packed(vector("how DO i reset my PASSWORD")) == packed(found)


@pytest.mark.parametrize(
    ("one", "two", "alike"),
    [
        ("How do I reset my password?", "How can I reset my password, please?", True),
        ("Opening hours on Sunday?", "What are your opening hours on sunday", True),
        ("How do I cancel my order?", "How do I return my order?", False),
        ("When do I pay?", "Where do I pay?", False),
        ("How do I enable dark mode?", "How do I disable dark mode?", False),
    ],
)
def test_almost_the_same_words_are_alike_and_other_words_are_not(one: str, two: str, alike: bool) -> None:
    assert (float(vector(one) @ vector(two)) >= Hashed.floor) == alike


@pytest.mark.parametrize("text", ["", " ", "?!", "\x00"])
def test_without_a_word_there_is_no_vector(text: str) -> None:
    assert asyncio.run(Hashed().embed(text)) is None


@pytest.mark.parametrize("text", ["a", "x" * 5000, "日本語の質問です", "ﬁ ½ Ａ", "\ud800 x"])
def test_any_other_text_has_one(text: str) -> None:
    found = Hashed().vector(text.encode("utf-8", "replace").decode())
    assert found is None or float(found @ found) == pytest.approx(1)


def test_vectors_of_another_length_are_no_neighbours_and_no_trouble() -> None:
    index = Index(10, at_once)
    long = drawn(2)
    short = long[:, :8] / np.linalg.norm(long[:, :8], axis=1, keepdims=True)

    def kept(number: int, vector: np.ndarray) -> None:
        index.add(Entry(named(number), float(number), HERE, 1), packed(vector))

    kept(0, short[0])
    assert index.nearest(HERE, long[0]) == []
    kept(1, long[1])
    assert [key for _, key in index.nearest(HERE, long[0])] == [named(1)]
    assert [key for _, key in index.nearest(HERE, short[1])] == [named(0)]
    kept(0, long[0])  # the same question again, of the new embedder
    assert index.nearest(HERE, long[0])[0][1] == named(0)
    assert index.nearest(HERE, short[0]) == []
    kept(0, long[0])
    assert [key for _, key in index.nearest(HERE, long[0])] == [named(0), named(1)]
