"""Prices of machines: shipped ones with their sources, and the user's on top."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from tests.inventory.terraform_files import collected, only, resource, state
from tokenop.documents import load_yaml
from tokenop.errors import FindingsError, InputError
from tokenop.inventory import prices
from tokenop.inventory.model import Count, Hourly
from tokenop.prices import book
from tokenop.settings import content

SHIPPED = sorted((content("templates") / "prices" / "instances").glob("*.yaml"))
OWN = """\
schema_version: 1
provider: aws
source: our contract
verified_on: "2026-11-01"
instances:
  - type: g5.xlarge
    spot_usd_per_hour: {us-east-1: 0.4}
    reserved_1y_usd_per_hour: {us-east-1: 0.63, mars-1: 9}
  - {type: box.large, gpus: 4, accelerator: H100, on_demand_usd_per_hour: {us-east-1: 8}}
"""


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_prices_have_a_source_a_day_and_no_spot_or_reserved_price(path: Path) -> None:
    meta = load_yaml(path).meta
    for entry in meta["instances"]:
        assert (entry.get("source") or meta["source"]).startswith("https://")
        assert (entry.get("verified_on") or meta["verified_on"]) >= "2026-11-22"
        assert not {"spot_usd_per_hour", "reserved_1y_usd_per_hour"} & set(entry)


def test_prices_of_machines_do_not_disturb_those_of_models() -> None:
    assert SHIPPED
    assert book.load().entries


def test_a_file_of_ones_own_adds_rates_and_types(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    machines = prices.load(path)
    hourly, source = machines.hourly("aws", "g5.xlarge", "us-east-1")
    assert hourly == Hourly(Decimal("1.006"), Decimal("0.4"), Decimal("0.63"))
    assert source is not None
    assert "our contract" in source
    assert machines.hourly("aws", "g5.xlarge", "mars-1")[0] == Hourly(None, None, Decimal(9))
    assert machines.hourly("aws", "g5.xlarge", "us-gov-1") == (Hourly(), None)
    own = machines.find("aws", "box.large")
    assert own is not None
    assert (own.gpus, own.accelerator) == (4, "H100")


def test_a_spot_price_of_ones_own_gives_spot_a_monthly_cost(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN)
    values = {
        "instance_types": ["g5.xlarge"],
        "capacity_type": "SPOT",
        "scaling_config": [{"desired_size": 3}],
        "arn": "arn:aws:eks:us-east-1:0:nodegroup/x",
    }
    document = state(resource("aws_eks_node_group.n", values))
    assert only(collected(tmp_path, document)).monthly_usd is None
    one = only(collected(tmp_path, document, prices=str(path)))
    assert (one.count, one.monthly_usd) == (Count(3, 0, 3), Decimal("876.60"))


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("provider: aws", "provider: moon", 2),
        ("{us-east-1: 0.4}", "{us-east-1: -1}", 7),
        ("{us-east-1: 0.4}", "0.4", 7),
        ("{us-east-1: 0.4}", "{us-east-1: free}", 7),
        ("gpus: 4", "gpus: 0", 9),
        ("type: box.large", "kind: box.large", 9),
        ("schema_version: 1", "schema_version: 7", 1),
        ("  - type: g5.xlarge", "  - type: g5.xlarge\n    colour: red", 7),
    ],
)
def test_a_mistake_in_it_is_said_with_its_line(old: str, new: str, line: int, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(OWN.replace(old, new, 1))
    with pytest.raises(FindingsError) as caught:
        prices.load(path)
    assert line in {found.line for found in caught.value.findings}


def test_an_absent_file_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        prices.load(tmp_path / "absent.yaml")


@pytest.mark.parametrize(
    ("provider", "kind", "found"),
    [
        ("aws", "g5.48xlarge", (8, "A10G")),
        ("aws", "ml.p5.48xlarge", (8, "H100")),
        ("aws", "trn1.32xlarge", (16, "Trainium")),
        ("aws", "p5.metal-99", (None, "H100")),
        ("azure", "standard_nc24ads_a100_v4", (1, "A100-80GB")),
        ("azure", "Standard_ND_new", (None, None)),
        ("google", "a3-highgpu-8g", (8, "H100")),
        ("databricks", "Standard_NC4as_T4_v3", (1, "T4")),
    ],
)
def test_machines_are_told_by_type_or_family(provider: str, kind: str, found: tuple[object, object]) -> None:
    machine = prices.load().find(provider, kind)
    assert machine is not None
    assert (machine.gpus, machine.accelerator) == found


@pytest.mark.parametrize(
    ("provider", "kind"),
    [("aws", "m5.large"), ("azure", "Standard_D4s_v5"), ("google", "g5.xlarge"), ("aws", None), ("aws", "")],
)
def test_ordinary_machines_are_none(provider: str, kind: str | None) -> None:
    assert prices.load().find(provider, kind) is None
