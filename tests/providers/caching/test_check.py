"""What is found in prompt files that are cut, or not, for a cache."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop.errors import Finding, InputError, NoInputError
from tokenop.providers.caching import blocks, volatile
from tokenop.providers.caching.boundary import MARKER
from tokenop.providers.caching.check import Report, check
from tokenop.providers.caching.metrics import use
from tokenop.providers.caching.place import place
from tokenop.providers.model import Message, Request, Text, Usage

RULES = "Read the whole file before you change it.\n" * 150  # some 1,260 tokens


def agent(folder: Path, text: str, name: str = "reviewer", front: str = "name: reviewer\n") -> Path:
    path = folder / ".claude" / "agents" / f"{name}.md"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"---\n{front}---\n{text}", encoding="utf-8")
    return path


def checked(*paths: Path, model: str = "claude-sonnet-4-5") -> Report:
    return check(paths, model)


def rules(report: Report) -> list[tuple[str, str]]:
    return [(found.rule, found.severity) for found in report.findings]


def only(report: Report) -> Finding:
    (found,) = report.findings
    return found


def test_a_file_that_is_cut_after_its_stable_part_is_right(tmp_path: Path) -> None:
    agent(tmp_path, f"{RULES}\n{MARKER}\nToday is {{{{ date }}}}.\n@MEMORY.md\n")
    report = checked(tmp_path)
    assert report.findings == ()
    (one,) = report.checked
    assert (one.boundary, one.minimum) == (155, 1024)
    assert 1024 < (one.stable_tokens or 0) < 1300


def test_a_long_file_without_a_marker_is_an_error_and_a_short_one_a_warning(tmp_path: Path) -> None:
    agent(tmp_path, RULES)
    assert rules(checked(tmp_path)) == [("boundary-missing", "error")]
    agent(tmp_path, "Be brief.\n")
    assert rules(checked(tmp_path)) == [("boundary-missing", "warning")]


def test_where_the_marker_belongs_is_said_by_line(tmp_path: Path) -> None:
    path = agent(tmp_path, "Be brief.\nBe kind.\nToday is {{ date }}.\n")
    found = only(checked(tmp_path))
    assert (found.file, found.line, found.severity) == (str(path), 6, "error")
    assert found.fix == f"put {MARKER} before line 6, and what changes below it"


def test_several_markers_are_one_too_many(tmp_path: Path) -> None:
    agent(tmp_path, f"{RULES}\n{MARKER}\na\n## CACHE BOUNDARY\nb\n")
    found = only(checked(tmp_path))
    assert (found.rule, found.line) == ("boundary-repeated", 157)


def test_a_marker_too_early_is_an_error_where_a_later_one_would_do(tmp_path: Path) -> None:
    agent(tmp_path, f"Be brief.\n{MARKER}\n{RULES}")
    assert rules(checked(tmp_path)) == [("boundary-too-early", "error")]
    agent(tmp_path, f"Be brief.\n{MARKER}\nBe kind.\n")
    assert rules(checked(tmp_path)) == [("boundary-too-early", "warning")]


def test_the_agents_own_model_says_how_long_is_long_enough(tmp_path: Path) -> None:
    agent(tmp_path, f"{RULES}\n{MARKER}\n", front="name: a\nmodel: haiku\n")
    report = checked(tmp_path)
    assert rules(report) == [("boundary-too-early", "warning")]
    assert (report.checked[0].model, report.checked[0].minimum) == ("haiku", 4096)
    agent(tmp_path, f"{RULES}\n{MARKER}\n", front="name: a\nmodel: inherit\n")
    assert rules(checked(tmp_path)) == []


def test_a_marker_in_the_frontmatter_cuts_nothing(tmp_path: Path) -> None:
    agent(tmp_path, RULES, front=f"name: a\n# x\n{MARKER}\n")
    assert [found.rule for found in checked(tmp_path).findings] == ["boundary-misplaced", "boundary-missing"]


def test_files_that_are_stable_as_a_whole_need_no_marker_until_something_in_them_changes(tmp_path: Path) -> None:
    (tmp_path / "CLAUDE.md").write_text(RULES, encoding="utf-8")
    assert checked(tmp_path).findings == ()
    (tmp_path / "CLAUDE.md").write_text(f"{RULES}@MEMORY.md\n", encoding="utf-8")
    found = only(checked(tmp_path))
    assert (found.rule, found.line, found.severity) == ("boundary-missing", 151, "error")
    (tmp_path / "CLAUDE.md").write_text(f"{RULES}The API of 2023-06-01 stays.\n", encoding="utf-8")
    assert rules(checked(tmp_path)) == [("volatile-before-boundary", "warning")]


CHANGES = [
    "Today is 2026-11-05.",
    "Today's date: Monday, 5 May",
    "Current date and time: 5. 11. 2026",
    "**Date:** 2026-11-05",
    "The date is {{ current_date }}.",
    "Now: ${NOW}",
    "It is $(date +%F).",
    "It is !`date`.",
    "Time: {time}",
    "@MEMORY.md",
    "See @.claude/memory/notes.md for more.",
    "@~/.claude/MEMORY.md",
    "{{> MEMORY.md }}",
    "<!-- include: memory/notes.md -->",
    "Session: {{session_id}}",
    "## Session state",
    "session_id: 7f3a",
    "Branch: {{ git.branch }}",
    "## Open tasks",
    "{% raw %}{{ tasks | join }}",
]
STAYS = [
    "Answer in ISO dates such as `2026-11-05`.",
    "Send anthropic-version: `2023-06-01`.",
    "Read MEMORY.md first.",
    "Set the {timeout} and the {runtime}.",
    '{"date": "a text", "time": 1}',
    "Today we write short sentences.",
    "If today is a holiday, say so.",
    "Mail ana@example.com or see @docs/style.md.",
    "Run `!`date`` never.",
    "## Tasks of a reviewer",
    "Update the date of the file.",
    "The session ends when the user says so.",
]


@pytest.mark.parametrize("line", CHANGES)
def test_what_changes_from_call_to_call_is_seen_in_its_line(line: str) -> None:
    (found,) = volatile.signs(f"Be brief.\n{line}\n", first_line=4)
    assert (found.line, found.certain) == (5, True)
    assert found.words in line


@pytest.mark.parametrize("line", STAYS)
def test_what_stays_is_not_taken_for_what_changes(line: str) -> None:
    assert [found for found in volatile.signs(line) if found.certain] == []


def test_an_example_in_a_block_of_code_changes_nothing() -> None:
    assert list(volatile.signs("```\n@MEMORY.md\nToday is 2026-11-05\n```\n")) == []


def test_a_date_that_may_well_stay_is_a_warning_below_no_marker_and_nothing_after_it(tmp_path: Path) -> None:
    agent(tmp_path, f"Since 2026-01-01 we do this.\n{RULES}\n{MARKER}\nSince 2026-02-02.\n")
    found = only(checked(tmp_path))
    assert (found.rule, found.severity, found.line, found.column) == ("volatile-before-boundary", "warning", 4, 7)


@given(st.text("ab@{}$<>!`()[]*#=-_ .:0129TMEORYdate\n", max_size=200))
def test_any_text_is_looked_at_without_a_crash(text: str) -> None:
    for found in volatile.signs(text):
        assert found.words in text.splitlines()[found.line - 1]


def test_long_lines_of_strangers_take_no_time() -> None:
    for piece in ("`" * 3, "{a", "@a.", "a@MEMORY", "[[", "{{ date "):
        list(volatile.signs(piece * 300_000))


def test_of_a_folder_the_usual_files_are_checked_each_once(tmp_path: Path) -> None:
    agent(tmp_path, RULES)
    for name in ("CLAUDE.md", "MEMORY.md", "README.md", "prompts/a.md", "prompts/b/c.txt", ".claude/rules/x.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n", encoding="utf-8")
    names = {Path(one.file).name for one in checked(tmp_path, tmp_path, tmp_path / ".claude").checked}
    assert names == {"CLAUDE.md", "a.md", "c.txt", "reviewer.md", "x.md"}
    assert len(checked(tmp_path, tmp_path / ".claude").checked) == 5
    assert [Path(one.file).name for one in checked(tmp_path / "prompts").checked] == ["a.md", "c.txt"]


def test_a_block_that_is_missing_is_told_and_stops_nothing(tmp_path: Path) -> None:
    agent(tmp_path, RULES)
    assert checked(tmp_path).missing == ("CLAUDE.md", "rules")
    assert blocks.gather(tmp_path).missing == ("CLAUDE.md", "rules")
    assert checked(tmp_path / ".claude" / "agents" / "reviewer.md").missing == ()


def test_nothing_to_check_is_no_success(tmp_path: Path) -> None:
    with pytest.raises(NoInputError):
        checked(tmp_path)


def test_files_that_cannot_be_read_are_reported_with_the_others(tmp_path: Path) -> None:
    agent(tmp_path, RULES, "good")
    agent(tmp_path, "", "latin").write_bytes(b"caf\xe9")
    agent(tmp_path, "", "large").write_bytes(b"x" * (blocks.LARGEST + 1))
    report = checked(tmp_path)
    assert sorted(found.rule for found in report.findings) == ["boundary-missing", "unreadable", "unreadable"]
    with pytest.raises(InputError, match="is larger than 1024 KB"):
        blocks.gather(tmp_path)


def test_links_that_lead_out_of_the_project_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.md").write_text("secret", encoding="utf-8")
    project = tmp_path / "project"
    agent(project, RULES)
    (project / ".claude" / "agents" / "link.md").symlink_to(tmp_path / "secret.md")
    assert [Path(one.file).name for one in checked(project).checked] == ["reviewer.md"]


def test_a_memory_file_with_a_marker_is_told_that_nothing_in_it_stays(tmp_path: Path) -> None:
    (tmp_path / "MEMORY.md").write_text(f"a\n{MARKER}\n", encoding="utf-8")
    assert rules(checked(tmp_path / "MEMORY.md")) == [("boundary-misplaced", "error")]


def test_gathered_blocks_make_a_prompt_whose_stable_part_does_not_change_with_memory(tmp_path: Path) -> None:
    agent(tmp_path, RULES)
    (tmp_path / "CLAUDE.md").write_text(RULES, encoding="utf-8")
    prefixes = []
    for memory in ("one", "two"):
        (tmp_path / "MEMORY.md").write_text(memory, encoding="utf-8")
        system = blocks.system(blocks.gather(tmp_path))
        request = Request("claude-sonnet-4-5", (Message("user", (Text("Hi"),)),), system)
        placed = place(request).system
        assert [getattr(part, "cache", None) for part in placed] == ["5m", "5m", None]
        prefixes.append(placed[:2])
        assert placed[2] == Text(memory)
    assert prefixes[0] == prefixes[1]


def test_use_of_the_cache_is_what_was_read_of_all_input() -> None:
    cold, warm = Usage(1500, 9, 0, 1200, 1200), Usage(1500, 9, 1200, 0, 0)
    found = use([cold, warm, warm])
    assert (found.input_tokens, found.read, found.written, found.written_1h) == (4500, 2400, 1200, 1200)
    assert found.hit_ratio == pytest.approx(0.5333, abs=1e-4)


def test_a_call_that_does_not_say_what_it_read_is_unknown_and_not_a_miss() -> None:
    found = use([Usage(100, 1), Usage(None, 1, 5), Usage(100, 1, 50)])
    assert (found.calls, found.unknown, found.hit_ratio) == (3, 2, 0.5)
    assert use([Usage()]).hit_ratio is None


@given(st.text("-0123456789aAtTeEdDoOyYsSiInNmM @{}$()<%!`[]:#/.", max_size=40))
def test_no_line_is_passed_over_at_a_glance_that_holds_a_sign(line: str) -> None:
    if not volatile.hinted(line):
        assert volatile._sign(line) is None


@pytest.mark.parametrize(
    "line",
    [
        "Today is 2026-11-05",
        "DATE: 5 May",
        "!`git status`",
        "$(session)",
        "${x_state}",
        "# To do",
        "# TODO",
        "@TODO.md",
    ],
)
def test_what_changes_is_not_passed_over(line: str) -> None:
    assert bool(list(volatile.signs(line))) == (volatile._sign(line) is not None)


def test_a_byte_order_mark_does_not_hide_the_frontmatter(tmp_path: Path) -> None:
    path = agent(tmp_path, RULES, front="name: reviewer\nmodel: opus\n")
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    (one,) = checked(tmp_path).checked
    assert one.model == "opus"


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "prompt.md")
    assert only(checked(tmp_path / "prompt.md")).message == "is no file"


def test_a_folder_of_texts_is_walked_without_what_is_hidden_or_leads_out(tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    for name in ("b.md", "a/c.txt", ".git/d.md", "a/.e.md", "f.py"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("x")
    (tmp_path / "out.md").write_text("x")
    (folder / "out.md").symlink_to(tmp_path / "out.md")
    (folder / "a" / "up").symlink_to(folder)
    assert list(blocks.loose(folder)) == [folder / "a/c.txt", folder / "b.md"]
