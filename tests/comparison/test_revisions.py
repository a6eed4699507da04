"""Which routing configs differ from a revision, in real repositories."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tokenop.comparison.revisions import Repository
from tokenop.errors import InputError


def git(folder: Path, *words: str) -> str:
    ran = subprocess.run(
        ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "commit.gpgsign=false", *words],
        cwd=folder, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return ran.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q", "-b", "main")
    write(tmp_path, "default", "one")
    write(tmp_path, "kept", "same")
    write(tmp_path, "gone", "away")
    (tmp_path / "templates" / "routing" / "README.md").write_text("words", encoding="utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    git(tmp_path, "checkout", "-qb", "work")
    return tmp_path


def write(folder: Path, name: str, text: str) -> None:
    path = folder / "templates" / "routing" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def changes(folder: Path, base: str | None = None) -> list[tuple[str, str, str | None, str | None]]:
    here = Repository(folder)
    return [(Path(d.path).stem, d.change, d.before, d.now) for d in here.differing(here.base(base))]


def test_changed_new_and_removed_configs_are_found_committed_or_not(repository: Path) -> None:
    write(repository, "default", "two")
    git(repository, "commit", "-qam", "second")
    write(repository, "fresh", "new")
    (repository / "templates" / "routing" / "gone.yaml").unlink()
    (repository / "templates" / "routing" / "README.md").write_text("other words", encoding="utf-8")
    assert changes(repository) == [
        ("default", "changed", "one", "two"),
        ("fresh", "new", None, "new"),
        ("gone", "removed", "away", None),
    ]


def test_what_the_main_branch_did_since_is_no_change_of_this_one(repository: Path) -> None:
    git(repository, "checkout", "-q", "main")
    write(repository, "default", "newer")
    git(repository, "commit", "-qam", "meanwhile")
    git(repository, "checkout", "-q", "work")
    assert changes(repository) == []
    assert changes(repository, "main") == [("default", "changed", "newer", "one")]


def test_a_folder_below_the_root_sees_the_same(repository: Path) -> None:
    write(repository, "default", "two")
    assert changes(repository / "templates") == changes(repository)


def test_a_name_with_a_newline_and_an_option_for_a_name_are_only_names(repository: Path) -> None:
    write(repository, "a\nb", "odd")
    write(repository, "--output=x", "odd")
    assert {Path(name).name for name, *_ in changes(repository)} == {"a\nb", "--output=x"}


def test_a_link_is_not_followed(repository: Path) -> None:
    (repository / "templates" / "routing" / "default.yaml").unlink()
    (repository / "templates" / "routing" / "default.yaml").symlink_to("/etc/hostname")
    with pytest.raises(InputError, match="is a link"):
        changes(repository)


@pytest.mark.parametrize("named", ["nothing", "--upload-pack=x", "-h", "HEAD:templates"])
def test_what_is_no_revision_is_named(repository: Path, named: str) -> None:
    with pytest.raises(InputError, match="is no revision"):
        changes(repository, named)


def test_outside_of_a_checkout_git_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a git repository"):
        Repository(tmp_path)


def test_without_a_main_branch_a_revision_is_asked_for(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "trunk")
    with pytest.raises(InputError, match="--base"):
        Repository(tmp_path).base(None)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("templates/routing/nowhere.yaml", "there was none"),
        ("other.yaml", "is not in templates/routing"),
        ("templates/routing", "is not in templates/routing"),
    ],
)
def test_a_file_of_which_nothing_could_be_said_is_refused(repository: Path, name: str, said: str) -> None:
    here = Repository(repository)
    with pytest.raises(InputError, match=said):
        here.placed(here.base(None), repository / name)


def test_a_file_that_is_gone_may_be_named(repository: Path) -> None:
    here = Repository(repository)
    (repository / "templates" / "routing" / "gone.yaml").unlink()
    here.placed(here.base(None), repository / "templates" / "routing" / "gone.yaml")
