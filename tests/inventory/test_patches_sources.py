"""Finding what to edit: modules, indices, values from elsewhere, sources that cannot be edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inventory.patching import (
    asking,
    git,
    inventory,
    proven,
    running,
    write,
)
from tokenop.inventory.patches import diffs
from tokenop.inventory.patches.sources import split

pytest.importorskip("tree_sitter_hcl")


@pytest.mark.parametrize("value", ["var.kind", "local.kind", '"${var.kind}"', 'var.big ? "SPOT" : "ON_DEMAND"'])
def test_a_value_from_elsewhere_is_never_overwritten_but_said_with_its_place(value: str, tmp_path: Path) -> None:
    text = f'\nresource "aws_eks_node_group" "r" {{\n  capacity_type = {value}\n}}\n'
    diff, _ = proven(write(tmp_path, main=text), inventory("aws_eks_node_group.r"), asking("spot"))
    assert diff.text == ""
    assert diff.notes[0].startswith("main.tf:3: aws_eks_node_group.r: capacity_type = ")
    assert 'make it "SPOT"' in diff.notes[0]


def test_a_dynamic_block_is_a_note(tmp_path: Path) -> None:
    text = (
        'resource "aws_autoscaling_group" "g" {\n  dynamic "mixed_instances_policy" {\n    for_each = [1]\n'
        "    content {\n    }\n  }\n}\n"
    )
    diff, _ = proven(write(tmp_path, main=text), inventory("aws_autoscaling_group.g"), asking("spot"))
    assert diff.text == ""
    assert "dynamic block" in diff.notes[0]


NODES = 'resource "aws_eks_node_group" "gpu" {\n  for_each = var.pools\n}\n'


def test_a_module_in_the_same_sources_is_edited_in_its_folder(tmp_path: Path) -> None:
    main = 'module "llm" {\n  source = "./modules/llm"\n}\n'
    folder = write(tmp_path, main=main, modules__llm__nodes=NODES)
    found = inventory('module.llm.aws_eks_node_group.gpu["a.b"]', 'module.llm.aws_eks_node_group.gpu["c"]')
    diff, after = proven(folder, found, asking("spot"))
    assert diff.files == ("modules/llm/nodes.tf",)
    assert b'  capacity_type = "SPOT"\n' in after["modules/llm/nodes.tf"]


def test_a_module_above_the_root_module_is_edited_within_the_repository(tmp_path: Path) -> None:
    main = 'module "llm" {\n  source = "../../modules/llm"\n}\n'
    repository = write(tmp_path, envs__prod__main=main, modules__llm__nodes=NODES)
    (diff,) = diffs(inventory("module.llm.aws_eks_node_group.gpu"), asking("spot"), repository / "envs" / "prod")
    assert (diff.base, diff.files) == (repository.resolve(), ("modules/llm/nodes.tf",))
    git(repository, "apply", "--check", "-", text=diff.text)


@pytest.mark.parametrize(
    ("main", "says"),
    [
        ('module "llm" {\n  source = "terraform-aws-modules/eks/aws"\n}\n', "terraform-aws-modules/eks/aws"),
        ('module "llm" {\n  source = "../../../outside"\n}\n', "outside of"),
        ('module "llm" {\n  source = "./absent"\n}\n', "does not exist"),
        ('module "llm" {\n}\n', "comes from nothing"),
        ("", 'module "llm" is not in'),
    ],
)
def test_a_module_from_elsewhere_is_a_note(main: str, says: str, tmp_path: Path) -> None:
    diff, _ = proven(write(tmp_path, main=main), inventory("module.llm.aws_eks_node_group.gpu"), asking("spot"))
    assert diff.text == ""
    assert says in diff.notes[0]


def test_a_block_that_also_makes_what_is_not_meant_is_left_alone(tmp_path: Path) -> None:
    found = inventory(running('aws_eks_node_group.gpu["a"]', 4), running('aws_eks_node_group.gpu["b"]', 1))
    diff, _ = proven(write(tmp_path, main=NODES), found, asking("spot", where="on_demand > 1"))
    assert diff.text == ""
    assert 'also makes aws_eks_node_group.gpu["b"]' in diff.notes[0]


def test_a_resource_that_is_not_there_twice_there_or_in_json_is_a_note(tmp_path: Path) -> None:
    (tmp_path / "more.tf.json").write_text("{}")
    folder = write(tmp_path, a=NODES, b=NODES)
    diff, _ = proven(folder, inventory("aws_eks_node_group.gpu", "aws_instance.absent"), asking("spot"))
    assert diff.text == ""
    assert "stands more than once (a.tf:1, b.tf:1)" in diff.notes[0]
    assert "is not in ./*.tf (JSON sources" in diff.notes[1]


def test_a_file_that_is_broken_or_no_text_is_left_as_it_is(tmp_path: Path) -> None:
    folder = write(tmp_path, a=NODES, b='resource "aws_instance" "x" {\n  a = [\n')
    (folder / "c.tf").write_bytes(b"# \xff\n")
    diff, _ = proven(folder, inventory("aws_eks_node_group.gpu"), asking("spot"))
    assert diff.files == ("a.tf",)
    assert any(note.startswith("b.tf:") and "not sound HCL" in note for note in diff.notes)
    assert any("c.tf: is not UTF-8" in note for note in diff.notes)


def test_a_path_with_a_space_applies(tmp_path: Path) -> None:
    folder = write(tmp_path, main='module "m" {\n  source = "./my modules"\n}\n')
    write(tmp_path / "my modules", main=NODES)
    (tmp_path / "my modules" / ".git").rename(tmp_path / "unused")
    diff, _ = proven(folder, inventory("module.m.aws_eks_node_group.gpu"), asking("spot"))
    assert diff.files == ("my modules/main.tf",)


def test_addresses_are_split_around_any_index() -> None:
    assert split('module.a["x.y"].module.b[0].t.n["]."]') == ("module", "a", "module", "b", "t", "n")
    assert split("not an [address") == ()
