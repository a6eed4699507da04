"""The workflows: what they may do, that nothing of a stranger's becomes a command, and that auditors find nothing."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

FOLDER = ROOT / ".github" / "workflows"
WORKFLOWS = sorted(path for path in FOLDER.rglob("*") if path.suffix in (".yml", ".yaml"))
FORMS = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*.yml"))
TOOLS = Path(sys.executable).parent
# Jobs that run what a stranger wrote.
UNTRUSTED = ("pr-check.yml", "ci.yml", "security.yml")


def read(path: Path) -> dict[str, Any]:
    """Return a YAML file; the key `on` is read as the word that it is."""
    found = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    assert isinstance(found, dict)
    return found


def jobs(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    yield from read(path)["jobs"].items()


def steps(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the steps of a workflow, or of an action."""
    content = read(path)
    for job in content.get("jobs", {"": content.get("runs", {})}).values():
        yield from job.get("steps", ())


def commands(node: Any) -> Iterator[str]:
    """Yield all text that a shell or an interpreter would run."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name in ("run", "script", "args", "entrypoint", "shell"):
                yield from (text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str))
            yield from commands(value)
    elif isinstance(node, list):
        for value in node:
            yield from commands(value)


ACTIONS = [ROOT / "action.yml", *sorted((ROOT / ".github").rglob("action.y*ml"))]


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_no_expression_becomes_a_part_of_a_command(path: Path) -> None:
    assert not [text for text in commands(read(path)) if "${{" in text]


@pytest.mark.parametrize(
    "text",
    [
        "jobs: {a: {steps: [{with: {script: 'x(${{ github.event.pull_request.title }})'}}]}}",
        "jobs:\n  a:\n    steps:\n      - run: >-\n          echo\n          ${{ github.head_ref }}\n          done",
        "jobs:\n  a:\n    steps:\n      - run: |\n          echo\n\n          ${{\n            github.head_ref }}",
        "runs:\n  using: composite\n  steps:\n    - shell: bash\n      run: echo '${{ inputs.templates }}'",
        "runs: {using: docker, args: ['${{ inputs.templates }}'], entrypoint: '${{ inputs.templates }}'}",
        "defaults: {run: {shell: 'bash -c ${{ github.head_ref }}'}}",
        '"jobs": {"a": {"steps": [{"r\\u0075n": "${{ github.head_ref }}"}]}}',
    ],
)
def test_an_expression_in_a_command_would_be_found(text: str) -> None:
    hidden = yaml.load(text, Loader=yaml.BaseLoader)
    assert any("${{" in command for command in commands(hidden))


def test_each_workflow_is_one_that_the_tests_know() -> None:
    assert all(path.parent == FOLDER and path.suffix == ".yml" for path in WORKFLOWS)
    assert {path.name for path in WORKFLOWS} >= {"pr-check.yml", "pr-report.yml", "release.yml"}


def test_no_run_leaves_anything_behind_for_another() -> None:
    """A cache that a stranger's run may write is read by runs that have rights."""
    for path in [*WORKFLOWS, *ACTIONS]:
        for step in steps(path):
            assert "cache" not in step.get("uses", "").partition("@")[0], path.name
            assert not [name for name in step.get("with", {}) if "cache" in name], path.name
            assert not step.get("uses", "").startswith("actions/setup-"), path.name


@pytest.mark.parametrize("path", [*WORKFLOWS, *ACTIONS], ids=lambda path: path.name)
def test_actions_are_pinned_by_commit_and_say_their_version(path: Path) -> None:
    for line in path.read_text(encoding="utf-8").splitlines():
        used = re.search(r"^\s*(?:- )?uses: (\S+)(.*)$", line)
        if used and not line.lstrip().startswith("#") and not used[1].startswith("$/"):
            assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", used[1]), line
            assert re.fullmatch(r" # v\d+\.\d+\.\d+", used[2]), line


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_each_job_is_named_bounded_and_asks_for_what_it_needs(path: Path) -> None:
    content = read(path)
    assert content["permissions"] == {}
    assert "group" in content["concurrency"]
    for name, job in jobs(path):
        assert job["name"], name
        assert "permissions" in job, name
        if "uses" not in job:
            assert job["runs-on"] == "ubuntu-24.04", name
            assert int(job["timeout-minutes"]) <= 30, name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_no_checkout_leaves_a_token_behind(path: Path) -> None:
    for step in steps(path):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] == "false"


@pytest.mark.parametrize("name", UNTRUSTED)
def test_what_runs_a_strangers_code_has_no_secret_and_no_right_to_write(name: str) -> None:
    text = (FOLDER / name).read_text(encoding="utf-8")
    assert "secrets." not in text
    assert "github.token" not in text
    assert "secrets: inherit" not in text
    for _, job in jobs(FOLDER / name):
        assert set(job["permissions"].items()) <= {("contents", "read")}
        assert "environment" not in job


def test_nothing_starts_on_events_that_hand_rights_to_strangers() -> None:
    for path in WORKFLOWS:
        assert not set(read(path)["on"]) & {"pull_request_target", "issue_comment", "issues", "discussion"}, path.name


def test_only_one_workflow_is_started_by_another_and_it_checks_out_the_main_branch_alone() -> None:
    started = [path.name for path in WORKFLOWS if "workflow_run" in read(path)["on"]]
    assert started == ["pr-report.yml"]
    checkouts = [s for s in steps(FOLDER / "pr-report.yml") if s.get("uses", "").startswith("actions/checkout@")]
    assert [step["with"]["ref"] for step in checkouts] == ["${{ github.event.repository.default_branch }}"]


def test_a_key_to_a_model_and_a_right_to_write_never_meet() -> None:
    for path in WORKFLOWS:
        for name, job in jobs(path):
            if "ANTHROPIC" in json.dumps(job):
                assert set(job["permissions"].items()) == {("contents", "read")}, name
                assert job["environment"]["name"] == "live-eval"


def test_a_release_reads_no_cache_and_holds_no_password() -> None:
    text = (FOLDER / "release.yml").read_text(encoding="utf-8")
    assert "cache" not in text.split("permissions: {}")[1]
    assert "password" not in text.replace("there is no password", "")
    assert "secrets." not in text


@pytest.fixture(scope="module")
def gate() -> dict[str, Any]:
    """Return the job that branch protection asks for."""
    found: dict[str, Any] = dict(jobs(FOLDER / "pr-check.yml"))["gate"]
    return found


def test_the_gate_waits_for_all_other_jobs(gate: dict[str, Any]) -> None:
    others = {name for name, _ in jobs(FOLDER / "pr-check.yml")} - {"gate"}
    assert set(gate["needs"]) == others
    assert gate["if"] == "${{ always() }}"


@pytest.mark.parametrize(
    ("results", "passes"),
    [
        (("success", "success"), True),
        (("success", "failure"), False),
        (("success", "cancelled"), False),
        (("skipped", "success"), False),
        ((), False),
    ],
)
def test_the_gate_asks_for_success_and_nothing_less(
    gate: dict[str, Any], results: tuple[str, ...], passes: bool
) -> None:
    needs = {f"job{number}": {"result": result, "outputs": {}} for number, result in enumerate(results)}
    (step,) = gate["steps"]
    ran = subprocess.run(["bash", "-e", "-c", step["run"]], env={"PATH": "/usr/bin:/bin", "NEEDS": json.dumps(needs)})
    assert (ran.returncode == 0) is passes


def test_zizmor_finds_nothing_and_ignores_one_thing() -> None:
    command = [TOOLS / "zizmor", "--offline", "--persona", "pedantic", "--no-progress", ".github", "action.yml"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout
    assert "No findings to report" in ran.stdout
    assert "(1 ignored)" in ran.stdout
    ignored = [
        line for path in WORKFLOWS for line in path.read_text(encoding="utf-8").splitlines() if "zizmor:" in line
    ]
    assert ignored == ["  workflow_run: # zizmor: ignore[dangerous-triggers]"]


@pytest.mark.parametrize(
    ("schema", "files"),
    [
        ("github-workflows", WORKFLOWS),
        ("github-actions", ACTIONS),
        ("dependabot", [ROOT / ".github" / "dependabot.yml"]),
        ("github-issue-forms", [path for path in FORMS if path.name != "config.yml"]),
        ("github-issue-config", [path for path in FORMS if path.name == "config.yml"]),
    ],
)
def test_files_that_github_reads_keep_to_its_schemas(schema: str, files: list[Path]) -> None:
    assert files
    command = [TOOLS / "check-jsonschema", "--builtin-schema", f"vendor.{schema}", *files]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stdout


def test_updates_of_dependencies_wait() -> None:
    for update in read(ROOT / ".github" / "dependabot.yml")["updates"]:
        assert int(update["cooldown"]["default-days"]) >= 7


def test_no_module_of_the_caller_s_checkout_is_run_by_the_action(tmp_path: Path) -> None:
    install, check = steps(ROOT / "action.yml")
    assert check["env"]["PYTHONSAFEPATH"] == "1"
    lines = [line for line in install["run"].splitlines() if line.strip()]
    assert all(line.startswith("python3 -I -m ") for line in lines)
    evil = "open('pwned', 'w').close()\n"
    for name in ("venv", "pip", "encodings", "json"):
        (tmp_path / f"{name}.py").write_text(evil, encoding="utf-8")
    environment = {"PATH": "/usr/bin:/bin", "RUNNER_TEMP": str(tmp_path / "temp"), "PYTHONPATH": str(tmp_path)}
    for line in (lines[0], "python3 -I -m pip --version"):
        subprocess.run(["bash", "-e", "-c", line], cwd=tmp_path, env=environment, capture_output=True)
    assert (tmp_path / "temp" / "tokenop" / "bin" / "python").exists()
    assert not (tmp_path / "pwned").exists()


def test_scripts_that_workflows_run_are_there() -> None:
    named = {
        name for path in WORKFLOWS for text in commands(read(path)) for name in re.findall(r"scripts/\w+\.py", text)
    }
    assert named
    assert not [name for name in sorted(named) if not (ROOT / name).is_file()]


@pytest.mark.parametrize(
    ("templates", "economics", "code"),
    [
        ("templates", "false", 1),
        ("templates/README.md; touch pwned", "false", 1),
        ("--help", "false", 1),
        ("templates", "$(touch pwned)", 2),
    ],
)
def test_the_action_checks_a_folder_and_takes_names_as_names(
    tmp_path: Path, templates: str, economics: str, code: int
) -> None:
    (step,) = [step for step in steps(ROOT / "action.yml") if step["name"] == "Check the templates"]
    (tmp_path / "temp").mkdir()
    (tmp_path / "temp" / "tokenop").symlink_to(sys.prefix)
    wrong = tmp_path / "templates" / "serving-layer" / "mine.md"
    wrong.parent.mkdir(parents=True)
    wrong.write_text("---\nid: mine\n", encoding="utf-8")
    environment = {
        "PATH": "/usr/bin:/bin",
        "HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
        "RUNNER_TEMP": str(tmp_path / "temp"),
        "TEMPLATES": templates,
        "ECONOMICS": economics,
    }
    ran = subprocess.run(
        ["bash", "-e", "-c", step["run"]], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert ran.returncode == code, ran.stdout + ran.stderr
    assert not (tmp_path / "pwned").exists()
    if templates == "templates" and code == 1:
        assert "::error file=templates/serving-layer/mine.md,line=1" in ran.stdout
