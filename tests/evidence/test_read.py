"""Files of evidence are read strictly, with the place of whatever is wrong; what is written is read back."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.evidence.drawn import implementations, measured, reviews
from tokenop.errors import InputError
from tokenop.evidence import people, read, write
from tokenop.evidence.grammar import MAX_FINDINGS
from tokenop.evidence.model import Implementation, Review

HEAD = "# Implementations of prompt-caching\n"
IMPLEMENTATIONS = Path("validations/prompt-caching/implementations.md")


def entry(name: str = "octocat-1.0.0", *extra: str) -> str:
    fields = ("day: 2026-10-20", "organisation: software", "evidence: reported", *extra)
    return f"\n## {name}\n\n" + "".join(f"- {name} {field}\n" for field in fields)


def file(text: str, path: Path = IMPLEMENTATIONS) -> read.EvidenceFile:
    return read.file(path, text)


@given(st.lists(implementations(), max_size=4, unique_by=lambda one: one.entry_id))
def test_what_is_written_is_read_back(entries: list[Implementation]) -> None:
    text = write.empty("implementations", "prompt-caching")
    for one in entries:
        text = write.added(text, one)
    found = file(text)
    assert found.findings == ()
    assert [replace(one, line=0) for one in found.implementations] == sorted(
        entries, key=lambda one: f"## {one.entry_id}"
    )


@given(st.lists(reviews(), max_size=4, unique_by=lambda one: one.entry_id))
def test_reviews_are_read_back(entries: list[Review]) -> None:
    text = write.empty("reviews", "prompt-caching")
    for one in entries:
        text = write.added(text, one)
    found = file(text, IMPLEMENTATIONS.with_name("reviews.md"))
    assert found.findings == ()
    assert {replace(one, line=0, answers=()) for one in found.reviews} == {replace(one, answers=()) for one in entries}
    assert {one.entry_id: dict(one.answers) for one in found.reviews} == {
        one.entry_id: dict(one.answers) for one in entries
    }


@given(st.text(max_size=300), st.booleans())
def test_no_text_makes_the_reader_fail(text: str, begun: bool) -> None:
    found = file(HEAD + entry() + text if begun else text)
    assert all(finding.line >= 1 and finding.column >= 1 for finding in found.findings)


@given(st.lists(st.sampled_from(["## a-1.0.0", "- a-1.0.0 day: 2026-10-20", "- a-1.0.0 hours: 3", "- b", "x", ""])))
def test_no_arrangement_of_lines_makes_it_fail(lines: list[str]) -> None:
    file(HEAD + "\n".join(lines))


@pytest.mark.parametrize(
    ("line", "place", "field", "said"),
    [
        ("- octocat-1.0.0 hours: ten", (8, 24), "octocat-1.0.0.hours", "'ten' is no number"),
        ("- octocat-1.0.0 hours:  -1", (8, 25), "octocat-1.0.0.hours", "below 0"),
        ("- octocat-1.0.0 calls_before: 1e6", (8, 31), "octocat-1.0.0.calls_before", "no whole number"),
        ("- octocat-1.0.0 quality_before: 2", (8, 33), "octocat-1.0.0.quality_before", "above 1"),
        ("- octocat-1.0.0 lessons: n/a", (8, 26), "octocat-1.0.0.lessons", "leave the line out"),
        ("- octocat-1.0.0 leson: x", (8, 17), "octocat-1.0.0.leson", "did you mean lessons?"),
        ("- mona-1.0.0 hours: 3", (8, 3), "octocat-1.0.0", "a line of 'mona-1.0.0'"),
        ("- octocat-1.0.0 hours:", (8, 1), "line", "leave a field without a value out"),
        ("and so on", (8, 1), "line", "no line of an entry"),
        ("<<<<<<< HEAD", (8, 1), "line", "no line of an entry"),
        ("- octocat-1.0.0 day: 2026-10-21", (8, 22), "octocat-1.0.0.day", "stands twice"),
        ("- octocat-1.0.0 sample: false", (8, 25), "octocat-1.0.0.sample", "leave the line out"),
        ("- octocat-1.0.0 worked: a\x1b[2Jb", (8, 26), "file", "U+001B"),
        ("## Octocat", (8, 4), "name", "does not name an entry"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(line: str, place: tuple[int, int], field: str, said: str) -> None:
    (finding,) = file(f"{HEAD}{entry()}{line}\n").findings
    assert (finding.line, finding.column, finding.field, finding.rule) == (*place, field, "RP006")
    assert said in str(finding)
    assert finding.fix


def test_an_entry_that_lacks_something_is_told_at_its_name_and_does_not_count() -> None:
    text = HEAD + "\n## octocat-1.0.0\n\n- octocat-1.0.0 day: 2026-10-20\n" + entry("mona-1.0.0")
    found = file(text)
    assert [(one.line, one.field) for one in found.findings] == [
        (3, "octocat-1.0.0.organisation"),
        (3, "octocat-1.0.0.evidence"),
    ]
    assert [one.entry_id for one in found.entries] == ["mona-1.0.0"]


def test_everything_wrong_is_told_at_once_up_to_a_limit() -> None:
    assert len(file(HEAD + entry() + "x\n" * 5000).findings) == MAX_FINDINGS


def test_windows_line_ends_are_read() -> None:
    assert file((HEAD + entry()).replace("\n", "\r\n")).findings == ()


def test_a_field_is_found_again_by_its_name() -> None:
    found = file(HEAD + entry())
    assert found.line("octocat-1.0.0.organisation") == (6, 31)
    assert found.line("octocat-1.0.0.hours") == (3, 4)
    assert found.line("nothing") == (1, 1)


def test_adding_an_entry_keeps_what_people_wrote_and_the_order_of_names(tmp_path: Path) -> None:
    text = HEAD + entry("bob-1.0.0", "hours: 3") + entry("zoe-1.0.0")
    between = write.added(text, measured(1))
    assert [one.entry_id for one in file(between).entries] == ["bob-1.0.0", "person1-1.0.0", "zoe-1.0.0"]
    assert all(line in between.split("\n") for line in text.split("\n"))
    assert write.added(between, measured(1)) == between
    assert write.added(write.added(HEAD, measured(1)), measured(1, "0.5")) == write.added(HEAD, measured(1, "0.5"))


def test_a_repository_is_read_by_template(tmp_path: Path) -> None:
    for template in ("prompt-caching", "semantic-caching"):
        path = write.path_of(tmp_path, "implementations", template)
        path.parent.mkdir()
        path.write_text(f"# Implementations of {template}\n{entry()}", encoding="utf-8")
    stray = write.path_of(tmp_path, "reviews", "semantic-caching")
    stray.write_text("# Reviews of prompt-caching\n", encoding="utf-8")
    found = read.load(tmp_path)
    assert [len(found.of(name).implementations) for name in ("prompt-caching", "semantic-caching", "none")] == [1, 1, 0]
    (finding,) = found.findings
    assert finding.file == str(stray)
    assert "the title names 'prompt-caching', the folder semantic-caching" in finding.message
    assert read.load(tmp_path / "absent").by_template == {}


@pytest.mark.parametrize("made", [lambda path: path.mkdir(), lambda path: path.symlink_to("/etc/hostname")])
def test_what_is_no_regular_file_is_not_read(tmp_path: Path, made: Callable[[Path], None]) -> None:
    path = write.path_of(tmp_path, "reviews", "x")
    path.parent.mkdir()
    made(path)
    with pytest.raises(InputError, match="not a regular file"):
        read.file(path)
    assert "not a regular file" in read.load(tmp_path).findings[0].message


def test_bytes_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "implementations.md"
    path.write_bytes((HEAD + entry()).encode() + b"- octocat-1.0.0 lessons: caf\xe9\n")
    (finding,) = read.file(path).findings
    assert (finding.line, finding.message) == (8, "is not UTF-8")


def test_ten_thousand_entries_are_read_in_two_seconds(tmp_path: Path) -> None:
    for template in range(20):
        path = write.path_of(tmp_path, "implementations", f"template{template}")
        path.parent.mkdir()
        names = (f"person{number}-1.0.0" for number in range(500))
        one = write.lines(measured(0, worked="w " * 50, lessons="l " * 100))
        entries = "\n".join(one.replace("person0-1.0.0", name) for name in names)
        path.write_text(f"# Implementations of template{template}\n\n{entries}", encoding="utf-8")
    started = time.process_time()
    found = read.load(tmp_path)
    assert time.process_time() - started < 2
    assert sum(len(one.implementations) for one in found.by_template.values()) == 10_000


def test_the_list_of_reviewers_is_sound() -> None:
    assert people.reviewers(ROOT / "community" / "reviewers.md").findings == ()


def test_reviewers_are_read_with_what_they_know() -> None:
    text = (
        "# Reviewers\n\nAnything may stand here, - even this.\n\n## octocat\n\n"
        "- octocat layers: serving-layer, cross-layer\n- octocat categories: caching\n- octocat capacity: 1\n"
        "- octocat away_until: 2026-12-31\n\n## mona\n\n- mona layers: serving-layer\n"
    )
    found = people.reviewers(Path("reviewers.md"), text)
    assert found.findings == ()
    mona, octocat = found.reviewers
    assert (octocat.layers, octocat.categories, octocat.capacity) == (("serving-layer", "cross-layer"), ("caching",), 1)
    assert str(octocat.away_until) == "2026-12-31"
    assert (mona.handle, mona.capacity, mona.away_until) == ("mona", people.CAPACITY, None)
    assert found.handles == {"mona", "octocat"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("layers: serving", "did you mean serving-layer?"),
        ("layers: serving-layer, serving-layer", "no list of different words"),
        ("capacity: 900", "more than 50"),
        ("categories: Caching!", "is no category"),
        ("away_until: tomorrow", "is no day"),
    ],
)
def test_what_is_wrong_with_a_reviewer_is_told(wrong: str, said: str) -> None:
    known = "" if wrong.startswith("layers") else "- mona layers: serving-layer\n"
    found = people.reviewers(Path("reviewers.md"), f"# Reviewers\n\n## mona\n\n{known}- mona {wrong}\n")
    assert said in str(found.findings[0])
    assert found.reviewers == ()


def test_a_reviewer_stands_there_once() -> None:
    text = "# Reviewers\n" + 2 * "\n## mona\n\n- mona layers: serving-layer\n"
    found = people.reviewers(Path("reviewers.md"), text)
    assert len(found.reviewers) == 1
    assert "first on line 3" in found.findings[0].message
