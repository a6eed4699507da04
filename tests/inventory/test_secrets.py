"""Nothing but what a table names leaves a state or plan."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.inventory.terraform_files import changed, collected, only, plan, resource, state
from tokenop.inventory.kinds.table import KINDS

CANARY = "canary-9f3b-hunter2"
EVERYWHERE = {
    "user_data": CANARY,
    "user_data_base64": CANARY,
    "environment": [{"variables": {"PASSWORD": CANARY}}],
    "tags": {"secret": CANARY},
    "tags_all": {"secret": CANARY},
    "metadata": {"startup-script": CANARY},
    "admin_password": CANARY,
    "custom_data": CANARY,
    "spark_env_vars": {"TOKEN": CANARY},
    "labels": {"x": CANARY},
    "key_name": CANARY,
}


def holding(paths: dict[str, str], value: Any) -> dict[str, Any]:
    """Return nested values that hold `value` at each of the declared paths, and canaries beside them."""
    found: dict[str, Any] = dict(EVERYWHERE)
    for path in paths:
        here = found
        *outer, last = path.split(".")
        for step in outer:
            name = step.removesuffix("[]")
            inner = here.setdefault(name, [dict(EVERYWHERE)] if step.endswith("[]") else dict(EVERYWHERE))
            here = inner[0] if isinstance(inner, list) else inner
        here[last.removesuffix("[]")] = [value] if last.endswith("[]") else value
    return found


GPU = {"aws": "g5.xlarge", "google": "g2-standard-4", "azure": "Standard_NC4as_T4_v3", "databricks": "g5.xlarge"}


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].read])
def test_no_other_attribute_of_any_kind_reaches_the_inventory(kind: str, tmp_path: Path) -> None:
    values = holding(dict(KINDS[kind].attributes), GPU[KINDS[kind].provider])
    raw = {"version": 4, "serial": 1, "lineage": "x", "resources": [
        {"mode": "managed", "type": kind, "name": "r", "instances": [{"attributes": values}]}]}  # fmt: skip
    for document in (state(resource(f"{kind}.s", values)), plan(changed(f"{kind}.p", ["update"], values, values)), raw):
        found = collected(tmp_path, document)
        assert CANARY not in found.yaml


@pytest.mark.parametrize("kind", [kind for kind in KINDS if KINDS[kind].read])
def test_what_terraform_marks_as_sensitive_is_null_even_where_the_table_names_it(kind: str, tmp_path: Path) -> None:
    values = holding(dict(KINDS[kind].attributes), CANARY)
    found = collected(tmp_path, state(resource(f"{kind}.r", values, sensitive_values=masked(values))))
    assert CANARY not in found.yaml


def masked(value: Any) -> Any:
    """Return a mask that marks every single value."""
    if isinstance(value, dict):
        return {name: masked(item) for name, item in value.items()}
    return [masked(item) for item in value] if isinstance(value, list) else True


def test_a_sensitive_value_is_named_as_unknown(tmp_path: Path) -> None:
    values = {"instance_types": ["g5.xlarge"], "scaling_config": [{"desired_size": 3}], "capacity_type": "SPOT"}
    marked = {"capacity_type": True, "scaling_config": [{"desired_size": True}]}
    one = only(collected(tmp_path, state(resource("aws_eks_node_group.n", values, sensitive_values=marked))))
    assert one.unknown == ("capacity_type", "scaling_config.desired_size")
    assert (one.count.total, one.count.spot) == (None, None)


@pytest.mark.parametrize("path", [["instance_type"], ["instance_market_options", 0, "market_type"]])
def test_a_raw_state_names_its_sensitive_attributes_as_paths(path: list[Any], tmp_path: Path) -> None:
    attributes = {"instance_type": "g5.xlarge", "ami": CANARY, "instance_market_options": [{"market_type": "spot"}]}
    steps = [{"type": "index" if isinstance(step, int) else "get_attr", "value": step} for step in path]
    entry = {"attributes": attributes, "sensitive_attributes": [steps]}
    raw = {"version": 4, "serial": 1, "lineage": "x", "resources": [
        {"mode": "managed", "type": "aws_instance", "name": "r", "instances": [entry]}]}  # fmt: skip
    found = collected(tmp_path, raw)
    assert CANARY not in found.yaml
    if path == ["instance_type"]:
        assert not found.resources
    else:
        assert only(found).count.spot is None


def test_a_value_in_the_place_of_a_machine_type_must_be_short_printable_text(tmp_path: Path) -> None:
    for odd in ("x" * 600, "g5.xlarge\nuser_data: secret", {"nested": "g5.xlarge"}, ["g5.xlarge"], 7, True):
        values = {"instance_type": odd, "availability_zone": "us-east-1a"}
        assert not collected(tmp_path, state(resource("aws_instance.r", values))).resources


def strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


def test_the_samples_hold_nothing_that_looks_like_a_secret() -> None:
    from tokenop import settings

    for path in sorted((settings.content("collectors") / "terraform").glob("sample*")):
        for text in strings(json.loads(path.read_text())):
            assert "@" not in text
            assert not text.startswith(("AKIA", "sk-", "ghp_", "-----BEGIN"))
