"""The published schemas say what the program reads, by check-jsonschema itself over the repository's files."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tokenop import documents
from tokenop.applying import receipts
from tokenop.applying.model import Receipt, State, Target
from tokenop.catalogue.places import find
from tokenop.collect import manifest
from tokenop.errors import FindingsError
from tokenop.inventory import prices as machines
from tokenop.planning import policy
from tokenop.settings import content

sys.path.insert(0, str(ROOT / "scripts"))
published = importlib.import_module("published_schemas")

MARKDOWN = {
    "template": find(content("templates")),
    "collector": sorted((ROOT / "collectors").glob("*/README.md")),
}
YAML = {
    "prices": sorted((ROOT / "templates" / "prices").glob("*.yaml")),
    "instances": sorted((ROOT / "templates" / "prices" / "instances").glob("*.yaml")),
    "retirements": sorted((ROOT / "templates" / "models").glob("*.yaml")),
}


def schema(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(published.page(name))
    return loaded


def checked(name: str, paths: list[Path], folder: Path) -> tuple[int, str]:
    """Return exit code and output of check-jsonschema over files."""
    from check_jsonschema.cli import main

    path = folder / f"{name}.schema.json"
    path.write_text(published.page(name), encoding="utf-8")
    ran = CliRunner().invoke(main, ["--schemafile", str(path), "--color", "never", *map(str, paths)])
    return ran.exit_code, ran.output


def split(name: str, folder: Path) -> list[Path]:
    """Return the files of a kind; those of markdown as their frontmatter alone."""
    if name in YAML:
        return YAML[name]
    made = []
    for path in MARKDOWN[name]:
        front = folder / f"{path.parent.name}-{path.stem}.yaml"
        front.write_text(path.read_text(encoding="utf-8").split("\n---\n")[0].removeprefix("---\n"), encoding="utf-8")
        made.append(front)
    return made


# What is broken in the first file of each kind, and what must then be told.
BROKEN = {
    "template": ("layer: ", "layer: upper-", "layer"),
    "collector": ("convention: ", "conventions: ", "conventions"),
    "prices": ("provider: ", "provider: UP ", "provider"),
    "instances": ("gpus: 1", "gpus: many", "gpus"),
    "retirements": ("source: https://", "source: ftp://", "source"),
}


@pytest.mark.parametrize("name", [*MARKDOWN, *YAML])
def test_every_file_of_the_repository_passes_and_a_broken_one_does_not(name: str, tmp_path: Path) -> None:
    files = split(name, tmp_path)
    assert files
    assert checked(name, files, tmp_path) == (0, "ok -- validation done\n")
    old, new, told = BROKEN[name]
    broken = tmp_path / "broken.yaml"
    text = files[0].read_text(encoding="utf-8")
    assert old in text
    broken.write_text(text.replace(old, new, 1), encoding="utf-8")
    code, output = checked(name, [broken], tmp_path)
    assert code == 1
    assert told in output


@pytest.mark.parametrize("name", published.PUBLISHED)
def test_a_schema_is_sound_explains_each_field_and_asks_for_nothing_that_editors_lack(name: str) -> None:
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema(name))
    assert schema(name)["title"]
    for path, node in nodes(schema(name)):
        # The common language server for YAML reads draft 7, and definitions wherever they stand.
        assert not set(node) & {"prefixItems", "unevaluatedProperties", "dependentRequired", "$dynamicRef"}, path
    if name in ("template", "collector", "instances", "retirements", "policy", "receipt", "findings"):
        for path, node in nodes(schema(name)):
            for field, entry in node.get("properties", {}).items() if isinstance(node.get("properties"), dict) else ():
                whole = resolved(entry, schema(name))
                assert entry.get("description") or whole.get("description") or path.endswith("if"), f"{path}.{field}"


def resolved(entry: dict[str, Any], root: dict[str, Any]) -> dict[str, Any]:
    reference = entry.get("$ref", "")
    return root["$defs"][reference.removeprefix("#/$defs/")] if reference else entry


def nodes(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        yield path, node
        for name, below in node.items():
            yield from nodes(below, f"{path}.{name}")
    elif isinstance(node, list):
        for below in node:
            yield from nodes(below, path)


def accepts(name: str) -> Callable[[Any], bool]:
    import jsonschema_rs

    return jsonschema_rs.validator_for(schema(name)).is_valid


def variants(value: Any) -> Iterator[Any]:
    """Yield a value with each part in turn left out, renamed, or of another type."""
    if isinstance(value, dict):
        for key in value:
            rest = {other: below for other, below in value.items() if other != key}
            yield rest
            yield {**rest, f"{key} x": value[key]}
            for below in variants(value[key]):
                yield {**value, key: below}
            for other in ("text", ["text"], {"a": "b"}, 7):
                if type(other) is not type(value[key]):
                    yield {**value, key: other}
    elif isinstance(value, list) and value and isinstance(value[0], dict):
        for below in variants(value[0]):
            yield [below, *value[1:]]


def document(meta: dict[str, Any]) -> documents.Document:
    return documents.Document(Path("collectors/x/README.md"), meta, "", 1, "", "")


RICHEST = ("snowflake", "litellm", "terraform", "manual", "posthog")


@pytest.mark.parametrize("name", RICHEST)
def test_the_schema_of_collectors_refuses_only_what_the_program_refuses(name: str) -> None:
    meta = documents.load(ROOT / "collectors" / name / "README.md").meta
    valid = accepts("collector")
    assert valid(meta)
    told = 0
    for changed in variants(meta):
        if not isinstance(changed.get("settings", {}), dict):
            continue  # the program's check of `extract` cannot take it yet
        refused = manifest._problems(document(changed))
        if not valid(changed):
            told += 1
            assert refused, changed
        else:
            # What is left to the program: names that must fit other names.
            assert not any(
                re.search("is missing|is not a key|must be a (?!list of texts)", one.message) for one in refused
            )
    assert told > 50


def test_the_choices_of_collectors_are_those_of_the_program() -> None:
    properties = schema("collector")["properties"]
    places = {"input.format": properties["input"]["properties"]["format"], **properties}
    assert {path: tuple(places[path]["enum"]) for path in manifest._CHOICES} == manifest._CHOICES


def amount(bounds: tuple[Any, Any]) -> st.SearchStrategy[Any]:
    low, high = (float(bound) for bound in bounds)
    near = [low, high, low - 1, high + 1, (low + high) / 2]
    return st.sampled_from([*near, None, True, "1", [1]])


@given(st.data())
def test_the_schema_of_policies_agrees_with_the_program(data: st.DataObject) -> None:
    fields = [field.name for field in dataclasses.fields(policy.Policy)]
    assert set(schema("policy")["properties"]) == {*fields, "schema_version"}
    name = data.draw(st.sampled_from([*fields, "schema_version", "max_risks"]))
    bounds = policy._BOUNDS.get(name)
    value = data.draw(amount(bounds) if bounds else st.sampled_from([1, 2, "low", "none", [], ["a"], [1], None, {}]))
    complaint, _, _ = policy._read(name, value, {*fields, "schema_version"})
    assert accepts("policy")({name: value}) == (not complaint), (name, value, complaint)


def test_defaults_of_policies_are_those_of_the_program() -> None:
    told = {name: entry["default"] for name, entry in schema("policy")["properties"].items() if "default" in entry}
    assert {name: value for name, value in policy.Policy().as_dict().items() if name in told} == told
    assert policy.load(None) == policy.Policy()


def test_the_schema_of_machines_agrees_with_the_program(tmp_path: Path) -> None:
    valid = accepts("instances")
    whole = {
        "schema_version": 1,
        "provider": "aws",
        "source": "x",
        "verified_on": "2026-01-01",
        "instances": [
            {"type": "g5", "accelerator": "A10G", "gpus": 1, "source": "x", "verified_on": "x", "note": "x"}
            | {f"{name}_usd_per_hour": {"eu": 1} for name in ("on_demand", "spot", "reserved_1y")}
        ],
        "families": [{"prefix": "g5.", "accelerator": "A10G"}],
    }
    assert valid(whole)
    amounts = (0, -1, 100_000, 99_999, True, None, [1], "1.5", "text")
    prices = [{**whole, "instances": [{"type": "g5", "spot_usd_per_hour": {"eu": amount}}]} for amount in amounts]
    gpus = [{**whole, "instances": [{"type": "g5", "gpus": count}]} for count in (0, 1024, 1025, 1.5, True, None)]
    for changed in (*variants(whole), *prices, *gpus, {**whole, "provider": "ibm"}, {**whole, "schema_version": 2}):
        text = json.dumps(changed)
        path = tmp_path / "machines.yaml"
        path.write_text(text)
        try:
            problems = list(machines._problems(documents.load_yaml(path)))
        except FindingsError as error:
            problems = list(error.findings)
        assert valid(changed) == (not problems), (text, problems)


STATES = st.builds(State, st.binary(max_size=20), st.integers(0, 0o777))
TEXTS = st.lists(st.sampled_from(["a", "b-c"]), max_size=2).map(tuple)
RECEIPTS = st.builds(
    Receipt,
    template=st.sampled_from(["a", "a-b-2"]),
    version=st.just("1.0.0"),
    sha256=st.just("0" * 64),
    parameters=st.dictionaries(st.sampled_from(["a", "b"]), st.integers() | st.text(max_size=5)),
    requires=TEXTS,
    conflicts=TEXTS,
    sequence=st.integers(0, 9),
    day=st.none() | st.dates(date(2020, 1, 1)),
    targets=st.lists(
        st.builds(Target, st.sampled_from(["a.yaml", "b/c.md"]), st.none() | STATES, STATES), max_size=2
    ).map(tuple),
    folders=TEXTS,
)


@given(RECEIPTS, st.data())
def test_what_is_written_as_a_receipt_fits_its_schema_and_what_lacks_a_key_does_not(
    receipt: Receipt, data: st.DataObject
) -> None:
    valid = accepts("receipt")
    entry = json.loads(receipts.text(receipt))
    assert valid(entry)
    assert receipts.parsed(receipts.loaded(json.dumps(entry).encode(), "receipt")) == receipt
    lacking = copy.deepcopy(entry)
    del lacking[data.draw(st.sampled_from(sorted(entry)))]
    assert not valid(lacking)
    with pytest.raises(ValueError, match="does not fit its schema"):
        receipts.loaded(json.dumps(lacking).encode(), "receipt")


def test_what_lint_prints_fits_its_schema(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    broken = tmp_path / "application-layer" / "x.md"
    broken.parent.mkdir()
    broken.write_text("---\nid: y\ntitel: x\n---\n<b>x</b>\n")
    ran = run_cli("templates", "lint", "--format", "json", broken)
    assert ran.exit_code == 1
    assert accepts("findings")(json.loads(ran.stdout))


def test_the_commands_of_the_page_work(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "schemas" / "README.md").read_text(encoding="utf-8")
    (tmp_path / "templates").symlink_to(ROOT / "templates")
    (tmp_path / "docs" / "schemas").mkdir(parents=True)
    for path, of in published.pages().items():
        (tmp_path / path).write_text(of(), encoding="utf-8")
    commands = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
    environment = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        "HOME": str(tmp_path),
    }
    ran = subprocess.run(["sh", "-e", "-c", commands], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (ran.returncode, ran.stdout.count("ok -- validation done")) == (0, 3), ran.stdout + ran.stderr


def test_the_page_lists_every_schema() -> None:
    text = (ROOT / "docs" / "schemas" / "README.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[([a-z-]+)\.schema\.json\]\(\1\.schema\.json\) \|", text, re.MULTILINE)
    assert listed == sorted(published.PUBLISHED)
    assert {f"docs/schemas/{name}.schema.json" for name in listed} == set(published.pages())
