"""Templates that want to do harm: each gives a finding with its line and runs nothing."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.catalogue.conftest import SOUND
from tokenop.catalogue import loader

APPLIES = '"monthly_cost_usd >= 100"'
WHERE = '"input_tokens >= 1000"'

HOSTILE = [
    "read_text('README.md') IS NOT NULL",
    "len(read_text('/etc/passwd')) > 0",
    "COPY (SELECT 1) TO 'stolen.csv'",
    "1 = 1; COPY (SELECT 1) TO 'stolen.csv'",
    "ATTACH 'stolen.db'",
    "1 = 1; ATTACH ':memory:' AS x",
    "EXISTS (SELECT 1 FROM read_csv('README.md'))",
    "(SELECT count(*) FROM duckdb_settings()) > 0",
    "1 IN (SELECT 1)",
    "1 = 1) OR (1 = 1",
    "1 = 1 --",
    "1 = 1 /* comment */",
    "len(range(2000000000)) > 0",
    "len(repeat('x', 2000000000)) > 0",
    "list_reduce([1, 2], (x, y) -> x + y) > 0",
    "query('SELECT 1') IS NULL",
    "getenv('HOME') IS NOT NULL",
    "current_setting('home_directory') IS NOT NULL",
    "random() > 0.5",
    "now() > '2020-01-01'",
    "sum(1) > 0",
    "row_number() OVER () > 0",
    "unnest([true])",
    "COLUMNS(*) IS NULL",
    "*",
    "nonsense_column > 1",
    "1 +",
    "",
    " ",
    "42",
    "'text'",
    "(" * 900 + "true" + ")" * 900,
    "NOT " * 400 + "true",
    " OR ".join(["true"] * 280),
    "PRAGMA version",
    "SET memory_limit = '1TB'",
    "INSTALL httpfs",
    "CALL pragma_version()",
    "getvariable('x') IS NULL",
    "'x' SIMILAR TO '(a+)+b' AND nonsense",
    "$1 = 1",
    "? = 1",
]


@pytest.mark.parametrize("place", [APPLIES, WHERE], ids=["applies_when", "where"])
@pytest.mark.parametrize("expression", HOSTILE)
def test_a_hostile_expression_is_a_finding_on_its_line_and_runs_nothing(
    folder: Path, monkeypatch: pytest.MonkeyPatch, place: str, expression: str
) -> None:
    monkeypatch.chdir(folder.parent)
    (folder.parent / "README.md").write_text("secret")
    path = folder / "shorter.md"
    path.write_text(SOUND.replace(place, "'" + expression.replace("'", "''") + "'", 1))
    before = sorted(folder.parent.rglob("*"))
    started = time.process_time()
    read = loader.read([path])
    assert time.process_time() - started < 5
    line = SOUND[: SOUND.index(place)].count("\n") + 1
    findings = [f for f in read.findings if f.rule in ("EX001", "FM004")]
    assert findings, read.findings
    assert all(f.line == line for f in findings)
    assert all("secret" not in f.message for f in findings)
    assert read.templates == ()
    assert sorted(folder.parent.rglob("*")) == before


def test_a_problem_in_a_folded_expression_is_found_on_its_own_line(folder: Path) -> None:
    path = folder / "shorter.md"
    folded = ">-\n        input_tokens >= 1000\n        AND output_token < 5\n        AND read_text('x') IS NULL"
    path.write_text(SOUND.replace(WHERE, folded, 1))
    lines = path.read_text().split("\n")
    places = [(f.line, f.column) for f in loader.read([path]).findings]
    assert [lines[line - 1][column - 1 :].split()[0] for line, column in places] == ["output_token", "read_text('x')"]


def test_a_folder_of_broken_files_still_gives_the_sound_one(folder: Path) -> None:
    (folder / "shorter.md").write_text(SOUND)
    (folder / "bomb.md").write_text("---\n" + "a: &a [*a, *a]\n" * 30 + "---\n")
    (folder / "large.md").write_bytes(b"---\na: " + b"x" * 5_000_000 + b"\n---\n")
    (folder / "binary.md").write_bytes(bytes(range(256)) * 4)
    (folder / "empty.md").write_text("")
    (folder / "folder.md").mkdir()
    (folder / "dangling.md").symlink_to(folder / "nowhere")
    read = loader.load(folder.parent)
    assert [template.id for template in read.templates] == ["shorter"]
    assert {Path(f.file).name for f in read.findings} == {
        "bomb.md", "large.md", "binary.md", "empty.md", "folder.md", "dangling.md",
    }  # fmt: skip


@pytest.mark.parametrize(
    "swollen",
    [
        "requires: [" + ", ".join(f"{n}, x{n}" for n in range(990)) + "]",
        "\n".join(f"k{n}: 1" for n in range(1900)) + "\nrequires: []",
        "requires: [" + ", ".join(["[1]"] * 1900) + "]",
        "requires:\n  - " + "- " * 20 + "x",
    ],
    ids=["mixed", "unknown", "lists", "deep"],
)
def test_a_swollen_template_gives_a_bounded_list_quickly(folder: Path, swollen: str) -> None:
    path = folder / "shorter.md"
    path.write_text(SOUND.replace("requires: []", swollen, 1))
    started = time.process_time()
    findings = loader.read([path]).findings
    assert time.process_time() - started < 5
    assert 1 <= len(findings) <= 101
    assert findings[-1].rule == "FM099" or len(findings) <= 100


def test_many_hostile_levers_are_not_each_tried(folder: Path) -> None:
    lever = SOUND[SOUND.index("    - kind: trim") : SOUND.index("  claim:")]
    path = folder / "shorter.md"
    path.write_text(SOUND.replace(lever, lever * 300, 1))
    started = time.process_time()
    findings = loader.read([path]).findings
    assert time.process_time() - started < 5
    assert [(f.field, f.message) for f in findings] == [("economics.levers", "has more than 12 items")]


LINES = SOUND.split("\n")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_damage_gives_findings_or_a_template_and_never_an_exception(folder: Path, data: st.DataObject) -> None:
    lines = list(LINES)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, 30))
        junk = st.text(alphabet="abc:{}[],\"'-| \n&*!#%019.<é", max_size=25)
        match data.draw(st.sampled_from(["drop", "repeat", "junk", "cut", "swap"])):
            case "drop":
                lines[at] = ""
            case "repeat":
                lines[at] += "\n" + lines[at]
            case "junk":
                lines[at] += data.draw(junk)
            case "cut":
                lines[at] = lines[at][: data.draw(st.integers(0, len(lines[at])))]
            case "swap":
                lines[at] = lines[at].split(":")[0] + ": " + data.draw(junk)
    path = folder / "shorter.md"
    path.write_text("\n".join(lines))
    read = loader.read([path])
    assert bool(read.templates) != any(f.severity == "error" for f in read.findings)
    assert all(f.line >= 1 and f.column >= 1 and f.message and f.field for f in read.findings)
