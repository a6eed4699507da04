"""Two pull requests that append to one file are merged by git itself, and nothing is lost or mixed up."""

from __future__ import annotations

import itertools
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.evidence.drawn import implementations, measured, reviews
from tokenop.evidence import read, write
from tokenop.evidence.model import Implementation, Review

Entry = Review | Implementation

QUIET = {"deadline": None, "suppress_health_check": [HealthCheck.function_scoped_fixture]}
names = st.integers(0, 10**6).map(lambda number: f"person{number}")


class Repository:
    """A repository with our .gitattributes, in which each call makes a new base and branches off it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = itertools.count()
        self.git("init", "--quiet", "--initial-branch", "main")
        (folder / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())

    def git(self, *words: str, stdin: bytes | None = None) -> str:
        who = ["-c", "user.name=t", "-c", "user.email=t@example.invalid"]
        ran = subprocess.run(["git", *who, *words], cwd=self.folder, input=stdin, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout.decode()

    def merged(self, path: str, base: str | None, changed: Sequence[str]) -> str:
        """Return the file at `path` after branches that change it to each of `changed` were merged one by one."""
        round_ = next(self.names)
        stream = [_commit(f"refs/heads/base{round_}", None, path, base)]
        branches = [f"refs/heads/change{round_}-{number}" for number, _ in enumerate(changed)]
        stream += [
            _commit(name, f"refs/heads/base{round_}", path, text) for name, text in zip(branches, changed, strict=True)
        ]
        self.git("fast-import", "--quiet", stdin=b"".join(stream))
        self.git("checkout", "--quiet", "--force", "--detach", f"base{round_}")
        (self.folder / ".gitattributes").write_bytes((ROOT / ".gitattributes").read_bytes())
        for name in branches:
            self.git("merge", "--quiet", "--no-edit", name)
        return (self.folder / path).read_text(encoding="utf-8")


def _commit(ref: str, parent: str | None, path: str, text: str | None) -> bytes:
    head = f"commit {ref}\ncommitter t <t@example.invalid> 1700000000 +0000\ndata 1\nx\n"
    if parent:
        head += f"from {parent}\n"
    if text is None:
        return f"{head}M 100644 inline other\ndata 1\nx\n".encode()
    raw = text.encode()
    return f"{head}M 100644 inline {path}\ndata {len(raw)}\n".encode() + raw + b"\n"


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("merge"))


def bare(entries: Sequence[Entry]) -> list[Entry]:
    """Return entries without where they stand, sorted by name."""
    return sorted((replace(entry, line=0, path=Path()) for entry in entries), key=lambda entry: entry.entry_id)


def appended(text: str, entry: Entry) -> str:
    """Return the file with the entry at its end, as somebody would write who cares for no order."""
    return f"{text.rstrip()}\n\n{write.lines(entry)}"


def check(repository: Repository, kind: read.Kind, entries: list[Entry], standing: int, by_hand: bool) -> None:
    path = f"validations/prompt-caching/{kind}.md"
    put = appended if by_hand else write.added
    base = write.empty(kind, "prompt-caching")
    for entry in entries[:standing]:
        base = put(base, entry)
    changed = [put(base, entry) for entry in entries[standing:]]
    text = repository.merged(path, base if standing else None, changed)
    found = read.file(Path(path), text)
    assert not found.findings
    assert bare(found.entries) == bare(entries)


def drawn(entries: st.SearchStrategy[Entry]) -> st.SearchStrategy[list[Entry]]:
    return st.lists(entries, min_size=3, max_size=5, unique_by=lambda entry: entry.entry_id)


@pytest.mark.parametrize("by_hand", [True, False], ids=["at the end", "by name"])
@pytest.mark.parametrize("standing", [0, 1], ids=["a new file", "a file with entries"])
@settings(max_examples=6, **QUIET)
@given(data=st.data())
def test_entries_on_different_branches_come_out_whole(
    repository: Repository, standing: int, by_hand: bool, data: st.DataObject
) -> None:
    check(repository, "implementations", data.draw(drawn(implementations(names))), standing, by_hand)
    check(repository, "reviews", data.draw(drawn(reviews(names))), standing, by_hand)


@pytest.mark.parametrize("by_hand", [True, False], ids=["at the end", "by name"])
@pytest.mark.parametrize("standing", [0, 2], ids=["a new file", "a file with entries"])
def test_entries_that_say_the_same_come_out_whole(repository: Repository, standing: int, by_hand: bool) -> None:
    same: list[Entry] = [measured(number, method="m", worked="yes", lessons="none yet") for number in (5, 2, 9, 1, 7)]
    check(repository, "implementations", same, standing, by_hand)


def test_lines_that_two_entries_have_in_common_would_be_mixed_up(repository: Repository) -> None:
    """Why each line holds its entry's name: without it, git takes what is the same out of the conflict."""
    texts = [f"# T\n\n## {name}\n\na: 1\nb: 2\nc: 3\nd: 4\nend\n" for name in ("x", "y")]
    merged = repository.merged("validations/prompt-caching/reviews.md", "# T\n", texts)
    assert merged.count("a: 1") == 1


@pytest.mark.thorough
@settings(max_examples=200, **QUIET)
@given(st.lists(implementations(names), min_size=2, max_size=6, unique_by=lambda e: e.entry_id), st.integers(0, 3),
       st.booleans())  # fmt: skip
def test_many_more_come_out_whole(repository: Repository, entries: list[Entry], standing: int, by_hand: bool) -> None:
    check(repository, "implementations", entries, min(standing, len(entries) - 1), by_hand)


def test_the_same_entry_on_two_branches_stays_one(repository: Repository) -> None:
    entry = measured()
    text = write.added(write.empty("implementations", "prompt-caching"), entry)
    merged = repository.merged("validations/prompt-caching/implementations.md", None, [text, text])
    assert merged == text
