"""docs/fallback.md says what the code does."""

from __future__ import annotations

import re

import pytest

from tests.conftest import ROOT
from tests.routing.chain.scripted import TARGETS, Fault, ask, every_error
from tokenop.providers.errors import ProviderError
from tokenop.routing.chain import HANDLING, Breakers, docs
from tokenop.routing.model import Breaker

PAGE = (ROOT / "docs" / "fallback.md").read_text(encoding="utf-8")
ERRORS = every_error()
ROWS = {
    cells[0].strip("`"): cells[1:]
    for line in docs.table().splitlines()[2:]
    if (cells := re.split(r" \| ", line.strip("| ")))
}


def test_the_table_is_that_of_the_code() -> None:
    assert docs.table() in PAGE, "write it again: python -m tokenop.routing.chain.docs"


def test_every_error_has_its_line() -> None:
    waiting, kinds = [ProviderError], {ProviderError}
    while waiting:
        below = waiting.pop().__subclasses__()
        waiting += below
        kinds |= set(below)
    assert {kind.kind for kind in kinds} == set(HANDLING) == set(ROWS)
    for kind in kinds:
        assert kind.moves_on
        assert kind.again == (HANDLING[kind.kind].again != "never"), kind


@pytest.mark.parametrize("name", ERRORS)
def test_the_table_tells_what_is_seen_from_outside(name: str) -> None:
    kind = re.sub(r"^(timeout)_.*|^unforeseen$", lambda found: found[1] or "error", name)
    again, health, charge, _why = ROWS[kind]
    alone = ask([[Fault(ERRORS[name])]]).sender.asked
    assert (len(alone) > 1) == (again != "no")
    both = ask([[Fault(ERRORS[name])], [Fault(ERRORS["auth"])]]).sender.asked
    expected = {"no": ["t0", "t1"], docs.AGAIN["soon"]: ["t0", "t0", "t1"], docs.AGAIN["last"]: ["t0", "t1", "t0"]}
    assert both == expected[again]
    breakers = Breakers(Breaker(failures=1))
    told = ask([[Fault(ERRORS[name])], [None]], breakers=breakers)
    assert (breakers.door(TARGETS[0], told.clock.now) == "open") == (health == "a failure")
    row = told.result.attempts[0]
    assert row.status == kind
    assert row.usage.source == "estimated"
    assert (row.cost_usd == 0) == (charge == "nothing" or name == "timeout_connect")
