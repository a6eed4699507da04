"""`--fix`: whatever is wrong with a template, mending it is safe, keeps what people wrote and is done once."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalogue.examples import SPECIMENS, TODAY
from tokenop.catalogue.linting import lint
from tokenop.catalogue.linting.fixing import edited, mend
from tokenop.catalogue.places import find
from tokenop.catalogue.rules import RULES, source
from tokenop.catalogue.rules.model import Edit
from tokenop.settings import content

SPECIMEN = (SPECIMENS / "template.md").read_text(encoding="utf-8")
SHIPPED = find(content("templates"))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the specimen belongs in an empty repository."""
    made = tmp_path / "templates" / "application-layer" / "shorter-prompts.md"
    made.parent.mkdir(parents=True)
    made.with_name("model-routing.md").touch()  # the specimen links to it
    return made


def mended(path: Path, raw: bytes, today: date = TODAY) -> tuple[bytes, lint.Linted]:
    """Return the file's bytes after mending, and what is left to be found."""
    path.write_bytes(raw)
    changes, after = mend(lint.lint([path], today))
    for one in changes:
        one.path.write_bytes(one.after)
    return path.read_bytes(), after


def keeping(text: str) -> set[str]:
    """Return the comments of the frontmatter and all lines of prose."""
    return set(re.findall(r"#.*", text.split("\n---\n")[0])) | set(text.split("\n---\n")[1].split("\n"))


def test_comments_layout_and_line_ends_stay(path: Path) -> None:
    wrong = (
        SPECIMEN.replace("title: Shorter prompts", "# What lists show.\ntitel:   Shorter prompts  # keep")
        .replace('created: "2026-09-01"', "created: 2026-09-01")
        .replace("schema_version: 1\n", "")
        .replace("id: shorter-prompts", "id: shorter")
    )
    right = SPECIMEN.replace("title: Shorter prompts", "# What lists show.\ntitle:   Shorter prompts  # keep")
    for end in ("\n", "\r\n"):
        after, left = mended(path, wrong.replace("\n", end).encode())
        assert after.decode() == right.replace("\n", end)
        assert left.findings == ()


def test_mixed_line_ends_stay_where_they_are(path: Path) -> None:
    wrong = SPECIMEN.replace("title:", "titel:").replace("\n", "\r\n", 20)
    after, _ = mended(path, wrong.encode())
    assert after.decode() == SPECIMEN.replace("\n", "\r\n", 20)


def test_keys_move_with_their_comments_and_values(path: Path) -> None:
    front, body = SPECIMEN.split("\n---\n", 1)
    blocks = re.split(r"\n(?=[a-z])", front.removeprefix("---\n"))
    blocks = [f"# {number}\n{block}" for number, block in enumerate(blocks)]
    right = "---\n" + "\n".join(blocks) + "\n---\n" + body
    wrong = "---\n" + "\n".join(reversed(blocks)) + "\n---\n" + body
    after, left = mended(path, wrong.encode())
    assert after.decode() == right
    assert left.findings == ()


@pytest.mark.parametrize(
    "front",
    [
        "{schema_version: 1, title: x, id: shorter-prompts}",
        'title: "a\n# b\n  c"\nid: shorter-prompts',
        "title: |\n  a\n\n# comment\nid: shorter-prompts",
        "? title\n: x\n? id\n: shorter-prompts",
        'title: x\n"id": shorter-prompts\nschema_version: 1  # last\n# end',
    ],
)
def test_odd_styles_are_mended_rightly_or_left_alone(path: Path, front: str) -> None:
    before = source.source(path, f"---\n{front}\n---\nbody\n".encode())
    after, _ = mended(path, before.raw or b"")
    again = source.source(path, after)
    if before.draft:
        assert again.draft
        meta = before.draft.document.meta
        assert {**again.draft.document.meta, "schema_version": 1} == {**meta, "schema_version": 1}
        assert keeping(before.text) <= keeping(again.text)
    assert mended(path, after)[0] == after


def test_the_other_side_of_a_conflict_is_mended_in_its_file(path: Path) -> None:
    other = path.parent.parent / "serving-layer" / "tiny-prompts.md"
    other.parent.mkdir()
    other.write_text(SPECIMEN.replace("id: shorter-prompts", "id: tiny-prompts  # short").replace(
        "layer: application-layer", "layer: serving-layer"))  # fmt: skip
    after, left = mended(path, SPECIMEN.replace("conflicts: []", "conflicts: [tiny-prompts]").encode())
    assert after.decode() == SPECIMEN.replace("conflicts: []", "conflicts: [tiny-prompts]")
    assert "conflicts: [shorter-prompts]\n" in other.read_text()
    assert [found for found in left.findings if found.rule == "GR003"] == []
    # The next run has nothing to do, from whichever side it looks.
    for one in (path, other):
        assert not [change for change in mend(lint.lint([one], TODAY))[0] if change.path.stem != "tiny-prompts"]


def test_no_file_outside_of_the_repository_is_written(path: Path) -> None:
    # The shipped templates are known by id everywhere. Nobody's mistake, and no rule's, may lead to them.
    every = ", ".join(one.stem for one in SHIPPED if one.stem != "model-routing")
    path.write_bytes(SPECIMEN.replace("conflicts: []", f"conflicts: [{every}]").encode())
    changes, after = mend(lint.lint([path], TODAY))
    assert changes == []
    assert [found for found in after.findings if found.rule == "GR003"] == []
    told = RULES["FM008"].found(source.read(path), "x", "x")
    forged = replace(
        RULES["GR003"],
        check=lambda drafts, around: iter([replace(told, rule="GR003")]),
        fix=lambda drafts, around: iter([Edit(0, 0, "x", one) for one in SHIPPED]),
    )
    assert mend(lint.lint([path], TODAY, [forged]))[0] == []


def test_what_is_suppressed_is_not_mended(path: Path) -> None:
    suppressed = 'suppress:\n  - {rule: FM005, reason: "As it was.", until: "2026-12-01"}\n'
    swapped = SPECIMEN.replace("requires: []\nconflicts: []\n", "conflicts: []\nrequires: []\n")
    text = swapped.replace("\n---\n", f"\n{suppressed}---\n", 1)
    assert mended(path, text.encode())[0].decode() == text
    assert mended(path, text.encode(), date(2026, 12, 2))[0].decode() != text


def test_edits_that_overlap_wait_and_files_that_cannot_be_read_are_left_alone(path: Path) -> None:
    made = source.source(path, b"abc\r\ndef")
    after = edited(made, [Edit(1, 3, "X"), Edit(2, 5, "Y"), Edit(4, 4, "1\n"), Edit(4, 4, "2")])
    assert after is not None
    assert after.raw == b"aX\r\n1\r\ndef"
    for raw in (b"\xff\xfe", b"x" * 300_000, b"---\ntitle: 2026-01-01\n---\n\xff"):
        assert mended(path, raw)[0] == raw


def damaged(text: str, data: st.DataObject) -> str:
    """Return a template with a few of the faults that people make."""
    lines = text.split("\n")
    end = lines.index("---", 1)
    for _ in range(data.draw(st.integers(1, 5))):
        at = data.draw(st.integers(1, end - 1))
        match data.draw(st.sampled_from(["drop", "repeat", "swap", "key", "unquote", "comment", "junk"])):
            case "drop":
                lines[at] = ""
            case "repeat":
                lines[at] += "\n" + lines[at]
            case "swap":
                other = data.draw(st.integers(1, len(lines) - 1))
                lines[at], lines[other] = lines[other], lines[at]
            case "key":
                lines[at] = lines[at].replace("e", "", 1)
            case "unquote":
                lines[at] = lines[at].replace('"', "")
            case "comment":
                lines[at] += "\n# " + data.draw(st.text("ab:-'", max_size=5))
            case "junk":
                lines[at] += data.draw(st.text("abc:{}[]\"'-| \n#\u200b\u202ehttp/TODO", max_size=12))
    return "\n".join(lines)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mending_never_breaks_a_template_and_a_second_time_changes_nothing(path: Path, data: st.DataObject) -> None:
    original = data.draw(st.sampled_from([SPECIMEN, *(one.read_text(encoding="utf-8") for one in SHIPPED[::6])]))
    raw = damaged(original, data).encode()
    before = lint.lint([_written(path, raw)], TODAY)
    after, left = mended(path, raw)
    first, second = source.source(path, raw), source.source(path, after)
    assert second.draft or not first.draft
    if first.draft and after != raw:
        told, still = ({found.rule for found in one.findings} for one in (before, left))
        # A key that has its right name at last may hold a wrong value; nothing else gets worse.
        assert {name for name in still if name in ("FM001", "FM002", "FM003", "FM007", "ID001", "ID002")} <= told
    assert mended(path, after)[0] == after


def _written(path: Path, raw: bytes) -> Path:
    path.write_bytes(raw)
    return path
