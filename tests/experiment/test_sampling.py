"""The sample: spread as all prompts are, the same everywhere, in an order that is chance."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from tests.experiment.made import prompt
from tokenop.experiment.sampling import sample

PROMPTS = st.lists(st.sampled_from("abcd"), min_size=1, max_size=60).map(
    lambda kinds: [prompt(f"p{number}", intent=kind) for number, kind in enumerate(kinds)]
)


@given(PROMPTS, st.integers(1, 70), st.integers(0, 5), st.randoms())
def test_the_sample_has_each_segments_share_and_does_not_depend_on_the_order_of_the_file(
    prompts: list, size: int, seed: int, random: object
) -> None:
    found = sample(prompts, size, seed)
    assert len(found) == min(size, len(prompts))
    assert len({one.id for one in found}) == len(found)
    given_, taken = Counter(one.intent for one in prompts), Counter(one.intent for one in found)
    for kind, number in given_.items():
        assert abs(taken[kind] - len(found) * number / len(prompts)) < 1
    shuffled = list(prompts)
    random.shuffle(shuffled)
    assert sample(shuffled, size, seed) == found


def test_the_order_mixes_the_segments_so_that_stopping_early_sees_all_of_them() -> None:
    prompts = [prompt(f"p{number:04}", intent="a" if number < 500 else "b") for number in range(1000)]
    first = sample(prompts, 1000, 7)[:100]
    assert 35 <= sum(one.intent == "a" for one in first) <= 65


def test_another_seed_is_another_sample() -> None:
    prompts = [prompt(f"p{number}") for number in range(200)]
    assert {one.id for one in sample(prompts, 50, 1)} != {one.id for one in sample(prompts, 50, 2)}


def test_of_many_small_segments_each_has_its_chance() -> None:
    """One prompt each: were shares rounded by name or size, the same ones would be asked under every seed."""
    prompts = [prompt(f"p{n}", intent="x", tenant=f"t{n:02}") for n in range(50)]
    prompts += [prompt(f"q{n}", intent="x", tenant="large") for n in range(51)]
    drawn = Counter(one.tenant for seed in range(200) for one in sample(prompts, 10, seed))
    expected = 200 * 10 / 101
    assert len(drawn) == 51
    assert all(4 <= drawn[f"t{n:02}"] <= 2.4 * expected for n in range(50))
    assert abs(drawn["large"] - 51 * expected) <= 200
    assert sum(drawn.values()) == 2000
