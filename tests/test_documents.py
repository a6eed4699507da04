from __future__ import annotations

import os
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenop import documents, strict_yaml
from tokenop.errors import Finding, FindingsError, InputError


def written(folder: Path, frontmatter: str, body: str = "# Body\n") -> Path:
    path = folder / "document.md"
    path.write_bytes(f"---\n{frontmatter}\n---\n\n{body}".encode())
    return path


def complaints(path: Path) -> list[tuple[int, int, str]]:
    with pytest.raises(FindingsError) as caught:
        documents.load(path)
    return [(f.line, f.column, f.message) for f in caught.value.findings]


def outcome(path: Path) -> tuple[documents.Document | None, tuple[Finding, ...]]:
    try:
        return documents.load(path), ()
    except FindingsError as error:
        return None, error.findings


def test_values_have_plain_types_and_numbers_with_a_point_are_decimals(tmp_path: Path) -> None:
    path = written(tmp_path, "a: 1\nb: 0.10\nc: true\nd: text\ne: [1, x]\nf: {g: null}\nh: '1.0'\ni: -2.5")
    meta = documents.load(path).meta
    assert meta == {
        "a": 1, "b": Decimal("0.10"), "c": True, "d": "text", "e": [1, "x"], "f": {"g": None}, "h": "1.0",
        "i": Decimal("-2.5"),
    }  # fmt: skip
    assert isinstance(meta["b"], Decimal)
    assert type(meta["a"]) is int


def test_places_of_values_and_keys_are_those_an_editor_shows(tmp_path: Path) -> None:
    document = documents.load(written(tmp_path, "id: x\neconomics:\n  levers:\n    - kind: trim\n      where: 'a > 1'"))
    assert document.line("id") == (2, 5)
    assert document.line("economics.levers[0].where") == (6, 14)
    assert document.key_line("economics.levers[0].where") == (6, 7)
    assert document.line("economics.levers[0].parameters.share") == document.line("economics.levers[0]")
    assert document.line("nowhere.at.all") == (2, 1)


def test_body_starts_where_its_first_line_stands(tmp_path: Path) -> None:
    document = documents.load(written(tmp_path, "id: x", "\n\n## Problem\n\ntext ---\n---\nmore\n"))
    assert document.body_line == 7
    assert document.text.split("\n")[document.body_line - 1] == "## Problem"
    assert document.body == "## Problem\n\ntext ---\n---\nmore"


@pytest.mark.parametrize("name", ["single", "double", "plain", "folded", "literal", "broken"])
def test_a_character_of_a_text_is_found_in_every_style(tmp_path: Path, name: str) -> None:
    frontmatter = (
        "single: 'it''s a > 1'\n"
        'double: "a \\"b\\" \\\n    c"\n'
        "plain: a AND\n  b\n"
        "folded: >-\n  a > 1\n  AND b\n\n  AND c\n"
        "literal: |\n  first\n    second\n"
        "broken: 'a\n  AND b'"
    )
    document = documents.load(written(tmp_path, frontmatter))
    value = document.value(name)
    assert isinstance(value, str)
    lines = document.text.split("\n")
    for offset, character in enumerate(value):
        line, column = document.locate(name, offset)
        if not character.isspace():
            assert lines[line - 1][column - 1] == character


@pytest.mark.parametrize(
    ("frontmatter", "line", "column", "message"),
    [
        ("a: 1\na: 2", 3, 1, "stands twice"),
        ("a: {b: 1, b: 2}", 2, 11, "stands twice"),
        ("a: &x 1", 2, 4, "anchor"),
        ("a: *x", 2, 4, "alias"),
        ("a: !!python/object/apply:os.system [id]", 2, 4, "tag"),
        ("a: !custom 1", 2, 4, "tag"),
        ("a: ! b", 2, 4, "tag"),
        ("<<: {a: 1}", 2, 1, "merge key"),
        ("on: 1", 2, 1, "true or false"),
        ("a: yes", 2, 4, "true or false"),
        ("a: Off", 2, 4, "true or false"),
        ("n: 1", 2, 1, "true or false"),
        ("a: True", 2, 4, "capitals"),
        ("a: 012", 2, 4, "octal"),
        ("a: 0x1F", 2, 4, "another base"),
        ("a: 12:30", 2, 4, "base-60"),
        ("a: 12:30:45.5", 2, 4, "base-60"),
        ("a: 1e3", 2, 4, "a number to some"),
        ("a: 1.5e-3", 2, 4, "a number to some"),
        ("a: 2026-01-01", 2, 4, "a date"),
        ("a: 2026-01-01 10:00:00", 2, 4, "a date"),
        ("version: 1.10", 2, 10, "read as a number"),
        ("a: .5", 2, 4, "plain decimal"),
        ("a: +1", 2, 4, "plain decimal"),
        ("a: 1_000", 2, 4, "plain decimal"),
        ("a: .nan", 2, 4, "finite"),
        ("a: -.INF", 2, 4, "finite"),
        ("a: =", 2, 4, "a meaning of its own"),
        ("a: " + "9" * 5000, 2, 4, "5000 characters"),
        ("1: a", 2, 1, "is not text"),
        ("null: a", 2, 1, "is not text"),
        ("? [a, b]\n: c", 2, 3, "a list or mapping"),
        ("a: 1\n...\n--- b: 2", 4, 1, "second YAML document"),
        ("a: [", 3, 1, "flow"),
        ("a: b: c", 2, 5, "mapping values"),
        ("a:\n\t- b", 3, 1, "cannot start"),
        ("- a", 1, 1, "not a mapping"),
        ("", 1, 1, "not a mapping"),
    ],
)
def test_surprises_are_refused_at_their_place(
    tmp_path: Path, frontmatter: str, line: int, column: int, message: str
) -> None:
    found = complaints(written(tmp_path, frontmatter))
    assert (line, column) in [(at, col) for at, col, text in found if message in text], found


def test_all_surprises_are_told_at_once_with_a_fix_each(tmp_path: Path) -> None:
    path = written(tmp_path, "a: yes\nb: 012\nc: 1e3\na: 2\nd: &x 1")
    with pytest.raises(FindingsError) as caught:
        documents.load(path)
    assert [f.line for f in caught.value.findings] == [2, 3, 4, 5, 6]
    assert all(f.fix and f.file == str(path) for f in caught.value.findings)


def test_quoted_surprises_are_text(tmp_path: Path) -> None:
    values = ["on", "yes", "012", "12:30", "1e3", "2026-01-01", "1.10", "~", ""]
    frontmatter = "\n".join(f"k{n}: '{value}'" for n, value in enumerate(values))
    assert list(documents.load(written(tmp_path, frontmatter)).meta.values()) == values


def test_crlf_files_read_like_others_with_the_same_places(tmp_path: Path) -> None:
    path = tmp_path / "crlf.md"
    path.write_bytes(b"---\r\na: 1\r\nb: |\r\n  x\r\n  y\r\n---\r\n\r\nBody\r\n")
    document = documents.load(path)
    assert document.meta == {"a": 1, "b": "x\ny\n"}
    assert document.line("b") == (3, 4)
    assert document.body_line == 8


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "no frontmatter"),
        (b"# Title\n", "no frontmatter"),
        (b"\n---\na: 1\n---\n", "no frontmatter"),
        (b"---\na: 1\n", "not closed"),
        (b"\xef\xbb\xbf---\na: 1\n---\n", "byte order mark"),
        (b"\xff\xfe-\x00-\x00", "byte order mark"),
        (b"---\na: \xff\n---\n", "not UTF-8"),
        (b"---\na: x\x00y\n---\n", "U+0000"),
        (b"---\na: x\ry\n---\n", "U+000D"),
        ("---\na: x\u2028y\n---\n".encode(), "U+2028"),
        (b"---\na: 1\n---\n" + b"x" * documents.MAX_BYTES, "larger than 256 KB"),
    ],
)
def test_files_that_are_not_clean_text_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "document.md"
    path.write_bytes(content)
    assert message in complaints(path)[0][2]


def test_what_cannot_be_read_is_an_input_error_and_never_waits(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.md"
    os.mkfifo(pipe)
    for path in (tmp_path, pipe, tmp_path / "absent.md"):
        with pytest.raises(InputError, match=str(path)):
            documents.load(path)


BOMBS = {
    "aliases": "a: &a [x]\n" + "\n".join(f"k{n}: &k{n} [*a, *a]" for n in range(1, 40)),
    "lists": "a: " + "[" * 100_000,
    "mappings": "a: " + "{a: " * 50_000,
    "dashes": "- " * 100_000,
    "questions": "? " * 100_000,
    "open quote": 'a: "' + "x" * 200_000,
    "open list": "a: [" + "a, " * 60_000,
    "duplicates": "a: 1\n" * 40_000,
    "comments": "#" * 200_000,
    "digits": "a: 1" + "0" * 200_000,
    "five megabytes": "a: " + "x" * 5_000_000,
    "long list": "a: [" + "1, x, " * 30_000 + "]",
    "many keys": "\n".join(f"k{n}: 1" for n in range(20_000)),
    "long key": "k" * 200_000 + ": 1",
    "entities": 'a: "' + "\\u0041" * 30_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_bombs_become_findings_with_a_line(tmp_path: Path, bomb: str) -> None:
    path = written(tmp_path, BOMBS[bomb])
    found = complaints(path)
    assert 1 <= len(found) <= documents.MAX_FINDINGS + 1
    assert all(line >= 1 for line, _, _ in found)


def test_plain_yaml_is_read_as_strictly(tmp_path: Path) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("a: 1\nb: {c: 0.5}\n")
    document = documents.load_yaml(path)
    assert document.meta == {"a": 1, "b": {"c": Decimal("0.5")}}
    assert document.line("b.c") == (2, 8)
    path.write_text("a: on\n")
    with pytest.raises(FindingsError, match=r"policy.yaml:1"):
        documents.load_yaml(path)


YAMLISH = st.text(alphabet="abn019:-_.,{}[]'\"|>&*!?#%@ \n\t~=<é☃", max_size=120)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frontmatter=YAMLISH)
def test_any_text_gives_a_document_or_findings_within_it(tmp_path: Path, frontmatter: str) -> None:
    path = written(tmp_path, frontmatter)
    last = path.read_text().count("\n") + 1
    document, findings = outcome(path)
    assert all(1 <= f.line <= last and f.column >= 1 and f.message for f in findings)
    for field_path, span in document.spans.items() if document else ():
        assert 1 <= span.place[0] <= last
        assert document.line(field_path) == span.place


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=200))
def test_any_bytes_give_a_document_or_findings(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bytes.md"
    path.write_bytes(b"---\n" + content)
    document, findings = outcome(path)
    assert document or findings


KEYS = st.text(alphabet="abcxz_", min_size=1)
PLAIN = st.recursive(
    st.integers(-(10**9), 10**9) | st.booleans() | st.text(alphabet="abc xyz'\"é:#", max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=12,
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=st.dictionaries(KEYS, PLAIN, min_size=1, max_size=4))
def test_json_is_read_back_as_it_was(tmp_path: Path, value: dict[str, object]) -> None:
    import json

    path = written(tmp_path, json.dumps(value))
    document = documents.load(path)
    assert document.meta == value


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text("ab01:-.,{}[]\"'#&*!|> \n<~yn", max_size=60),
        st.lists(
            st.sampled_from(["a: 1\n", "version: 1.0\n", "b: [x, 0.50, yes]\n", "  c: 2026-01-01\n", "d:\n", "- e\n",
                             "---\n", "? f\n", "1: g\n", "'1': h\n", "<<: {}\n", "i: &j k\n", "l: *j\n", "m: !!str n\n",
                             "o: |\n  p\n", "q: 0x1\n", "r: true\n", "s: ~\n", "t: {u: {}, v: []}\n"]),
            max_size=6,
        ).map("".join),
    )
)  # fmt: skip
def test_the_quick_reader_says_what_the_careful_one_says_or_nothing(text: str) -> None:
    found = strict_yaml.quick(text)
    builder = strict_yaml.Builder(Path("x"), text, 0)
    if found is not None:
        assert builder.build() == found
        assert repr(found) == repr(builder.root)


def test_depth_and_entries_have_the_same_end_for_both_readers() -> None:
    texts = [f"a: {'[' * depth}{']' * depth}" for depth in (22, 23, 24)]
    texts += [f"a: [{'1, ' * count}1]" for count in (1_999, 2_000)]
    for text in (*texts, f"{'a' * 100}: 1", f"{'a' * 101}: 1"):
        builder = strict_yaml.Builder(Path("x"), text, 0)
        try:
            assert strict_yaml.quick(text) == builder.build()
        except FindingsError:
            assert strict_yaml.quick(text) is None
