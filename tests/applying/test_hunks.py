"""Diffs go in where their lines stand, or not at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.applying import hunks
from tokenop.errors import FindingsError
from tokenop.inventory.patches import unified

LINES = st.lists(st.sampled_from(["a", "b", "c", "--- x", "+++ y", "@@ -1 +1 @@", ""]), max_size=12)
TEXTS = st.tuples(LINES, st.booleans()).map(lambda drawn: "\n".join(drawn[0]) + ("\n" if drawn[1] else ""))


@given(TEXTS, TEXTS, st.booleans())
def test_a_diff_turns_one_text_into_the_other_and_back(before: str, after: str, pairs: bool) -> None:
    diff = unified.diff("x", before.encode(), after.encode())
    if not diff:
        return
    found = hunks.parse(diff, "x")
    ends = (lambda text: text.replace("\n", "\r\n")) if pairs and "\n" in before and "\n" in after else str
    assert hunks.apply(ends(before), found, "x") == ends(after)
    assert hunks.apply(ends(after), hunks.reverse(found), "x") == ends(before)


@given(
    st.lists(
        st.tuples(st.sampled_from(["a.tf", "b c.tf", "d/e.tf"]), TEXTS, TEXTS), max_size=3, unique_by=lambda d: d[0]
    )
)
def test_a_diff_of_several_files_is_taken_apart(files: list[tuple[str, str, str]]) -> None:
    parts = {name: unified.diff(name, before.encode(), after.encode()) for name, before, after in files}
    assert hunks.split("".join(parts.values())) == {name: text for name, text in parts.items() if text}


DIFF = "@@ -2,3 +2,3 @@\n one\n-two\n+2\n three\n"


def test_lines_that_moved_are_found_at_the_nearest_place() -> None:
    text = "one\ntwo\nthree\n" + "x\n" * 5 + "one\ntwo\nthree\n"
    assert hunks.apply(text, hunks.parse(DIFF, "x"), "x").startswith("one\n2\nthree\n")
    far = DIFF.replace("@@ -2", "@@ -9")
    assert hunks.apply(text, hunks.parse(far, "x"), "x").endswith("one\n2\nthree\n")


def test_lines_that_stay_keep_their_ends_where_a_file_has_both() -> None:
    text = "0\r\none\r\ntwo\r\nthree\r\nx\ny\n"
    assert hunks.apply(text, hunks.parse(DIFF, "x"), "x") == "0\r\none\r\n2\r\nthree\r\nx\ny\n"
    text = "0\none\ntwo\nthree\nx\r\ny\r\nz\r\nz\r\nz\r\n"
    assert hunks.apply(text, hunks.parse(DIFF, "x"), "x") == text.replace("two", "2")


def test_lines_without_any_around_them_go_into_an_empty_file_only() -> None:
    new = hunks.parse("@@ -0,0 +1,1 @@\n+one\n", "x")
    assert hunks.settled("", new, "x") == "one\n"
    assert hunks.settled("one\n", new, "x") == "one\n"
    with pytest.raises(FindingsError, match="are not here"):
        hunks.settled("mine\n", new, "x")


def test_where_the_lines_are_not_there_the_hunk_is_shown() -> None:
    with pytest.raises(FindingsError) as error:
        hunks.apply("one\ntwo!\nthree\n", hunks.parse(DIFF, "main.tf"), "main.tf")
    (found,) = error.value.findings
    assert (found.file, found.line) == ("main.tf", 2)
    assert DIFF.strip() in found.message


@pytest.mark.parametrize(
    ("diff", "message"),
    [
        ("", "holds no hunk"),
        ("--- a\n+++ b\n", "holds no hunk"),
        ("@@ -1,2 +1 @@\n-a\n", "holds 1 old lines"),
        ("@@ -1 +1 @@\n-a\n*b\n", "begins with '*'"),
    ],
)
def test_a_diff_that_is_none_is_refused(diff: str, message: str) -> None:
    with pytest.raises(FindingsError) as error:
        hunks.parse(diff, "x")
    assert message in error.value.findings[0].message
