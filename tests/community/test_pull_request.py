"""What a pull request changes: by git's list and by GitHub's, and what may not happen to names and ids."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tokenop.community.pull_request import (
    Change,
    dependents,
    fingerprint,
    from_git,
    from_github,
    gone,
    misnamed,
    touches_engine,
    untouched,
)
from tokenop.community.pull_request_output import logged
from tokenop.errors import InputError

TEMPLATE = "templates/application-layer/shorter-prompts.md"
NAMES = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1)


@given(st.dictionaries(NAMES, st.sampled_from(["A", "M", "D", "T"])))
def test_git_s_list_is_read_whatever_files_are_called(files: dict[str, str]) -> None:
    listing = b"".join(f"{letter}\0{name}\0".encode() for name, letter in files.items())
    words = {"A": "added", "D": "removed", "M": "modified", "T": "modified"}
    assert from_git(listing) == tuple(sorted(Change(name, words[files[name]]) for name in files))


@pytest.mark.parametrize("listing", [b"A\0x", b"A\0x\0M\0", b"x"])
def test_a_list_that_is_cut_off_is_refused(listing: bytes) -> None:
    with pytest.raises(InputError, match="cut off"):
        from_git(listing)


def test_a_rename_is_the_same_on_both_sides() -> None:
    ours = from_git(b"D\0a.md\0A\0b.md\0")
    assert from_github([("b.md", "renamed", "a.md")]) == ours


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (TEMPLATE, "template"),
        ("templates/application-layer/$(touch x).md", "template"),
        ("templates/new-layer/x.md", "template"),
        ("templates/loose.md", "template"),
        ("templates/prices/anthropic.yaml", "engine"),
        ("templates/prices/README.md", "other"),
        ("templates/models/retirements.yaml", "engine"),
        ("templates/models", "template"),
        ("templates/routing/rules.yaml", "routing"),
        ("templates/routing/README.md", "other"),
        ("templates/routing/rules.yml", "routing"),
        ("templates/README.md", "other"),
        ("validations/model-routing/reviews.md", "evidence"),
        ("validations/model-routing/notes.md", "evidence"),
        ("validations/model-routing/metrics.md", "other"),
        ("validations/golden/T1.yaml", "golden"),
        ("validations/golden/recordings/groq/llama.jsonl", "golden"),
        ("collectors/manual/map.sql", "collector"),
        ("community/reviewers.md", "people"),
        (".github/workflows/pr-check.yml", "engine"),
        ("tokenop/errors.py", "engine"),
        ("action.yml", "engine"),
        ("conftest.py", "engine"),
        ("duckdb/__init__.py", "engine"),
        (".gitattributes", "engine"),
        (".github/PULL_REQUEST_TEMPLATE.md", "engine"),
        ("docs/cli.md", "other"),
        ("docs/schemas/template.schema.json", "other"),
        ("CHANGELOG.md", "other"),
        ("LICENSE", "other"),
        ("community/statistics.md", "other"),
        # On a machine that knows no case these are what the plain ones are.
        ("Templates/application-layer/model-routing.md", "template"),
        ("VALIDATIONS/model-routing/reviews.md", "evidence"),
        ("Collectors/manual/map.sql", "collector"),
        ("community/Reviewers.md", "people"),
        ("Tokenop/errors.py", "engine"),
    ],
)
def test_a_file_is_what_its_place_makes_it(path: str, kind: str) -> None:
    assert Change(path, "added").kind == kind


@pytest.mark.parametrize(
    "path",
    [
        "templates/application-layer/$(touch x).md",
        "templates/application-layer/a;b.md",
        "templates/application-layer/a\nb.md",
        "templates/application-layer/-rf.md",
        "templates/application-layer/../../x.md",
        "templates/application-layer/\u202egnp.md",
        "templates/new-layer/x.md",
        "templates/application-layer/deep/x.md",
        "validations/model-routing/notes.md",
        "docs/`id`.md",
        "Templates/application-layer/model-routing.md",
        "templates/Application-layer/model-routing.md",
        "VALIDATIONS/model-routing/reviews.md",
        "validations/model-routing/Reviews.md",
        "Collectors/manual/map.sql",
        "collectors/Manual_2/map.sql",
        "Templates",
        "templates/application-layer/metrics.md/x.md",
        "community/Reviewers.md",
        "TOKENOP/errors.py",
        "templates/Prices/anthropic.yaml",
        "x" * 300,
    ],
)
def test_a_name_that_is_not_plain_is_a_finding(path: str) -> None:
    (found,) = misnamed([Change(path, "added")])
    assert (found.rule, found.severity, found.file) == ("ID007", "error", path)
    assert not misnamed([Change(path, "removed")])


def test_a_template_that_goes_is_a_finding_unless_it_only_moves() -> None:
    removed = Change(TEMPLATE, "removed")
    (found,) = gone([removed])
    assert (found.rule, found.file) == ("ID005", TEMPLATE)
    assert not gone([removed, Change("templates/serving-layer/shorter-prompts.md", "added")])
    assert gone([removed, Change("templates/serving-layer/short-prompts.md", "added")])


def test_files_that_name_a_changed_template_depend_on_it() -> None:
    texts = {
        TEMPLATE: "id: shorter-prompts",
        "templates/cross-layer/both.md": "requires: [shorter-prompts]",
        "templates/cross-layer/other.md": "requires: [even-shorter-prompts, shorter-prompts-2]",
        "validations/shorter-prompts/reviews.md": "",
        "validations/other/reviews.md": "like shorter-prompts",
    }
    found = dependents([Change(TEMPLATE, "modified")], texts)
    assert found == ("templates/cross-layer/both.md", "validations/shorter-prompts/reviews.md")


def test_code_alone_is_nothing_to_lint_and_something_to_say() -> None:
    changes = [Change("tokenop/errors.py", "modified"), Change("README.md", "modified")]
    assert not touches_engine([Change("README.md", "modified"), Change(TEMPLATE, "added")])
    assert untouched(changes)
    assert touches_engine(changes)
    assert not untouched([*changes, Change(TEMPLATE, "added")])


def test_a_name_that_is_no_text_has_a_fingerprint() -> None:
    (change,) = from_git(b"A\0\xff.md\0")
    for path in (change.path, "\ud800.md"):
        assert len(fingerprint(path)) == 64
        assert misnamed([Change(path, "added")])


@example("a\u2028::x")
@given(st.text(st.sampled_from(":#[ax \t\r\n\u2028\x85") | st.characters()))
def test_no_line_of_a_log_is_a_command(text: str) -> None:
    shown = logged(text)
    assert "::" not in shown
    assert "##[" not in shown
    assert len(shown.splitlines()) <= 1
