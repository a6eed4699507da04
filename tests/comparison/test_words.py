"""A figure says in a word which way it goes."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.comparison.test_cost import compared
from tests.comparison.world import config
from tests.economics.world import call
from tokenop.comparison import words


@pytest.mark.parametrize(
    ("usd", "said"),
    [
        (-120.4, "saves $120 a month (-$140 to -$100, -12.0%)"),
        (7.0, "costs $7.00 more a month (-$140 to -$100, +0.7%)"),
        (0.001, "$0.00 a month (-$140 to -$100, +0.0%)"),
        (None, "unknown: no call that goes elsewhere has a price both ways"),
    ],
)
def test_a_bill_saves_or_costs_more(usd: float | None, said: str) -> None:
    log = [call(0, intent="extract", t_uncached=1000)]
    found = compared(log, config(), config(default="T3"))
    assert words.bill(replace(found, delta_usd=usd, interval=(-140.0, -120.0, -100.0), base_usd=1000.0)) == said
    assert words.bill(compared(log, config(), config())) == "$0: no call goes elsewhere"
