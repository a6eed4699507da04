"""inventory.yaml: the same bytes, read strictly."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from tokenop import inventory, settings
from tokenop.errors import FindingsError, InputError
from tokenop.inventory.model import (
    CHANGES,
    PROVIDERS,
    PURPOSES,
    Autoscaling,
    Count,
    Hourly,
    Inventory,
    Origin,
    Resource,
    Skipped,
    monthly,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
MONEY = st.none() | st.decimals(0, 1000, places=4)
WHOLE = st.none() | st.integers(0, 1000)


@st.composite
def counts(draw: st.DrawFn) -> Count:
    parts = [draw(st.integers(0, 9)) for _ in range(2)]
    reserved = draw(st.none() | st.integers(0, 3))
    return draw(st.just(Count()) | st.just(Count(sum(parts) + (reserved or 0), parts[0], parts[1], reserved)))


def billed(resource: Resource) -> Resource:
    """Return it with the bill that its counts and prices give."""
    return replace(resource, monthly_usd=monthly(resource.count, resource.hourly_usd) if resource.counted else None)


RESOURCES = st.builds(
    Resource,
    address=TEXT,
    provider=st.sampled_from(PROVIDERS),
    type=TEXT,
    purpose=st.sampled_from(PURPOSES),
    part=st.none() | TEXT,
    region=st.none() | TEXT,
    instance_type=st.none() | TEXT,
    instance_types=st.lists(TEXT, max_size=3).map(tuple),
    gpus_per_instance=WHOLE,
    accelerator=st.none() | TEXT,
    count=counts(),
    before=st.none() | counts(),
    autoscaling=st.builds(Autoscaling, WHOLE, WHOLE, st.none() | st.booleans()),
    scale_to_zero=st.none() | st.booleans(),
    hourly_usd=st.builds(Hourly, MONEY, MONEY, MONEY),
    price_source=st.none() | TEXT,
    change=st.sampled_from(CHANGES),
    counted=st.booleans(),
    notes=st.lists(TEXT, max_size=2).map(tuple),
    unknown=st.lists(TEXT, max_size=2).map(tuple),
).map(billed)
INVENTORIES = st.builds(
    Inventory,
    st.just((Origin("a.json", "0" * 64, "plan", None),)),
    st.lists(RESOURCES, max_size=3, unique_by=lambda one: (one.address, one.part)).map(tuple),
    st.lists(st.builds(Skipped, TEXT, TEXT, st.integers(0, 9)), max_size=2).map(tuple),
)


@given(INVENTORIES)
def test_what_is_written_is_read_back_and_is_plain_yaml(written: Inventory) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "inventory.yaml"
        written.write(path)
        assert inventory.read(path) == written
        assert path.read_text() == written.yaml
        assert yaml.safe_load(written.yaml)["totals"]["resources"] == written.totals.resources


EXPECTED = settings.content("collectors") / "terraform" / "expected.yaml"


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("provider: aws", "provider: oracle", "provider"),
        ("purpose: gpu", "purpose: fun", "purpose"),
        ("change: create", "change: perhaps", "change"),
        ("total: 2, on_demand: 2", "total: 5, on_demand: 2", "count"),
        ("total: 2, on_demand: 2", "total: -2, on_demand: 2", "count.total"),
        ("total: 2, on_demand: 2", "total: 2.5, on_demand: 2", "count.total"),
        ('on_demand: "0.8048"', "on_demand: 0.8048", "hourly_usd.on_demand"),
        ('on_demand: "0.8048"', 'on_demand: "cheap"', "hourly_usd.on_demand"),
        ("total: 2, on_demand: 2, spot: 0", "total: 2, on_demand: 9, spot: null", "count"),
        ("total: 2, on_demand: 2", "total: null, on_demand: 2", "count"),
        ("schema_version: 1", "schema_version: true", "schema_version"),
        ("region: us-east-1", "region: us-east-1\n    secret: x", "secret"),
        ("counted: true", "counted: 1", "counted"),
        ("origin: 0", "origin: 9", "origin"),
        ("schema_version: 1", "schema_version: 2", "schema_version"),
        ("unpriced: 10", "unpriced: 3", "totals.unpriced"),
    ],
)
def test_what_is_wrong_is_said_with_its_line(old: str, new: str, field: str, tmp_path: Path) -> None:
    text = EXPECTED.read_text()
    assert old in text
    path = tmp_path / "inventory.yaml"
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(FindingsError) as caught:
        inventory.read(path)
    found = caught.value.findings[0]
    assert found.field.endswith(field)
    at = text[: text.index(old)].count("\n") + 1
    assert at <= found.line <= at + 1


@pytest.mark.parametrize(
    "text",
    ["", "resources: {}", "[]", "a: *b", "resources: [1]\norigin: []", "x: &a 1", "---\n---\n", "resources: [" * 100],
)
def test_what_is_no_inventory_is_refused(text: str, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(text)
    with pytest.raises(FindingsError):
        inventory.read(path)


def test_a_file_that_is_absent_or_not_text_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        inventory.read(tmp_path / "absent.yaml")
    path = tmp_path / "inventory.yaml"
    path.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(FindingsError, match=r"inventory\.yaml:2"):
        inventory.read(path)


def test_a_short_inventory_of_ones_own_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(
        "schema_version: 1\nresources:\n"
        "  - {address: rack.a, provider: aws, type: own, purpose: gpu, instance_type: g5.xlarge,\n"
        "     count: {total: 2, on_demand: 2, spot: 0}, hourly_usd: {on_demand: '1.5'}, monthly_usd: '2191.5'}\n"
    )
    found = inventory.read(path)
    assert found.totals.monthly_usd == Decimal("2191.5")


RACK = (
    "schema_version: 1\nresources:\n"
    "  - {address: rack.a, provider: aws, type: own, purpose: gpu, instance_type: g5.xlarge,\n"
    "     count: {total: 8, on_demand: 6, spot: 2}, hourly_usd: {on_demand: '1.5', spot: '0.5'}}\n"
)


def test_a_bill_that_is_not_stated_is_worked_out(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(RACK)
    assert inventory.read(path).totals.monthly_usd == Decimal(10) * Decimal("730.5")


@pytest.mark.parametrize(
    ("price", "stated", "says"),
    [
        ("'1.5'", "'9.00'", "give 7305.00"),  # a bill that savings would not fit to
        ("'15000'", "'7305.00'", "give 65745730.50"),
        ("'1.5'", "null", "leave the line out"),  # somebody filled in the price and not the bill
        ("null", "'7305.00'", "do not give one"),
    ],
)
def test_a_bill_is_what_counts_and_prices_give(price: str, stated: str, says: str, tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(RACK.replace("'1.5'", price).replace("}}", f"}},\n     monthly_usd: {stated}}}"))
    with pytest.raises(FindingsError, match=says) as caught:
        inventory.read(path)
    found = caught.value.findings[0]
    assert (found.line, found.field) == (5, "resources[0].monthly_usd")


def test_a_resource_that_stands_twice_does_not_count_twice(tmp_path: Path) -> None:
    path = tmp_path / "inventory.yaml"
    path.write_text(RACK + RACK.partition("resources:\n")[2])
    with pytest.raises(FindingsError, match=r"inventory\.yaml:5") as caught:
        inventory.read(path)
    assert "would count twice" in caught.value.findings[0].message


def test_many_resources_are_read_back(tmp_path: Path) -> None:
    many = tuple(Resource(f"aws_instance.i[{n}]", "aws", "aws_instance", "gpu") for n in range(2_500))
    path = tmp_path / "inventory.yaml"
    Inventory((), many).write(path)
    assert len(inventory.read(path).resources) == 2_500


@given(counts(), st.builds(Hourly, MONEY, MONEY, MONEY))
def test_a_month_is_known_only_where_each_part_that_runs_has_a_price(count: Count, hourly: Hourly) -> None:
    found = monthly(count, hourly)
    parts = [(count.on_demand, hourly.on_demand), (count.spot, hourly.spot), (count.reserved, hourly.reserved_1y)]
    known = count.total is not None and all(price is not None for number, price in parts if number)
    assert (found is not None) == known
    if found is not None:
        exact = sum((Decimal(number) * (price or 0) for number, price in parts if number), Decimal(0))
        assert abs(found - exact * Decimal("730.5")) <= Decimal("0.005")


def test_money_is_never_a_float_in_the_file() -> None:
    for line in EXPECTED.read_text().splitlines():
        if "usd" in line:
            assert not re.search(r"[:{,] \d+\.\d", line), line
