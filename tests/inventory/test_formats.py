"""Telling Terraform's files apart, and surviving what is none of them."""

from __future__ import annotations

import contextlib
import copy
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.inventory.terraform_files import Values, changed, collected, only, plan, resource, state
from tokenop import inventory, settings
from tokenop.errors import FindingsError, InputError
from tokenop.inventory import formats

INSTANCE = {"instance_type": "g5.xlarge", "availability_zone": "us-east-1a", "instance_market_options": []}


def refusal(path: Path) -> str:
    with pytest.raises(FindingsError) as caught:
        inventory.collect([path])
    (found,) = caught.value.findings
    assert found.file == str(path)
    return str(found)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty"),
        (b"PK\x03\x04 plan", "binary plan"),
        (b"{", "is not JSON"),
        (b'{"a": 1,\n "b": }', ":2"),
        (b"[1, 2]", "not what Terraform writes"),
        (b'{"hello": 1}', "neither a Terraform state nor a plan"),
        (b'{"@level":"info"}\n{"@level":"info"}', "log of `terraform plan -json`"),
        (b'{"format_version": "2.0", "values": {}}', "format_version"),
        (b'{"version": 3, "serial": 1, "modules": []}', "version 3"),
        (b'{"encrypted_data": "x", "meta": {}}', "encrypted"),
        (b'{"format_version": "1.0", "values": []}', "values is not a mapping"),
        (b'{"format_version": "1.0", "values": {"root_module": {"resources": [1]}}}', "resources is not a list"),
        (b'{"format_version": "1.0", "values": {"root_module": {"resources": [{}]}}}', "no type or address"),
        (b'{"version": NaN}', "not a JSON number"),
        (b'{"n": ' + b"9" * 5000 + b"}", "is not JSON"),
        (b"\xff\xfe\x00\xd8", "is not JSON"),
    ],
)
def test_what_terraform_did_not_write_is_refused_with_what_it_is(content: bytes, says: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(content)
    assert says in refusal(path)


def test_all_files_that_are_wrong_are_named_at_once(tmp_path: Path) -> None:
    paths = [tmp_path / "a.json", tmp_path / "b.json"]
    for path in paths:
        path.write_text("{")
    with pytest.raises(FindingsError) as caught:
        inventory.collect(paths)
    assert [found.file for found in caught.value.findings] == [str(path) for path in paths]


@pytest.mark.parametrize("depth", [2_000, 200_000])
def test_a_depth_bomb_is_a_finding(depth: int, tmp_path: Path) -> None:
    path = tmp_path / "bomb.json"
    path.write_text('{"format_version": "1.0", "values": ' + '{"a":' * depth + "1" + "}" * depth + "}")
    with contextlib.suppress(FindingsError):  # a JSON reader that goes deep enough finds nothing in it
        assert not inventory.collect([path]).resources


def test_deep_modules_and_deep_values_are_no_recursion(tmp_path: Path) -> None:
    module: Values = {"resources": [resource("aws_instance.i", INSTANCE)]}
    for depth in range(formats.DEEPEST_MODULE):
        module = {"address": f"module.m{depth}", "child_modules": [module], "resources": []}
    deep = {"format_version": "1.0", "values": {"root_module": module}}
    assert only(collected(tmp_path, deep)).count.total == 1
    deep["values"] = {"root_module": {"child_modules": [module]}}
    with pytest.raises(FindingsError, match="nested deeper"):
        collected(tmp_path, deep)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "big.tfstate"
    path.write_text(json.dumps(state()))
    monkeypatch.setattr(formats, "LARGEST", 10)
    assert "is larger than" in refusal(path)


def test_a_folder_or_an_absent_file_is_an_input_error(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.json"):
        with pytest.raises(InputError):
            inventory.collect([path])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_a_shell_may_have_written_the_file_in_any_unicode(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_bytes(json.dumps(state(resource("aws_instance.i", INSTANCE))).encode(encoding))
    assert only(inventory.collect([path])).region == "us-east-1"


def test_an_empty_state_is_an_empty_inventory(tmp_path: Path) -> None:
    found = collected(tmp_path, {"format_version": "1.0"})
    assert (found.resources, found.origin[0].kind) == ((), "state")


def test_data_sources_and_deposed_objects_are_left_out_and_counted(tmp_path: Path) -> None:
    data = {**resource("aws_instance.read", INSTANCE), "mode": "data"}
    found = collected(tmp_path, state(data, resource("aws_instance.old", INSTANCE, deposed_key="abc")))
    assert not found.resources
    assert {(entry.reason.split(":")[0], entry.resources) for entry in found.skipped} == {
        ("data source", 1),
        ("deposed", 1),
    }


def test_a_raw_state_names_instances_by_count_and_key_in_their_modules(tmp_path: Path) -> None:
    entries = [{"index_key": key, "attributes": INSTANCE} for key in (0, 'a"b')]
    entries.append({"index_key": 1, "attributes": INSTANCE, "deposed": "0f"})
    raw = {"version": 4, "serial": 3, "lineage": "x", "terraform_version": "1.9.0", "resources": [
        {"module": "module.a[0]", "mode": "managed", "type": "aws_instance", "name": "i", "instances": entries},
        {"mode": "data", "type": "aws_instance", "name": "d", "instances": [{"attributes": INSTANCE}]},
    ]}  # fmt: skip
    found = collected(tmp_path, raw)
    assert [one.address for one in found.resources] == [
        'module.a[0].aws_instance.i["a\\"b"]',
        "module.a[0].aws_instance.i[0]",
    ]
    assert (found.origin[0].kind, found.origin[0].terraform_version) == ("tfstate", "1.9.0")
    assert found.counts["rows_in"] == 4


def test_the_same_resource_in_state_and_plan_counts_once_as_planned(tmp_path: Path) -> None:
    before = {**INSTANCE, "id": "i-1"}
    held = state(resource("aws_instance.i", before), resource("aws_instance.other", {**INSTANCE, "id": "i-2"}))
    after = {**before, "instance_type": "g5.2xlarge"}
    found = collected(tmp_path, held, plan(changed("aws_instance.i", ["update"], before, after)))
    assert [(one.address, one.instance_type, one.change) for one in found.resources] == [
        ("aws_instance.i", "g5.2xlarge", "update"),
        ("aws_instance.other", "g5.xlarge", "none"),
    ]
    assert found.counts["rows_in"] == 3


SAMPLES = [
    json.loads(path.read_text()) for path in sorted((settings.content("collectors") / "terraform").glob("sample*"))
]
ODD = st.sampled_from([None, 0, -1, 3.5, True, "", "x", [], {}, [None], {"a": 1}, [[]], "9" * 400, [{"id": {}}]])


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += places(item, (*path, key))
    return found


PLACES = [places(sample) for sample in SAMPLES]


@given(st.data())
def test_a_mutated_sample_gives_an_inventory_or_a_finding_never_a_crash(data: st.DataObject) -> None:
    number = data.draw(st.sampled_from(range(len(SAMPLES))))
    document = copy.deepcopy(SAMPLES[number])
    *outer, last = data.draw(st.sampled_from(PLACES[number]))
    here = document
    for key in outer:
        here = here[key]
    here[last] = data.draw(ODD)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = collected(Path(folder), document)
        except FindingsError:
            return
        target = Path(folder) / "inventory.yaml"
        found.write(target)
        assert inventory.read(target) == found
