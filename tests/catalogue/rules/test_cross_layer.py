"""Templates of several layers: each layer is named wherever it must be, and undone in reverse."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.catalogue.rules.specimen import changed, crossing, said
from tokenop.catalogue.levers import SPECS
from tokenop.catalogue.rules import RULES, source
from tokenop.catalogue.rules.cross_layer import layers
from tokenop.settings import content

CROSSING = [name for name in RULES if name.startswith("XL")]
STEPS = crossing().document.text.partition("## How it works")[2].partition("## Implementation")[0]


@pytest.mark.parametrize("rule", CROSSING)
def test_a_sound_specimen_and_one_of_a_single_layer_are_left_alone(rule: str) -> None:
    assert said(rule, crossing()) == []
    assert said(rule, changed()) == []


def test_each_kind_of_lever_has_a_layer() -> None:
    assert set(layers.KINDS) == set(SPECS)
    assert {layer for possible in layers.KINDS.values() for layer in possible} == set(layers.LAYERS)


@pytest.mark.parametrize(
    "path", sorted((content("templates") / "cross-layer").glob("*.md")), ids=lambda path: path.stem
)
def test_shipped_templates_touch_the_layers_that_their_steps_name(path: Path) -> None:
    checked = source.read(path).draft
    assert checked
    assert set(layers.touched(checked)) == set(layers.order(checked))
    assert len(layers.touched(checked)) >= 2


def test_a_kind_of_two_layers_stands_where_the_steps_put_it() -> None:
    hosted = ("    - kind: capacity\n", "    - kind: self_host\n")
    assert layers.touched(crossing(hosted)) == ("application", "serving", "infrastructure")
    onserving = crossing(hosted, ("3. **Infrastructure**: a share", "3. **Serving**: a share"))
    assert layers.touched(onserving) == ("application", "serving")
    assert layers.touched(crossing((STEPS, "\n\nAll at once.\n\n"))) == ("application", "serving", "infrastructure")


@pytest.mark.parametrize(
    ("rule", "old", "new", "message"),
    [
        ("XL001", STEPS, "\n\nAll at once.\n\n", "no numbered step"),
        ("XL001", "2. **Serving**: what", "2. What", "the layer serving"),
        ("XL001", ", each on what the one before left", "", "depend on one another"),
        ("XL002", "on the serving layer the batch", "the batch", "the layer serving"),
        ("XL002", "the best of the three alone", "nothing", "joint saving"),
        ("XL003", "On the infrastructure layer a machine", "A machine", "the layer infrastructure"),
        ("XL003", "hours: 80", "hours: 23.5", "less than a day"),
        ("XL003", "level: medium", "level: low", "no low risk"),
        ("XL004", "- Terraform's state shows", "- Databricks shows", "Databricks is named"),
        ("XL005", "3. Application: set the share", "3. Set the share", "the layer application"),
        ("XL006", "| application: share", "| share", "the layer application"),
    ],
)
def test_what_is_missing_is_said_by_name(rule: str, old: str, new: str, message: str) -> None:
    best = (
        "It is more than the best of them alone, and less than their sum.",
        "It is more than the best of the three alone.",
    )
    checked = crossing(best, (old, new))
    assert any(message in one.message for one in said(rule, checked))


def test_levers_of_one_layer_do_not_cross() -> None:
    batch = (
        "    - kind: batch\n" + crossing().document.text.partition("    - kind: batch\n")[2].partition("  claim:")[0]
    )
    (found,) = (one for one in said("XL001", crossing((batch, ""))) if one.field == "layer")
    assert "all levers change the layer application" in found.message


def test_no_platform_at_all_is_told_at_the_title() -> None:
    bare = crossing(
        ("title: Terraform fleets", "title: Fleets"),
        ("Terraform's state shows", "You have"),
        ("Terraform patch", "patch"),
    )
    (found,) = said("XL004", bare)
    assert found.field == "title"
    assert "names no platform" in found.message


def test_a_platform_that_is_done_without_promises_nothing() -> None:
    assert said("XL004", crossing(("- Part of the work", "- It works without Snowflake.\n- Part of the work"))) == []


def test_rolling_back_in_the_order_of_the_changes_is_wrong() -> None:
    checked = crossing(
        ("1. Infrastructure: revert the diff made from", "1. Application: use"),
        ("3. Application: set the share of the cascade to 0", "3. Infrastructure: revert"),
    )
    (found,) = said("XL005", checked)
    assert found.fix == "order the steps: infrastructure, then serving, then application"
    assert checked.document.text.split("\n")[found.line - 1] == "## Rollback"
