"""The templates that are shipped: sound, over all layers, and usable on the sample month."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tokenop import settings
from tokenop.catalogue import Template, levers, load, reference, schema, vocabulary
from tokenop.catalogue.model import LAYERS, STATUSES
from tokenop.trials import workloads

if TYPE_CHECKING:
    import duckdb

CATALOGUE = load()
TEMPLATES = [pytest.param(template, id=template.id) for template in CATALOGUE.templates]
SAMPLE = Path(__file__).resolve().parents[2] / "tokenop" / "sample" / "month.parquet"
README = settings.content("templates") / "README.md"

# The twelve that the project began with, and twelve that today's practice asks for.
WANTED = {
    "application-layer": {
        "semantic-caching", "prompt-optimization", "model-routing", "prompt-caching", "subagent-context-isolation",
        "retrieval-before-planning", "output-length-control", "cascade-with-verification", "context-compaction",
        "fine-tuned-small-model",
    },
    "serving-layer": {
        "vllm-migration", "tensorrt-optimization", "sglang-deployment", "batch-inference", "provider-fallback-groq",
        "quantised-serving", "speculative-decoding",
    },
    "infrastructure-layer": {
        "spot-instance-optimization", "reserved-instance-planning", "multi-region-deployment", "autoscaling-to-zero",
    },
    "cross-layer": {"databricks-vllm-optimization", "snowflake-api-routing", "terraform-spot-instances"},
}  # fmt: skip


def test_no_shipped_template_has_a_finding() -> None:
    assert CATALOGUE.findings == ()


def test_twenty_four_templates_that_people_ask_for_stand_over_all_four_layers() -> None:
    assert sum(map(len, WANTED.values())) == 24
    for layer in LAYERS:
        assert WANTED[layer] <= {template.id for template in CATALOGUE.templates if template.layer == layer}


def test_ids_are_sorted_so_that_a_plan_does_not_depend_on_the_disk() -> None:
    ids = [template.id for template in CATALOGUE.templates]
    assert ids == sorted(ids)


def test_every_lever_kind_is_shown_by_a_template() -> None:
    # A limit is a number of one company's: no template that suits others has one. Its example is in the README.
    shown = {lever.kind for template in CATALOGUE.templates for lever in template.levers}
    assert shown == set(levers.SPECS) - {"budget"}


def test_what_makes_the_same_change_is_in_conflict_and_what_shares_machines_says_who_comes_first() -> None:
    spot, both = CATALOGUE.get("spot-instance-optimization"), CATALOGUE.get("terraform-spot-instances")
    reserved = CATALOGUE.get("reserved-instance-planning")
    assert spot
    assert both
    assert reserved
    assert both.id in spot.conflicts
    assert {spot.id, "batch-inference"} <= set(both.conflicts)
    for template in (spot, both):
        assert reserved.id in template.body
        assert template.id in reserved.body


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_figure_that_is_reported_or_measured_names_its_source(template: Template) -> None:
    for lever in template.levers:
        for name, entry in lever.parameters.items():
            if entry.evidence != "assumed":
                assert "https://" in entry.source, name
            assert len(entry.source) >= 20, name


@pytest.mark.parametrize("template", TEMPLATES)
def test_references_are_links_over_https(template: Template) -> None:
    references = template.body.split("## References")[1]
    assert len(re.findall(r"<https://[^>\s]+>", references)) >= 2
    assert "http://" not in references


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_has_patches_and_its_rollback_names_one_of_their_files(template: Template) -> None:
    assert template.patches
    rollback = template.body.split("## Rollback")[1].split("\n## ")[0]
    names = {Path(patch.target).name for patch in template.patches}
    undone = any(name in rollback for name in names) or re.search(r"[Rr]evert|Remove|Unset", rollback)
    assert undone


@pytest.mark.parametrize("template", TEMPLATES)
def test_it_starts_as_proposed_with_the_fixed_hourly_rate(template: Template) -> None:
    assert template.status == "proposed"
    assert template.implementation.hourly_rate_usd == 200
    assert template.stale_after > template.verified_on


def test_conflicts_are_declared_on_both_sides() -> None:
    for template in CATALOGUE.templates:
        for other in template.conflicts:
            found = CATALOGUE.get(other)
            assert found is not None
            assert template.id in found.conflicts


@pytest.mark.parametrize("template", TEMPLATES)
def test_rerouting_targets_have_a_price_in_the_month_of_the_sample(template: Template) -> None:
    from tokenop.prices import book

    prices = book.load()
    for lever in template.levers:
        target = lever.options.get("to")
        if isinstance(target, dict):
            assert prices.resolve(target["provider"], target["model"]) is not None, target


def test_the_schema_is_one_and_knows_the_lever_kinds_layers_and_statuses() -> None:
    from jsonschema import Draft202012Validator

    document = schema.schema()
    Draft202012Validator.check_schema(document)
    properties, definitions = document["properties"], document["$defs"]
    assert definitions["lever"]["properties"]["kind"]["enum"] == list(levers.SPECS)
    assert properties["layer"]["enum"] == list(LAYERS)
    assert set(properties["status"]["enum"]) == set(STATUSES)


def test_every_key_of_the_schema_is_described() -> None:
    def undescribed(part: object, path: str) -> list[str]:
        if not isinstance(part, dict):
            return []
        found = []
        for name, entry in part.get("properties", {}).items():
            if "description" not in entry and "$ref" not in entry:
                found.append(f"{path}.{name}")
            found += undescribed(entry, f"{path}.{name}")
        for name, entry in part.get("$defs", {}).items():
            found += undescribed(entry, name)
        return found

    document = schema.schema()
    assert undescribed(document, "") == []
    closed = json.dumps(document).count('"additionalProperties": false')
    assert closed == json.dumps(document).count('"required": [')


def test_event_vocabulary_is_the_event_schema_and_the_priced_columns() -> None:
    from tokenop.events import schema as events

    assert set(events.types()) < set(vocabulary.EVENT_COLUMNS)
    added = set(vocabulary.EVENT_COLUMNS) - set(events.types())
    assert {"n", "t_uncached", "t_read", "r_output", "priced_provider", "priced_model"} <= added


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[duckdb.DuckDBPyConnection]:
    """Yield a connection with the priced calls of the sample month."""
    from tokenop.database import connect
    from tokenop.events.log import open_log
    from tokenop.prices import book, calls

    with connect() as connection:
        open_log(connection, SAMPLE, scratch=tmp_path_factory.mktemp("scratch"))
        calls.create(connection, book.load())
        yield connection


def test_profile_vocabulary_is_what_the_profile_computes(sample: duckdb.DuckDBPyConnection) -> None:
    from tokenop.profile import scalars

    assert set(scalars.compute(sample)) == set(vocabulary.PROFILE_SCALARS)


def test_event_vocabulary_has_the_types_of_priced_calls(sample: duckdb.DuckDBPyConnection) -> None:
    described = {row[0]: row[1] for row in sample.execute("DESCRIBE calls").fetchall()}
    types = {
        name: kind.replace("TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE") for name, kind in vocabulary.EVENT_COLUMNS.items()
    }
    assert types == {name: described[name] for name in types}


@pytest.mark.parametrize("workload", workloads.names())
def test_every_lever_finds_calls_in_the_workload_of_its_claim_and_leaves_most_alone(
    workload: str, tmp_path: Path
) -> None:
    from tokenop.database import connect
    from tokenop.events.log import open_log
    from tokenop.prices import book, calls

    with connect() as connection:
        open_log(connection, workloads.log(workload), scratch=tmp_path)
        calls.create(connection, book.load())
        for template in CATALOGUE.templates:
            for lever in template.levers if template.claim.workload == workload else ():
                if levers.SPECS[lever.kind].acts_on == "resources":
                    continue
                count = f"SELECT count(*) FILTER (WHERE (\n{lever.where}\n)), count(*) FROM calls"
                counted = connection.execute(count).fetchone()
                assert counted is not None
                assert 0 < counted[0] < 0.5 * counted[1], f"{template.id}[{lever.index}]"


@pytest.mark.parametrize("template", TEMPLATES)
def test_every_lever_on_the_inventory_finds_resources_of_the_sample_and_leaves_some_alone(template: Template) -> None:
    from tokenop.database import connect
    from tokenop.economics import fleet
    from tokenop.economics.levers import Bound
    from tokenop.inventory import read

    inventory = read(SAMPLE.with_name("sample-inventory.yaml"))
    bounds = [Bound(template.id, lever, f"l{lever.index}") for lever in template.levers]
    with connect() as connection:
        found = fleet.load(connection, inventory, bounds)
    for bound in bounds:
        if bound.lever.kind == "capacity":
            assert 0 < found.match[bound.name].sum() < len(inventory.resources)


def test_the_inventory_of_the_sample_says_that_it_is_made_up() -> None:
    text = SAMPLE.with_name("sample-inventory.yaml").read_text(encoding="utf-8")
    assert text.startswith("# SAMPLE: made up")
    assert all("module.sample_" in line for line in text.splitlines() if " address: " in line)


def test_inventory_vocabulary_is_what_the_fleet_tells() -> None:
    from tokenop.economics import fleet
    from tokenop.inventory import read

    inventory = read(SAMPLE.with_name("sample-inventory.yaml"))
    told = fleet.scalars(inventory)
    assert list(told) == list(vocabulary.INVENTORY_SCALARS)
    assert fleet.scalars(None) == dict.fromkeys(vocabulary.INVENTORY_SCALARS)
    assert (told["gpu_count"], told["infra_resources"]) == (14, 4)
    assert told["infra_monthly_usd"] == inventory.totals.monthly_usd


def test_the_lever_table_of_the_readme_is_up_to_date() -> None:
    text = README.read_text(encoding="utf-8")
    assert text == reference.updated(text), "run `python -m tokenop.catalogue.reference`"
