"""The numbers that leave the untrusted job: written so that they are read again, and nothing else is."""

from __future__ import annotations

import io
import json
import zipfile
from datetime import date

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.github_state import zipped
from tokenop.community import report
from tokenop.community.pull_request import fingerprint
from tokenop.community.report import MOST_ECONOMICS, MOST_FINDINGS, NAME, Report, comparable, mark, unlike
from tokenop.errors import Finding, InputError

HEAD, DAY = "a" * 40, date(2026, 11, 22)
CHECKED = {"templates": 1, "evidence": 0, "collectors": 0, "people": 0, "routing": 0}

findings = st.builds(
    Finding,
    st.sampled_from(["a.md", "b/`c`.md", "\udcff.md"]),
    st.integers(0, 1000),
    st.text(),
    st.sampled_from(["FM001", "COLLECTOR-EXPECTED", "sql-binder"]),
    st.sampled_from(["error", "warning"]),
    st.text(),
    st.integers(0, 1000),
)
percent = st.none() | st.tuples(*[st.floats(-100, 100, allow_nan=False)] * 3)


@given(st.lists(findings), st.dictionaries(st.just("a.md"), st.dictionaries(st.just("sample-month"), percent)))
def test_what_is_written_is_read_again(
    found: list[Finding], economics: dict[str, dict[str, report.Percent | None]]
) -> None:
    made = report.of(HEAD, DAY, CHECKED, found, economics)
    again = report.read(report.written(made).encode(), HEAD)
    assert again.marks == made.marks
    assert (again.head, again.day, again.more) == (HEAD, DAY, 0)
    assert {f: dict(s) for f, s in again.economics.items()} == {
        fingerprint(path): saved for path, saved in economics.items() if saved
    }


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(report.SCHEMA.read_text(encoding="utf-8")))


def test_errors_come_first_where_not_all_findings_have_room() -> None:
    many = [Finding("a.md", line, "", "SC002", "warning", "") for line in range(MOST_FINDINGS)]
    made = report.of(HEAD, DAY, CHECKED, [*many, Finding("z.md", 1, "", "FM001", "error", "")], {})
    assert (made.count("error"), made.more) == (1, 1)


@given(st.binary(max_size=300))
def test_anything_else_is_refused(text: bytes) -> None:
    with pytest.raises(InputError):
        report.read(text, HEAD)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "101"])
def test_numbers_beyond_reason_are_refused(number: str) -> None:
    made = report.of(HEAD, DAY, CHECKED, [], {"a.md": {"sample-month": (1.0, 77.0, 80.0)}})
    with pytest.raises(InputError):
        report.read(report.written(made).replace("77.0", number).encode(), HEAD)


@pytest.mark.parametrize(
    "archive",
    [
        b"no zip",
        zipped({}),
        zipped({"other.json": b"{}"}),
        zipped({NAME: b"{}", "../../x": b"{}"}),
        zipped({f"../{NAME}": b"{}"}),
        zipped({NAME: b" " * 50_000_000}),
        zipped({NAME: b"{}"})[:-30],
    ],
    ids=["no zip", "empty", "other name", "two files", "traversal", "bomb", "cut"],
)
def test_an_archive_that_holds_anything_but_the_report_is_refused(archive: bytes) -> None:
    with pytest.raises(InputError):
        report.unpacked(archive)


def test_an_archive_that_lies_about_its_size_is_not_believed() -> None:
    archive = bytearray(zipped({NAME: b" " * 1_000_000}))
    at = archive.index(b"PK\x01\x02") + 24
    archive[at : at + 4] = (10).to_bytes(4, "little")
    with pytest.raises(InputError):
        report.unpacked(bytes(archive))


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_only_what_github_makes_is_unpacked(method: int) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(NAME, b"{}")
    with pytest.raises(InputError):
        report.unpacked(buffer.getvalue())


def test_two_runs_are_compared_where_both_must_say_the_same() -> None:
    same = Finding("a.md", 1, "", "FM003", "error", "one's words")
    theirs = Finding("a.md", 2, "", "FM003", "error", "")
    ours = Finding("a.md", 3, "", "FM003", "error", "")
    engine = Finding("a.md", 4, "", "EC003", "error", "")
    elsewhere = Finding("b.md", 5, "", "FM003", "error", "")
    made = report.of(HEAD, DAY, CHECKED, [same, theirs, engine, elsewhere], {})
    assert unlike(made, [same, ours], ["a.md"]) == tuple(sorted([mark(theirs), mark(ours)]))
    cut = Finding("a.md", 9, "", "FM099", "error", "")
    assert unlike(made, [same, ours, cut], ["a.md"]) == ()


def test_the_engine_and_the_network_are_not_compared() -> None:
    assert comparable("FM003")
    assert not comparable("EC003")
    assert not comparable("LK003")
    assert not comparable("COLLECTOR-MAP")


def test_an_empty_report_of_another_commit_is_refused() -> None:
    text = report.written(Report("b" * 40, DAY, CHECKED, ()))
    with pytest.raises(InputError, match="another commit"):
        report.read(text.encode(), HEAD)


def test_what_many_templates_save_is_cut_before_the_schema_refuses_it() -> None:
    saved = {f"templates/{number}.md": {"sample-month": None, "coding-agent": (1.0, 2.0, 3.0)} for number in range(500)}
    text = report.written(report.of(HEAD, DAY, CHECKED, [], saved))
    again = report.read(text.encode(), HEAD)
    assert sum(map(len, again.economics.values())) == MOST_ECONOMICS
    assert len(text) < report.LARGEST


def test_a_report_as_long_as_it_may_be_is_read_again() -> None:
    many = [Finding(f"{n}.md", 10**6, "", "COLLECTOR-EXPECTED", "warning", "", 10**6) for n in range(9_000)]
    saved = {f"{number}.md": {"x" * 40: (-1e6 / 7, -1e6 / 7, 100 / 7)} for number in range(500)}
    text = report.written(report.of(HEAD, DAY, CHECKED, many, saved))
    assert len(text) < report.LARGEST
    assert report.read(text.encode(), HEAD).more == 8_500
