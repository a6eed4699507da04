"""Whole trials: what is tried of which template, in scratch folders only; and that each check can fail."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tokenop import applying, sample
from tokenop.errors import InputError
from tokenop.trials import patches, projects
from tokenop.trials.model import Trial
from tokenop.trials.run import trial, trials

Edited = Callable[..., Path]


def verdicts(found: Trial) -> dict[str, str]:
    return {f"{check.section}: {check.name}": check.verdict for check in found.checks}


def tried(path: Path) -> dict[str, str]:
    return verdicts(trial(path, economics=False))


def test_a_template_that_is_not_sound_is_not_tried_further(edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patches, "checks", lambda template: pytest.fail("was tried"))
    found = trial(edited("semantic-caching", ("monthly_cost_usd >= 100", "(SELECT 1) >= 1")))
    assert verdicts(found) == {"lint: sound": "fail"}
    assert [finding.rule for finding in found.findings] == ["EX001"]
    assert found.economics == {}
    assert not found.passed


def test_one_that_is_not_sound_leaves_the_others_alone(edited: Edited) -> None:
    wrong = edited("semantic-caching", ("monthly_cost_usd >= 100", "(SELECT 1) >= 1"))
    found = trials([wrong, edited("prompt-caching")], economics=False)
    assert [one.passed for one in found] == [False, True]


def test_without_economics_it_says_that_nothing_was_replayed(edited: Edited) -> None:
    assert tried(edited("semantic-caching")) == {
        "lint: sound": "pass",
        "economics: replay": "note",
        "patches: clean project": "pass",
        "patches: project with other content": "pass",
    }


def test_a_file_that_must_be_new_is_not_overwritten(edited: Edited) -> None:
    assert tried(edited("vllm-migration"))["patches: project with a file in the way"] == "pass"


def test_patches_that_meet_what_is_there_with_another_shape_fail(edited: Edited) -> None:
    path = edited(
        "semantic-caching", ("    merge: yaml\n    content: |\n", "    merge: yaml\n    content: |\n      mine: [1]\n")
    )
    assert tried(path)["patches: project with other content"] == "fail"
    assert tried(path)["patches: clean project"] == "pass"


def test_a_rollback_that_leaves_something_behind_fails(edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    def untidy(project: Path, template: str) -> None:
        (project / "left.txt").write_text("")

    path = edited("semantic-caching")
    monkeypatch.setattr(applying, "rollback", untidy)
    found = trial(path, economics=False)
    (text,) = (check.text for check in found.checks if check.name == "clean project")
    assert text.startswith("rolling back does not restore left.txt, ")
    assert not found.passed


def test_writing_something_else_than_shown_fails(edited: Edited, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applying, "write", lambda change, project: None)
    found = trial(edited("semantic-caching"), economics=False)
    (text,) = (check.text for check in found.checks if check.name == "clean project")
    assert text.endswith("does not hold what the diff shows")


def test_capacity_levers_change_a_copy_of_the_sample_and_nothing_else(edited: Edited) -> None:
    pytest.importorskip("tree_sitter_hcl")
    before = {path: path.read_bytes() for path in sample.terraform().rglob("*.tf")}
    assert tried(edited("spot-instance-optimization"))["patches: terraform"] == "pass"
    assert tried(edited("reserved-instance-planning"))["patches: terraform"] == "note"
    assert {path: path.read_bytes() for path in sample.terraform().rglob("*.tf")} == before


def test_nothing_is_written_where_the_user_is(edited: Edited, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, here = edited("vllm-migration"), tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    before = sorted(tmp_path.rglob("*"))
    assert trial(path, economics=False).passed
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("target", ["../here/x", "/tmp/x", "a/../../x", ".git/x"])
def test_nothing_leaves_the_scratch_folder_even_past_the_linter(tmp_path: Path, target: str) -> None:
    with pytest.raises(InputError, match=r"templates may not touch|no plain path"):
        projects.write(tmp_path / "project", iter([(target, "x")]))
    assert list(tmp_path.iterdir()) == []


PARAMETERS = """\
parameters:
  bucket: {description: "Where answers are kept."%s}
patches:
  - target: tokenop/bucket.yaml
    kind: cache-config
    merge: yaml
    content: |
      bucket: "{{bucket}}"
"""


@pytest.mark.parametrize(
    ("more", "verdict"),
    [("", "pass"), (", choices: [one, two]", "pass"), (', pattern: "us-.*"', "pass"), (', pattern: "q{9}"', "fail")],
)
def test_parameters_without_a_default_get_a_value_where_one_can_be_thought_of(
    edited: Edited, more: str, verdict: str
) -> None:
    path = edited("semantic-caching", ("patches:\n", PARAMETERS % more))
    found = tried(path)
    assert found.get("patches: clean project", found.get("patches: patches")) == verdict
