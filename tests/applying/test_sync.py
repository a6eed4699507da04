"""Syncing: what is fetched is checked, swapped in whole and never run; where it fails, what was there stays."""

from __future__ import annotations

import shutil
import subprocess
from datetime import date
from pathlib import Path

import pytest

from tests.applying.repositories import commit, git, path, template
from tokenop import settings
from tokenop.applying.sync import contents, run, store
from tokenop.applying.sync.git import checked_url
from tokenop.errors import FindingsError, InputError, MisuseError, NoInputError, TokenOpError

DAY = date(2026, 11, 22)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this an installed program that carries one template, with a home of its own; return the wheel's content."""
    content = tmp_path / "site" / "tokenop" / "_content"
    folder = content / "templates" / "application-layer"
    folder.mkdir(parents=True)
    (folder / "shipped.md").write_text(template("shipped"), encoding="utf-8")
    monkeypatch.setattr(settings, "PACKAGE", content.parent)
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    return content


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return tmp_path / "origin.git"


def sync(origin: Path | str, ref: str | None = None, commit: str | None = None) -> run.Result:
    return run.sync(run.Request(str(origin), ref, commit, DAY))


def test_templates_are_fetched_and_used_from_then_on(installed: Path, origin: Path) -> None:
    made = commit(origin, {path(): template(), "README.md": "x", "validations/a/reviews.md": "x\n"})
    assert settings.content("templates") == installed / "templates"
    result = sync(origin)
    assert settings.content("templates") == result.folder / "templates"
    assert settings.content("validations") == result.folder / "validations"
    assert settings.content("collectors") == installed / "collectors"
    assert (result.folder / path()).read_text(encoding="utf-8") == template()
    assert not (result.folder / "README.md").exists()
    assert result.synced.commit == made
    assert result.synced.trees["templates"] == git(origin, "rev-parse", "main:templates")
    assert (result.difference.added, result.difference.removed) == (("shorter-prompts",), ("shipped",))
    assert store.last() == result.synced


def test_a_checkout_stays_in_use(origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    before = settings.content("templates")
    commit(origin, {path(): template()})
    sync(f"file://{origin}")
    assert settings.content("templates") == before


def test_the_next_sync_says_what_changed(installed: Path, origin: Path) -> None:
    commit(origin, {path("a"): template("a"), path("b"): template("b"), path("c"): template("c")})
    first = sync(origin)
    claimed = template("b", version='"1.1.0"').replace("expected: 1.6", "expected: 1.9")
    commit(origin, {path("b"): claimed, path("c"): template("c", title="Other"), path("d"): template("d")})
    second = sync(origin)
    assert second.difference == store.Difference(
        ("d",), ("a",), (("b", "version 1.0.0 to 1.1.0, claim 1.6 % to 1.9 %"), ("c", "text"))
    )
    assert second.compared_with == "the last sync"
    assert settings.synced_folder() == second.folder
    assert first.folder.is_dir()  # for a program that reads it right now
    third = sync(origin)
    assert third.difference == store.Difference((), (), ())
    assert not first.folder.exists()


BIG = "x" * (contents.LARGEST_FILE + 1)
HOSTILE: dict[str, tuple[dict[str, str], dict[str, tuple[str, str]], str]] = {
    "a link to a file": ({}, {path("x"): ("120000", "/etc/passwd")}, "is a link"),
    "a link as a folder": ({}, {"templates/serving-layer": ("120000", "/tmp")}, "is a link"),
    "a submodule": ({}, {"templates/x": ("160000", "0" * 39 + "1")}, "is a submodule"),
    "a large file": ({path("x"): BIG}, {}, f"has {len(BIG):,} bytes"),
    "a hidden file": ({"templates/.gitattributes": "* filter=x\n"}, {}, "has an odd name"),
    "a line break in a name": ({"templates/x\ny.md": "x"}, {}, "has an odd name"),
    "a name like an option": ({"templates/--x.md": "x"}, {}, "has an odd name"),
    "a name of Windows": ({"templates/x.md.": "x", "templates/con ": "x"}, {}, "has an odd name"),
    "two names for one file": ({path("x"): "x", path("X"): "x"}, {}, "differs from"),
    "deep folders": ({"templates/" + "a/" * 9 + "x.md": "x"}, {}, "has an odd name"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_what_templates_cannot_be_is_refused_and_what_was_there_stays(what: str, installed: Path, origin: Path) -> None:
    files, odd, message = HOSTILE[what]
    commit(origin, {path(): template()})
    before = sync(origin).folder
    commit(origin, {path(): template(), **files}, odd)
    with pytest.raises(FindingsError) as error:
        sync(origin)
    assert message in str(error.value)
    assert settings.synced_folder() == before
    assert [one.name for one in before.parent.glob(".new-*")] == []


def test_a_path_that_leaves_the_repository_is_refused_by_git_already(installed: Path, origin: Path) -> None:
    commit(origin, {path(): template()})
    blob = git(origin, "hash-object", "-w", "--stdin", given=b"x")
    inner = git(origin, "mktree", given=f"100644 blob {blob}\tevil.md\n".encode())
    for name in ("..", ".git"):
        outer = git(origin, "mktree", given=f"040000 tree {inner}\t{name}\n".encode())
        root = git(origin, "mktree", given=f"040000 tree {outer}\ttemplates\n".encode())
        made = git(origin, "commit-tree", root, "-m", "x")
        git(origin, "update-ref", "refs/heads/main", made)
        with pytest.raises(InputError, match="git fetch"):
            sync(origin)


def test_nothing_of_the_repository_or_of_the_users_settings_runs(
    installed: Path, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    marker = tmp_path / "ran"
    script = f"#!/bin/sh\ntouch {marker}\n"
    commit(
        origin,
        {path(): template(), ".gitattributes": "* filter=evil export-subst ident\n", ".gitmodules": '[submodule "x"]\n'
         f"\tpath = x\n\turl = ext::sh -c touch% {marker}\n"},
        {"x": ("160000", "0" * 39 + "1")},
    )  # fmt: skip
    for name in ("post-checkout", "post-merge", "reference-transaction", "pre-auto-gc", "fsmonitor-watchman"):
        for folder in (origin / "hooks", tmp_path / "hooks"):
            folder.mkdir(exist_ok=True)
            (folder / name).write_text(script, encoding="utf-8")
            (folder / name).chmod(0o755)
    evil = (
        f"[core]\n\thooksPath = {tmp_path}/hooks\n\tfsmonitor = {tmp_path}/hooks/post-merge\n\tsshCommand = false\n"
        f'[filter "evil"]\n\tsmudge = touch {marker}\n\trequired = true\n'
        f'[uploadpack]\n\tpackObjectsHook = {tmp_path}/hooks/post-merge\n[protocol "ext"]\n\tallow = always\n'
    )
    (Path.home() / ".gitconfig").write_text(evil, encoding="utf-8")
    with (origin / "config").open("a", encoding="utf-8") as file:
        file.write(evil)
    monkeypatch.setenv("GIT_TEMPLATE_DIR", str(tmp_path))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", str(tmp_path / "hooks" / "post-merge"))
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    result = sync(origin)
    assert (result.folder / path()).read_text(encoding="utf-8") == template()
    assert not marker.exists()


@pytest.mark.parametrize(
    "url",
    ["ext::sh -c id", "http://example.com/x.git", "git://example.com/x", "-uid", "--upload-pack=id", "", "a\nb",
     "https://me:secret@example.com/x.git", "https://secret@example.com/x.git", "/nowhere/at/all", "ssh://-oProxyCommand=id/x\x00"],
)  # fmt: skip
def test_addresses_that_are_not_fetched_from_are_said(url: str) -> None:
    with pytest.raises(MisuseError) as error:
        checked_url(url)
    assert "secret" not in str(error.value)


def test_a_commit_that_is_named_must_be_the_one(installed: Path, origin: Path) -> None:
    first = commit(origin, {path(): template()})
    second = commit(origin, {path(): template(title="Other")})
    assert sync(origin, "main", second).synced.commit == second
    assert sync(origin, None, first).synced.commit == first
    with pytest.raises(InputError, match=f"is at {second}, not at {first}"):
        sync(origin, "main", first)
    with pytest.raises(MisuseError, match="give the whole id"):
        sync(origin, None, first[:12])
    with pytest.raises(MisuseError, match="no name of a branch"):
        sync(origin, "--upload-pack=id")


@pytest.mark.skipif(not shutil.which("ssh-keygen"), reason="needs ssh-keygen, as signing commits with ssh keys does")
def test_a_commit_must_be_signed_where_signers_are_named(
    installed: Path, origin: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, signers = tmp_path / "key", tmp_path / "signers"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    signers.write_text(f"a@example.com {key.with_suffix('.pub').read_text(encoding='utf-8')}", encoding="utf-8")
    monkeypatch.setenv(run.SIGNERS, str(signers))
    commit(origin, {path(): template()})
    with monkeypatch.context() as patch:
        patch.setenv(run.SIGNERS, str(tmp_path / "none"))
        with pytest.raises(InputError, match="is no file of allowed signers"):
            sync(origin)
    with pytest.raises(InputError, match="is not signed by one of"):
        sync(origin)
    signed = git(origin, "-c", "gpg.format=ssh", "-c", f"user.signingkey={key}", "commit-tree", "-S", "-m", "x",
                 git(origin, "rev-parse", "main^{tree}"))  # fmt: skip
    git(origin, "update-ref", "refs/heads/main", signed)
    assert sync(origin).synced.signed


def test_a_template_that_cannot_be_used_is_left_out_and_what_needs_it_as_well(installed: Path, origin: Path) -> None:
    commit(origin, {path("a"): template("a"), path("b"): template("b", conflicts="[shipped]")})
    (left,) = sync(origin).left_out
    assert (left.file, left.field) == (path("b"), "conflicts")
    commit(origin, {path("a"): template("a"), path("b"): template("b", requires="[c]"),
                    path("c"): template("c", layer="nowhere")})  # fmt: skip
    result = sync(origin)
    assert set(result.synced.templates) == {"a"}
    assert {finding.file for finding in result.left_out} == {path("b"), path("c")}
    assert not (result.folder / path("c")).exists()
    commit(origin, {path("c"): template("c", layer="nowhere")})
    with pytest.raises(NoInputError, match="none of the templates"):
        sync(origin)


def test_prices_that_cannot_be_read_are_refused(installed: Path, origin: Path) -> None:
    commit(origin, {path(): template(), "templates/prices/x.yaml": "prices: 1\n"})
    with pytest.raises(FindingsError, match=r"^templates/prices/x\.yaml"):
        sync(origin)
    commit(origin, {"README.md": "nothing here"})
    with pytest.raises(NoInputError, match="holds no template"):
        sync(origin)


def test_offline_the_last_ones_stay_and_are_named(
    installed: Path, origin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run.used() == "the templates that came with the program"
    assert run.address(None) is None
    commit(origin, {path(): template()})
    made = sync(origin).synced.commit
    shutil.rmtree(origin)
    assert run.address(None) == str(origin)
    monkeypatch.setenv(run.URL, "https://example.com/t.git")
    assert run.address(None) == "https://example.com/t.git"
    with pytest.raises(TokenOpError):
        sync(f"file://{origin}")
    assert run.used() == f"the templates synced on 2026-11-22 ({origin} at {made[:12]})"


def test_a_damaged_state_falls_back_on_what_the_program_carries(installed: Path, origin: Path) -> None:
    commit(origin, {path(): template()})
    folder = sync(origin).folder
    for damage in ("../../etc", "0" * 12 + "-" + "0" * 8, "\udcff"):
        (folder.parent / settings.CURRENT).write_text(damage, encoding="utf-8", errors="surrogateescape")
        assert settings.content("templates") == installed / "templates"
        assert store.last() is None


def test_what_is_used_is_said_truly_whatever_was_damaged(installed: Path, origin: Path) -> None:
    commit(origin, {path(): template()})
    folder = sync(origin).folder
    for damage in ("", "[" * 100_000, "{}"):
        (folder / store.LOCK).write_text(damage, encoding="utf-8")
        assert (
            run.used() == f"synced templates of which nothing is known anymore, {folder / 'templates'}; sync them again"
        )
    shutil.rmtree(folder / "templates")
    assert run.used() == "the templates that came with the program"


def test_the_next_sync_stays_on_its_branch(installed: Path, origin: Path) -> None:
    commit(origin, {path(): template()})
    git(origin, "branch", "v2")
    sync(origin, "v2")
    assert run.branch(None, str(origin)) == "v2"
    assert run.branch("main", str(origin)) == "main"
    assert run.branch(None, "https://example.com/x.git") is None


def test_a_full_disk_is_said(installed: Path, origin: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commit(origin, {path(): template()})

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(contents, "write", full)
    with pytest.raises(InputError, match="cannot be written: No space left on device"):
        sync(origin)


def test_one_sync_at_a_time(installed: Path, origin: Path) -> None:
    commit(origin, {path(): template()})
    with run.held(), pytest.raises(InputError, match="another tokenop syncs"):
        sync(origin)


def test_the_hash_of_a_folder_is_gits(tmp_path: Path) -> None:
    folder = tmp_path / "x.git"
    files = {"a.b": "1", "a/b": "2", "a/c/d": "3", "a-b": "4", "ä": "5"}
    commit(folder, files, {"a/x": ("100755", "6")})
    listed = git(folder, "-c", "core.quotePath=false", "ls-tree", "-r", "main").splitlines()
    entries = {line.split("\t")[1]: tuple(line.split()[0:3:2]) for line in listed}
    assert contents.tree(entries, "0" * 40) == git(folder, "rev-parse", "main^{tree}")
    assert contents.blob(b"1", "0" * 40) == entries["a.b"][1]
