"""In whose name a change speaks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tokenop.community.names import foreign, own_reviews
from tokenop.community.pull_request import Change

REVIEWS = "validations/prompt-caching/reviews.md"
PEOPLE = "community/reviewers.md"
ADA = "## ada-1.0.0\n\n- ada-1.0.0 day: 2026-10-12\n- ada-1.0.0 verdict: comment\n- ada-1.0.0 risk: 2 of 5. No.\n"
LINUS = ADA.replace("ada", "linus")


def reviews(*entries: str) -> str:
    return "# Reviews of prompt-caching\n\n" + "\n".join(entries)


def people(*entries: str) -> str:
    listed = "".join(f"## {name}\n\n- {name} layers: {layer}\n\n" for name, layer in (e.split() for e in entries))
    return f"# Reviewers\n\n{listed}"


def told(tmp_path: Path, path: str, before: str | None, after: str | None, author: str = "Linus") -> list[str]:
    for name, text in (("main", before), ("root", after)):
        if text is not None:
            file = tmp_path / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    status = "removed" if after is None else "added" if before is None else "modified"
    found = foreign(tmp_path / "main", tmp_path / "root", [Change(path, status)], author)
    assert {(one.severity, one.file) for one in found} <= {("warning", path)}
    done = [re.search("adds|alters|takes away", one.message) for one in found]
    return [f"{one.line} {word and word[0]} {one.field}" for one, word in zip(found, done, strict=True)]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (None, reviews(LINUS), []),
        (None, reviews(ADA), ["3 adds ada-1.0.0"]),
        (reviews(ADA), reviews(ADA, LINUS), []),
        (reviews(ADA), reviews(LINUS, ADA), []),
        (reviews(ADA), reviews(ADA.replace("2 of 5. No.", "5 of 5. Yes.")), ["3 alters ada-1.0.0"]),
        (reviews(ADA, LINUS), reviews(LINUS), ["0 takes away ada-1.0.0"]),
        (reviews(ADA), None, ["0 takes away ada-1.0.0"]),
        (reviews(LINUS), None, []),
        (None, reviews(f"{ADA}- ada-1.0.0 sample: true\n"), []),
        (reviews(ADA), reviews(f"{ADA}- ada-1.0.0 sample: true\n"), ["3 alters ada-1.0.0"]),
        (None, "no evidence", []),
    ],
)
def test_what_stands_in_the_name_of_others_is_told(
    tmp_path: Path, before: str | None, after: str | None, expected: list[str]
) -> None:
    assert told(tmp_path, REVIEWS, before, after) == expected


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        (people("ada serving-layer", "linus cross-layer"), []),
        (people("ada cross-layer"), ["3 alters ada"]),
        (people("linus cross-layer"), ["0 takes away ada"]),
        (people("ada serving-layer", "mallory cross-layer"), ["7 adds mallory"]),
    ],
)
def test_nobody_edits_the_place_of_another_on_the_list_of_reviewers(
    tmp_path: Path, after: str, expected: list[str]
) -> None:
    assert told(tmp_path, PEOPLE, people("ada serving-layer"), after) == expected


def test_of_an_author_whom_nobody_knows_nothing_is_their_own(tmp_path: Path) -> None:
    assert len(told(tmp_path, REVIEWS, None, reviews(LINUS), author="")) == 1


def test_a_link_in_the_place_of_evidence_is_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.md"
    secret.write_text(reviews(ADA), encoding="utf-8")
    place = tmp_path / "root" / REVIEWS
    place.parent.mkdir(parents=True)
    place.symlink_to(secret)
    assert told(tmp_path, REVIEWS, None, None) == []


@pytest.mark.parametrize(
    ("author", "template", "expected"),
    [
        ("Linus", "prompt-caching", ["linus-1.0.0"]),
        ("linus", "model-routing", []),
        ("ada", "prompt-caching", ["ada-1.0.0"]),
        ("eve", "prompt-caching", []),
    ],
)
def test_nobody_reviews_what_they_change_in_the_same_pull_request(
    tmp_path: Path, author: str, template: str, expected: list[str]
) -> None:
    file = tmp_path / REVIEWS
    file.parent.mkdir(parents=True)
    sample = f"{ADA.replace('1.0.0', '2.0.0')}- ada-2.0.0 sample: true\n"
    file.write_text(reviews(ADA, LINUS, sample), encoding="utf-8")
    changes = [Change(f"templates/serving-layer/{template}.md", "modified"), Change(REVIEWS, "modified")]
    assert [found.field for found in own_reviews(tmp_path, changes, author)] == expected
