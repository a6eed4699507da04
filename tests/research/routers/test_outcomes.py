from __future__ import annotations

import numpy as np
import pytest

from tests.research.routers.worlds import noise
from tokenop.errors import InputError
from tokenop.research.routers.outcomes import Recorded


def recorded(**quality: list[float]) -> Recorded:
    n = len(next(iter(quality.values())))
    ids = tuple(f"{number:04d}" for number in range(n))
    arrays = {name: np.array(values) for name, values in quality.items()}
    return Recorded(tuple(sorted(quality)), ids, ids, np.ones(n), arrays)


@pytest.mark.parametrize("seed", range(5))
def test_a_split_halves_the_prompts_and_none_is_on_both_sides(seed: int) -> None:
    whole = noise(101, 1)
    learned, held_out = whole.split(seed)
    assert len(learned) == 51
    assert len(held_out) == 50
    assert set(learned.ids) | set(held_out.ids) == set(whole.ids)
    assert not set(learned.ids) & set(held_out.ids)
    assert list(learned.ids) == sorted(learned.ids)


def test_where_a_prompt_goes_depends_on_it_and_the_seed_not_on_the_order_of_rows() -> None:
    whole = noise(80, 2)
    turned = whole.take(np.arange(80)[::-1])
    assert set(whole.split(3)[0].ids) == set(turned.split(3)[0].ids)
    assert set(whole.split(3)[0].ids) != set(whole.split(4)[0].ids)


def test_folds_are_of_equal_size_and_cover_all() -> None:
    parts = noise(43, 1).folds(5, 0)
    assert sorted(np.bincount(parts)) == [8, 8, 9, 9, 9]


def test_taking_rows_takes_everything_that_belongs_to_them() -> None:
    whole = noise(50, 5)
    some = whole.take(np.array([7, 3]))
    assert some.prompts == (whole.prompts[7], whole.prompts[3])
    assert some.weak_quality.tolist() == [whole.weak_quality[7], whole.weak_quality[3]]
    assert some.strong_cost is not None
    assert len(some.strong_cost) == 2


def test_the_weak_model_is_good_enough_where_it_is_no_worse() -> None:
    pair = recorded(a=[0, 0, 1, 1, 0.5], b=[0, 1, 0, 1, 0.4]).pair("a", "b")
    assert pair.target.tolist() == [1, 0, 1, 1, 1]
    assert pair.gain.tolist() == pytest.approx([0, 1, -1, 0, -0.1])


def test_the_hash_changes_with_outcomes_and_models_but_not_with_costs() -> None:
    whole = noise(50, 5)
    assert whole.sha256 == whole.with_costs(None, None).sha256
    assert whole.sha256 != whole.take(np.arange(49)).sha256
    assert recorded(a=[0, 1], b=[1, 1]).pair("a", "b").sha256 != recorded(a=[1, 1], b=[1, 1]).pair("a", "b").sha256
    assert recorded(a=[0, 1], b=[1, 1]).pair("a", "b").sha256 != recorded(a=[0, 1], c=[1, 1]).pair("a", "c").sha256


def test_a_pair_leaves_out_prompts_that_one_model_was_not_asked() -> None:
    pair = recorded(a=[0, np.nan, 1], b=[1, 1, np.nan]).pair("a", "b")
    assert pair.ids == ("0000",)
    with pytest.raises(InputError, match="no prompt has an outcome of both"):
        recorded(a=[0, np.nan], b=[np.nan, 1]).pair("a", "b")


def test_models_that_are_not_there_or_the_same_are_refused() -> None:
    both = recorded(mixtral=[0.0, 1.0], gpt=[1.0, 1.0])
    with pytest.raises(InputError, match="did you mean mixtral"):
        both.pair("mixtrel", "gpt")
    with pytest.raises(InputError, match="needs two"):
        both.pair("gpt", "gpt")


def test_too_few_prompts_are_refused_with_a_number() -> None:
    with pytest.raises(InputError, match="39 distinct prompts"):
        noise(39, 0).split(0)
