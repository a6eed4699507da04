"""The YAML writer: whatever goes in comes out of any YAML reader as it was."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from tokenop.documents import parse_yaml
from tokenop.profile.yaml_text import Table, dump, plain

texts = st.text(alphabet=st.characters(exclude_categories=("Cs",)), max_size=20)
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**15), 10**15), st.floats(allow_nan=False, allow_infinity=False), texts
)


@given(st.lists(st.lists(scalars, min_size=3, max_size=3), max_size=4))
def test_tables_survive_a_yaml_reader(rows):
    text = dump({"top": {"note": "x", "table": Table(("a", "b", "c"), rows)}})
    assert yaml.safe_load(text) == {"top": {"note": "x", "table": {"columns": ["a", "b", "c"], "rows": rows}}}


def test_small_numbers_are_written_out():
    # YAML 1.1 reads 5e-07 as text.
    text = dump({"t": Table(("a", "b", "c"), [(5e-07, Decimal("0.000000500"), date(2026, 9, 1))])})
    assert '[0.0000005, 0.0000005, "2026-09-01"]' in text


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e12, max_value=1e12))
def test_numbers_are_written_as_the_strict_reader_of_plans_wants_them(number):
    # `tokenop plan` writes with `dump`, and `tokenop report` refuses exponents such as 2.0e-05.
    text = dump({"parameters": {"lookup_usd": {"low": number}}})
    assert yaml.safe_load(text)["parameters"]["lookup_usd"]["low"] == number
    if abs(number) > 1e-20 or number == 0:
        assert float(parse_yaml(text, Path("plan.yaml"))["parameters"]["lookup_usd"]["low"]) == number


def test_json_has_the_same_content():
    document = {"t": Table(("a",), [(Decimal("1.5"),)]), "d": {"x": date(2026, 9, 1)}}
    assert plain(document) == {"t": {"columns": ["a"], "rows": [[1.5]]}, "d": {"x": "2026-09-01"}}
