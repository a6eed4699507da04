"""`tokenop contribute`: the files of a contribution, and no others, become a branch and a pull request."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Ran
from tests.evidence.drawn import measured
from tests.github_api import NAME, TOKEN, GitHub, serving
from tokenop.cli.git import authorised
from tokenop.community.contributing import remote
from tokenop.evidence import read, write

Cli = Callable[..., Ran]
IMPLEMENTATIONS = "validations/prompt-caching/implementations.md"
BRANCH = "contribute/prompt-caching-person1-1.0.0"
TEMPLATE = "templates/application-layer/prompt-caching.md"


def git(folder: Path, *words: str) -> str:
    ran = subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.strip()


@pytest.fixture
def forge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHub]:
    """Serve GitHub's API over a bare repository with one template on main."""
    for name, value in (("GIT_AUTHOR", "Mona"), ("GIT_COMMITTER", "Mona")):
        monkeypatch.setenv(f"{name}_NAME", value)
        monkeypatch.setenv(f"{name}_EMAIL", "mona@example.invalid")
    seed = tmp_path / "seed"
    (seed / TEMPLATE).parent.mkdir(parents=True)
    (seed / TEMPLATE).write_bytes((ROOT / TEMPLATE).read_bytes())
    (seed / "validations").mkdir()
    (seed / "validations" / "README.md").write_text("Evidence.\n")
    (seed / "community").mkdir()
    (seed / "community" / "reviewers.md").write_text("# Reviewers\n")
    git(seed, "init", "--quiet", "--initial-branch", "main")
    git(seed, "add", ".")
    git(seed, "commit", "--quiet", "--message", "start")
    git(tmp_path, "clone", "--quiet", "--bare", "seed", "origin.git")
    git(tmp_path, "clone", "--quiet", "origin.git", "mine")
    with serving(GitHub(tmp_path / "origin.git")) as github:
        monkeypatch.setenv("GITHUB_API_URL", github.url)
        monkeypatch.setenv("GITHUB_REPOSITORY", NAME)
        monkeypatch.setenv("GITHUB_TOKEN", TOKEN)
        yield github


@pytest.fixture
def mine(forge: GitHub, tmp_path: Path) -> Path:
    """Return a clone in which somebody wrote an implementation, and other things that are none of the contribution."""
    folder = tmp_path / "mine"
    (folder / "validations" / "prompt-caching").mkdir()
    add(folder, 1)
    (folder / "validations" / "prompt-caching" / "metrics.md").write_text("made by hand\n")
    (folder / ".env").write_text("SECRET=1\n")
    (folder / "notes.md").write_text("mine\n")
    git(folder, "add", "notes.md")
    return folder


def add(folder: Path, number: int, **changes: object) -> None:
    path = folder / IMPLEMENTATIONS
    text = path.read_text() if path.exists() else write.empty("implementations", "prompt-caching")
    entry = measured(number, worked="The *tools*", **changes)
    path.write_text(write.added(text, entry))


def test_files_of_the_contribution_alone_become_a_branch_and_a_pull_request(
    forge: GitHub, mine: Path, run_cli: Cli
) -> None:
    before = git(mine, "status", "--porcelain", "--branch")
    main = forge.git("rev-parse", "main")
    ran = run_cli("contribute", "--template", "prompt-caching", cwd=mine)
    assert ran.exit_code == 0, ran.stderr
    (pull,) = forge.pulls.values()
    assert (pull.branch, pull.title) == (BRANCH, "Implementation of prompt-caching 1.0.0: 30.0 % less a call")
    assert "The &#42;tools&#42;" in pull.body
    assert [file["filename"] for file in changed(forge, BRANCH)] == [IMPLEMENTATIONS]
    assert forge.git("rev-parse", "main") == main
    assert git(mine, "status", "--porcelain", "--branch") == before
    assert f"/pull/{pull.number}" in ran.stdout
    assert TOKEN not in ran.stdout + ran.stderr


def changed(forge: GitHub, branch: str) -> list[dict[str, str]]:
    listed = forge.git("diff", "--name-only", f"main...{branch}").decode().split()
    return [{"filename": name} for name in listed]


def test_a_second_run_adds_to_the_same_pull_request(forge: GitHub, mine: Path, run_cli: Cli) -> None:
    assert run_cli("contribute", cwd=mine).exit_code == 0
    tip = forge.git("rev-parse", BRANCH)
    again = run_cli("contribute", cwd=mine)
    assert again.exit_code == 0, again.stderr
    assert forge.git("rev-parse", BRANCH) == tip
    add(mine, 1, lessons="More.")
    ran = run_cli("contribute", "--json", cwd=mine)
    assert len(forge.pulls) == 1
    assert forge.git("rev-parse", f"{BRANCH}^") == tip
    assert forge.git("rev-parse", BRANCH).decode().strip() == json.loads(ran.stdout)["commit"]


def merged(forge: GitHub, folder: Path, branch: str) -> str:
    """Merge a branch into main as a forge does, without .gitattributes, and return the file of implementations."""
    clone = folder / f"forge-{len(list(folder.iterdir()))}"
    git(folder, "clone", "--quiet", str(forge.repository), str(clone))
    git(clone, "merge", "--quiet", "--no-edit", f"origin/{branch}")
    git(clone, "push", "--quiet", "origin", "main")
    return (clone / IMPLEMENTATIONS).read_text()


def test_a_run_after_others_were_merged_takes_the_conflict_away(
    forge: GitHub, mine: Path, tmp_path: Path, run_cli: Cli
) -> None:
    assert run_cli("contribute", cwd=mine).exit_code == 0
    git(tmp_path, "clone", "--quiet", "origin.git", "other")
    (tmp_path / "other" / "validations" / "prompt-caching").mkdir()
    add(tmp_path / "other", 2)
    assert run_cli("contribute", cwd=tmp_path / "other").exit_code == 0
    merged(forge, tmp_path, BRANCH.replace("person1", "person2"))
    # Both begin the same file: a forge calls that a conflict.
    with pytest.raises(AssertionError):
        merged(forge, tmp_path, BRANCH)
    mine_before = (mine / IMPLEMENTATIONS).read_text()
    ran = run_cli("contribute", cwd=mine)
    assert ran.exit_code == 0, ran.stderr
    assert (mine / IMPLEMENTATIONS).read_text() == mine_before
    tip = forge.git("rev-parse", BRANCH)
    assert run_cli("contribute", cwd=mine).exit_code == 0
    assert forge.git("rev-parse", BRANCH) == tip
    found = read.file(Path("implementations.md"), merged(forge, tmp_path, BRANCH))
    assert not found.findings
    assert sorted(entry.entry_id for entry in found.entries) == ["person1-1.0.0", "person2-1.0.0"]
    done = run_cli("contribute", cwd=mine)
    assert done.exit_code == 3
    assert "merged already" in done.stderr


def test_lines_of_a_template_that_others_changed_too_are_told(forge: GitHub, mine: Path, run_cli: Cli) -> None:
    text = (mine / TEMPLATE).read_text()
    (mine / TEMPLATE).write_text(text.replace("title: ", "title: Mine: ", 1))
    git(mine, "commit", "--quiet", "--message", "theirs", "--only", TEMPLATE)
    git(mine, "push", "--quiet", "origin", "HEAD:main")
    git(mine, "reset", "--quiet", "--hard", "HEAD~1")
    git(mine, "update-ref", "refs/remotes/origin/main", "HEAD")
    (mine / TEMPLATE).write_text(text.replace("title: ", "title: Other. ", 1))
    ran = run_cli("contribute", "--template", "prompt-caching", cwd=mine)
    assert ran.exit_code == 1
    assert "others changed the same lines since" in ran.stderr
    assert not forge.pulls


@pytest.mark.parametrize("how", ["no token", "dry run"])
def test_without_a_token_or_on_trial_the_commands_are_printed_and_work(
    forge: GitHub, mine: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    if how == "no token":
        monkeypatch.delenv("GITHUB_TOKEN")
    ran = run_cli("contribute", *(["--dry-run"] if how == "dry run" else []), cwd=mine)
    assert ran.exit_code == 0, ran.stderr
    assert not forge.writes
    assert f"https://github.com/{NAME}/compare/main...{BRANCH}?expand=1&title=Implementation" in ran.stdout
    commands = [line.strip() for line in ran.stdout.splitlines() if line.startswith("  git ")]
    subprocess.run(["sh", "-e", "-c", "\n".join(commands)], cwd=mine, check=True, capture_output=True)
    assert [file["filename"] for file in changed(forge, BRANCH)] == [IMPLEMENTATIONS]


def test_entries_written_elsewhere_are_added(forge: GitHub, mine: Path, run_cli: Cli) -> None:
    results = mine.parent / "mine.md"
    results.write_text(write.added(write.empty("implementations", "prompt-caching"), measured(2)))
    trial = run_cli("contribute", "--results", results, "--dry-run", "--json", cwd=mine)
    assert json.loads(trial.stdout)["branch"] == f"{BRANCH}-and-more"
    assert "person2" not in (mine / IMPLEMENTATIONS).read_text()
    assert run_cli("contribute", "--results", results, cwd=mine).exit_code == 0
    (pull,) = forge.pulls.values()
    assert pull.title.endswith("less a call, and 1 more")
    stored = forge.git("show", f"{pull.branch}:{IMPLEMENTATIONS}").decode()
    assert "## person1-1.0.0" in stored
    assert "## person2-1.0.0" in stored


def test_several_entries_each_say_what_they_say_alone(forge: GitHub, mine: Path, run_cli: Cli) -> None:
    add(mine, 2, lessons="Small prompts gain nothing.")
    (mine / "community" / "reviewers.md").write_text("# Reviewers\n\n## mona\n\n- mona layers: serving-layer\n")
    ran = run_cli("contribute", "--dry-run", "--json", cwd=mine)
    document = json.loads(ran.stdout)
    assert document["title"].endswith("and 1 more")
    assert document["body"].count("| Cost reduction |") == document["body"].count("\n## Implementation of ") + 1 == 2
    assert "Small prompts gain nothing." in document["body"]
    assert "Changes beside:\n\n- `community/reviewers.md`" in document["body"]


def test_a_template_is_sent_with_what_changed_before(forge: GitHub, mine: Path, run_cli: Cli) -> None:
    (mine / IMPLEMENTATIONS).unlink()
    path = mine / TEMPLATE
    path.write_text(path.read_text().replace("## Problem\n", "## Problem\n\nMore of it.\n", 1))
    git(mine, "commit", "--quiet", "--message", "mine", "--", TEMPLATE)
    ran = run_cli("contribute", "--template", "prompt-caching", cwd=mine)
    assert ran.exit_code == 0, ran.stderr
    (pull,) = forge.pulls.values()
    assert pull.title == "Change of template: prompt-caching"
    assert [file["filename"] for file in changed(forge, "contribute/prompt-caching")] == [TEMPLATE]


def test_nothing_is_sent_where_the_linter_finds_an_error(forge: GitHub, mine: Path, run_cli: Cli) -> None:
    add(mine, 3, version="9.0.0", entry_id="person3-9.0.0")
    ran = run_cli("contribute", cwd=mine)
    assert ran.exit_code == 1
    assert "RP001" in ran.stderr
    assert "nothing was sent" in ran.stderr
    assert not forge.writes


def test_a_link_is_not_followed(forge: GitHub, mine: Path, run_cli: Cli) -> None:
    (mine / IMPLEMENTATIONS).unlink()
    (mine / IMPLEMENTATIONS).symlink_to(mine / ".env")
    ran = run_cli("contribute", cwd=mine)
    assert ran.exit_code == 1
    assert "not a regular file" in ran.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--template", "semantic-caching"), 3, "nothing about semantic-caching differs"),
        (("--base", "trunk"), 1, "git fetch origin trunk"),
        (("--repository", "octo"), 2, "--repository OWNER/NAME"),
        (("--results", "none.md"), 1, "none.md: cannot be read"),
    ],
)
def test_what_cannot_be_sent_is_told(mine: Path, run_cli: Cli, words: tuple[str, ...], code: int, said: str) -> None:
    ran = run_cli("contribute", *words, cwd=mine)
    assert ran.exit_code == code, ran.stderr
    assert said in ran.stderr


def test_a_refusal_of_github_is_told_with_what_is_done_already(
    forge: GitHub, mine: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER", "expired")
    ran = run_cli("contribute", "--token-env", "OTHER", cwd=mine)
    assert ran.exit_code == 1
    assert f"{BRANCH} is pushed, but GitHub refuses the pull request: 401 Bad credentials" in ran.stderr


def test_an_api_that_cannot_be_reached_is_told(mine: Path, run_cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_API_URL", "http://127.0.0.1:1")
    ran = run_cli("contribute", cwd=mine)
    assert ran.exit_code == 1
    assert "GitHub cannot be reached" in ran.stderr


def test_results_outside_of_a_checkout_are_checked_and_the_way_is_told(tmp_path: Path, run_cli: Cli) -> None:
    results = tmp_path / "mine.md"
    results.write_text(write.added(write.empty("implementations", "prompt-caching"), measured(1)))
    ran = run_cli("contribute", "--results", "mine.md", "--repository", NAME, cwd=tmp_path)
    assert ran.exit_code == 0, ran.stderr
    assert f"  git clone https://github.com/{NAME} templates && cd templates\n" in ran.stdout
    assert f"  tokenop contribute --results {results}\n" in ran.stdout
    assert "is no checkout of the repository" in ran.stdout
    results.write_text(results.read_text().replace("day: 2026", "day: 3026"))
    assert "RP007" in run_cli("contribute", "--results", "mine.md", cwd=tmp_path).stderr


def test_a_folder_that_is_no_checkout_is_told(tmp_path: Path, run_cli: Cli) -> None:
    ran = run_cli("contribute", cwd=tmp_path)
    assert ran.exit_code == 1
    assert "not a git repository" in ran.stderr


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://github.com/octo/templates.git", ("github.com", "octo/templates")),
        ("https://token@github.example:8443/octo/templates/", ("github.example", "octo/templates")),
        ("git@github.com:octo/templates.git", ("github.com", "octo/templates")),
        ("ssh://git@github.com:22/octo/templates", ("github.com", "octo/templates")),
        ("/srv/git/octo/templates.git", None),
        ("../origin.git", None),
    ],
)
def test_addresses_of_remotes_name_their_repository(url: str, found: tuple[str, str] | None) -> None:
    assert remote(url) == found


def test_the_token_is_shown_to_one_server_and_in_no_command_line() -> None:
    environment = authorised("secret", "https://github.com")
    assert environment["GIT_CONFIG_KEY_0"] == "http.https://github.com/.extraheader"
    assert "secret" not in "".join(environment.values())
