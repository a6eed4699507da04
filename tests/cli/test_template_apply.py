"""`tokenop template-apply`: the diff first, consent, values, Terraform; exit codes and JSON."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.applying.repositories import template

PARAMETERS = """\
parameters:
  region:
    description: Where it runs.
    choices: [eu, us]
  minutes: {description: "How long.", type: integer, default: 5}
requires: []"""
PATCHED = """\
      prompts:
        trim_boilerplate: true
        region: "{{region}}"
        minutes: "{{minutes}}"
---"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / "tokenop").mkdir(parents=True)
    (folder / "tokenop" / "prompts.yaml").write_text("# ours\nprompts:\n    keep: 1\n", encoding="utf-8")
    return folder


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    """Return a folder with a template that asks for values."""
    layer = tmp_path / "templates" / "application-layer"
    layer.mkdir(parents=True)
    text = template().replace("requires: []", PARAMETERS)
    text = text.replace("      prompts:\n        trim_boilerplate: true\n---", PATCHED)
    (layer / "shorter-prompts.md").write_text(text, encoding="utf-8")
    return layer.parent


@pytest.fixture
def apply(run_cli: Callable[..., Any], project: Path, templates: Path) -> Callable[..., Any]:
    def run(*words: object, name: str = "shorter-prompts") -> Any:
        return run_cli("template-apply", name, "--project", project, "--templates-dir", templates, *words)

    return run


def contents(project: Path) -> str:
    return (project / "tokenop" / "prompts.yaml").read_text(encoding="utf-8")


def test_a_dry_run_shows_the_diff_and_writes_nothing(apply: Callable[..., Any], project: Path) -> None:
    ran = apply("--dry-run", "--set", "region=eu")
    assert ran.exit_code == 0, ran.stderr
    assert '+    region: "eu"\n' in ran.stdout
    assert " # ours\n" in ran.stdout
    assert "Nothing was written" in ran.stdout
    assert not (project / ".tokenop").exists()


def test_without_a_terminal_it_asks_for_yes(apply: Callable[..., Any], project: Path) -> None:
    before = contents(project)
    ran = apply("--set", "region=eu")
    assert ran.exit_code == 2
    assert "--yes" in ran.stderr
    assert contents(project) == before


def test_with_yes_it_writes_and_says_how_to_go_back(apply: Callable[..., Any], project: Path) -> None:
    ran = apply("--yes", "--set", "region=eu", "--set", "minutes=7")
    assert ran.exit_code == 0, ran.stderr
    assert (
        contents(project)
        == '# ours\nprompts:\n    keep: 1\n    trim_boilerplate: true\n    region: "eu"\n    minutes: 7\n'
    )
    assert "shorter-prompts 1.0.0: 1 file written; receipt in .tokenop/receipts/shorter-prompts.json." in ran.stdout
    assert "Take it back: tokenop template-rollback shorter-prompts" in ran.stdout
    again = apply("--yes", "--set", "region=eu", "--set", "minutes=7")
    assert again.stdout.startswith("shorter-prompts 1.0.0 is applied here already: nothing to change.")
    other = apply("--yes", "--set", "region=us")
    assert other.exit_code == 1
    assert "take it back first" in other.stderr


def test_interactive_asks_for_each_value_until_it_fits(
    apply: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("cn\nus\n\ny\n"))
    ran = apply("--interactive")
    assert ran.exit_code == 0, ran.stderr
    assert "region: Where it runs: eu, us: " in ran.stderr
    assert "region: must be one of eu, us" in ran.stderr
    assert 'region: "us"\n    minutes: 5\n' in contents(project)


def test_no_is_no(apply: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(project)
    monkeypatch.setattr(sys, "stdin", io.StringIO("eu\n\nn\n"))
    ran = apply("--interactive")
    assert ran.exit_code == 130
    assert "Nothing was written." in ran.stderr
    assert contents(project) == before
    assert not (project / ".tokenop").exists()


def test_the_commands_that_come_next_can_be_copied(apply: Callable[..., Any], project: Path, templates: Path) -> None:
    dry = apply("--dry-run", "--set", "region=eu")
    this = f"tokenop template-apply shorter-prompts --set region=eu --project {project} --templates-dir {templates}"
    assert dry.stdout.endswith(f"Next: {this}\n")
    assert f"Take it back: tokenop template-rollback shorter-prompts --project {project}\n" in (
        apply("--yes", "--set", "region=eu").stdout
    )


def test_json_asks_nobody(apply: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True)
    ran = apply("--json", "--set", "region=eu")
    assert (ran.exit_code, ran.stdout) == (2, "")
    assert "add --dry-run to see the change, or --yes to write it" in ran.stderr


def test_a_reader_that_goes_away_does_not_keep_it_from_writing(
    apply: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("tokenop.applying.showing.show", gone)
    assert apply("--yes", "--set", "region=eu").exit_code == 0
    assert "trim_boilerplate" in contents(project)


def test_what_is_named_for_terraform_must_be_there(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    for option in ("--inventory", "--terraform"):
        ran = run_cli("template-apply", "spot-instance-optimization", "--yes", option, "nowhere", cwd=tmp_path)
        assert ran.exit_code == 1
        assert "nowhere: is not a f" in ran.stderr
        assert list(tmp_path.iterdir()) == []


def test_values_that_are_missing_or_wrong_are_misuse(apply: Callable[..., Any]) -> None:
    twice = ("--set", "region=eu", "--set", "region=us")
    for words in ((), ("--set", "region"), ("--set", "region=eu", "--set", "colour=red"), twice):
        assert apply("--dry-run", *words).exit_code == 2


def test_json_holds_the_diff_and_what_stands_in_the_way(apply: Callable[..., Any], project: Path) -> None:
    told = json.loads(apply("--dry-run", "--json", "--set", "region=eu").stdout)
    assert (told["written"], told["parameters"]) == (False, {"region": "eu", "minutes": 5})
    assert told["files"][0]["target"] == "tokenop/prompts.yaml"
    assert told["files"][0]["diff"].startswith("--- a/tokenop/prompts.yaml\n+++ b/tokenop/prompts.yaml\n@@ ")
    (project / "tokenop" / "prompts.yaml").write_text("prompts: &x {}\n", encoding="utf-8")
    ran = apply("--yes", "--json", "--set", "region=eu")
    assert ran.exit_code == 1
    (conflict,) = json.loads(ran.stdout)["conflicts"]
    assert (conflict["file"], conflict["line"]) == ("tokenop/prompts.yaml", 1)


def test_names_and_values_of_others_cannot_repaint_the_terminal(apply: Callable[..., Any], project: Path) -> None:
    (project / "tokenop" / "prompts.yaml").write_text("# \u202e\u200b ours\nprompts: {}\n", encoding="utf-8")
    ran = apply("--dry-run", "--set", "region=eu")
    assert "<U+202E><U+200B>" in ran.stdout
    assert "\u202e" not in ran.stdout


def test_an_unknown_or_unsound_template_is_said(apply: Callable[..., Any], templates: Path) -> None:
    ran = apply(name="shorter-prompt")
    assert ran.exit_code == 1
    assert "did you mean shorter-prompts?" in ran.stderr
    path = templates / "application-layer" / "shorter-prompts.md"
    path.write_text(path.read_text(encoding="utf-8").replace("target: tokenop/", "target: ../"), encoding="utf-8")
    ran = apply("--yes", "--set", "region=eu")
    assert ran.exit_code == 1
    assert "PT001" in ran.stderr


SOURCES = """\
resource "aws_autoscaling_group" "vllm" {
  desired_capacity = 8
  mixed_instances_policy {
    instances_distribution {
      on_demand_percentage_above_base_capacity = 100 # safe
    }
  }
}
"""


def test_terraform_is_changed_in_its_sources(run_cli: Callable[..., Any], tmp_path: Path) -> None:
    pytest.importorskip("tree_sitter_hcl")
    distribution = {"instances_distribution": [{"on_demand_percentage_above_base_capacity": 100}],
                    "launch_template": [{"override": [{"instance_type": "g5.12xlarge"}]}]}  # fmt: skip
    kind = "aws_autoscaling_group"
    group = {"address": f"{kind}.vllm", "mode": "managed", "type": kind, "name": "vllm",
             "values": {"arn": "arn:aws:autoscaling:us-east-1:0:x", "desired_capacity": 8, "min_size": 8, "max_size": 8,
                        "mixed_instances_policy": [distribution]}}  # fmt: skip
    state = {"format_version": "1.0", "values": {"root_module": {"resources": [group]}}}
    project = tmp_path / "infra"
    (project / "prod").mkdir(parents=True)
    (project / "prod" / "main.tf").write_text(SOURCES, encoding="utf-8")
    (project / "state.json").write_text(json.dumps(state), encoding="utf-8")
    found = run_cli("discover", "--collectors", "terraform", "--input", "state.json", cwd=project)
    assert found.exit_code == 0, found.stderr
    name = "spot-instance-optimization"
    without = run_cli("template-apply", name, "--dry-run", cwd=project)
    assert "--terraform names the root module's folder" in without.stderr
    ran = run_cli("template-apply", name, "--terraform", "prod", "--yes", cwd=project)
    assert ran.exit_code == 0, ran.stderr
    assert "on_demand_percentage_above_base_capacity = 100 # safe\n+" in ran.stdout
    assert (project / "prod" / "main.tf").read_text(encoding="utf-8") != SOURCES
    back = run_cli("template-rollback", name, cwd=project)
    assert back.exit_code == 0, back.stderr
    assert (project / "prod" / "main.tf").read_text(encoding="utf-8") == SOURCES
