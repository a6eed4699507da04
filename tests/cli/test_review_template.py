"""`tokenop review-template`: seven areas, one after the other, with what a program can say of each."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from tests.conftest import Ran
from tokenop import settings
from tokenop.catalogue import loader
from tokenop.community import review_session
from tokenop.community.review_facts import facts
from tokenop.evidence import questions, read
from tokenop.evidence.values import Answer
from tokenop.trials.replay import Alone

Cli = Callable[..., Ran]
WHO = ("--by", "octocat", "--day", "2026-11-20", "--no-replay")
ALL = "".join(f'{name}: "4 of 5. Sound."\n' for name in questions.IDS)


@pytest.fixture
def review(run_cli: Cli, tmp_path: Path) -> Callable[..., Ran]:
    """Return a function that runs the command for prompt-caching in an empty folder."""
    return lambda *words: run_cli("review-template", "prompt-caching", *words, cwd=tmp_path)


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], list[str]]:
    """Return a function that gives the answers typed from now on; where they end, Ctrl-C is pressed."""

    def start(answers: list[str]) -> list[str]:
        asked: list[str] = []
        rest: Iterator[str] = iter(answers)

        def prompt(text: str, **_: object) -> str:
            asked.append(text)
            found = next(rest, None)
            if found is None:
                raise click.Abort
            return found

        monkeypatch.setattr("click.prompt", prompt)
        return asked

    return start


def written(folder: Path) -> read.EvidenceFile:
    return read.file(folder / "validations" / "prompt-caching" / "reviews.md")


def test_seven_areas_and_a_verdict_make_a_review(
    review: Callable[..., Ran], answering: Callable[[list[str]], list[str]], tmp_path: Path
) -> None:
    asked = answering(["4", "Sound.", "-", "No idea of bob@corp.example", *["5", ""] * 5, "approve"])
    ran = review(*WHO)
    assert ran.exit_code == 0, ran.stderr
    assert len(asked) == 15
    (entry,) = written(tmp_path).reviews
    assert (entry.verdict, entry.version, entry.sample) == ("approve", "1.0.0", False)
    assert entry.answers["technical"] == Answer(4, "Sound.")
    assert entry.answers["economics"] == Answer(None, "No idea of [email]")
    assert "Review of prompt-caching 1.0.0: approve" in ran.stdout
    assert ran.stdout.endswith("Next: tokenop contribute --template prompt-caching\n")
    for shown in ("1 of 7: Technical accuracy", "Lever prompt_cache, where", "Claims ", "Linter: ", "7 of 7"):
        assert shown in ran.stderr


def test_what_was_answered_before_ctrl_c_is_kept(
    review: Callable[..., Ran], answering: Callable[[list[str]], list[str]], tmp_path: Path
) -> None:
    answering(["4", "Sound.", "3", "Dear.", "5"])
    ran = review(*WHO)
    assert ran.exit_code == 130
    assert not (tmp_path / "validations").exists()
    assert "the same command goes on" in ran.stderr
    kept = settings.home() / "reviews" / "prompt-caching.octocat.json"
    assert json.loads(kept.read_text())["answers"] == {"technical": "4 of 5. Sound.", "economics": "3 of 5. Dear."}
    asked = answering([*["5", "Clear."] * 5, "approve"])
    again = review(*WHO)
    assert "2 of 7 areas are answered from before" in again.stderr
    assert len(asked) == 11
    assert written(tmp_path).reviews[0].answers["economics"] == Answer(3, "Dear.")
    assert not kept.exists()


def test_nobody_goes_on_with_the_answers_of_another_person(
    review: Callable[..., Ran], answering: Callable[[list[str]], list[str]]
) -> None:
    answering(["4", "Sound.", "3"])
    assert review(*WHO).exit_code == 130
    asked = answering([*["5", "Clear."] * 7, "comment"])
    assert review("--by", "hubot", *WHO[2:]).exit_code == 0
    assert len(asked) == 15


def test_an_approval_by_who_cannot_judge_most_areas_is_asked_again(
    review: Callable[..., Ran], answering: Callable[[list[str]], list[str]], tmp_path: Path
) -> None:
    answering([*["-", ""] * 4, "5", "<b>Fine.</b>", "Fine.", *["5", ""] * 2, "approve", "comment"])
    ran = review(*WHO)
    assert ran.exit_code == 0, ran.stderr
    assert "rates at least 4 of the seven areas; 3 are rated" in ran.stderr
    assert "holds raw HTML" in ran.stderr
    assert written(tmp_path).reviews[0].verdict == "comment"
    assert written(tmp_path).reviews[0].answers["risk"] == Answer(5, "Fine.")


@pytest.mark.parametrize(
    ("words", "text", "said"),
    [
        (("--day", "2126-11-25"), "Fine.", "in the future"),
        ((), "<b onclick=x>Fine.</b>", "octocat-1.0.0.risk: SE005: holds raw HTML"),
    ],
)
def test_a_review_that_the_linter_would_refuse_is_not_written(
    review: Callable[..., Ran], tmp_path: Path, words: tuple[str, ...], text: str, said: str
) -> None:
    (tmp_path / "review.yaml").write_text(f'risk: "2 of 5. {text}"\nverdict: request-changes\n')
    ran = review(*WHO, "--answers", "review.yaml", *words)
    assert ran.exit_code == 1
    assert said in ran.stderr
    assert not (tmp_path / "validations").exists()


def test_a_file_of_answers_asks_nothing(review: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "review.yaml").write_text(ALL + "verdict: approve\n")
    ran = review(*WHO, "--answers", "review.yaml", "--json")
    assert ran.exit_code == 0, ran.stderr
    document = json.loads(ran.stdout)
    assert document["file"] == "validations/prompt-caching/reviews.md"
    assert document["pull_request"]["title"] == "Review of prompt-caching 1.0.0: approve"
    assert list(written(tmp_path).reviews[0].answers) == list(questions.IDS)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        (
            'technicl: "4 of 5"\nverdict: approved\nrisk: 3\n',
            1,
            ("yaml:1: ", "mean technical?", "mean approve?", ":3: "),
        ),
        (ALL.replace("4 of 5", "9 of 5", 1) + "verdict: approve\n", 1, ("does not begin with a rating",)),
        (ALL, 2, ("has no verdict",)),
        ('risk: "4 of 5"\nverdict: approve\n', 2, ("all seven areas",)),
    ],
)
def test_what_is_wrong_with_answers_is_told_at_once(
    review: Callable[..., Ran], tmp_path: Path, text: str, code: int, said: tuple[str, ...]
) -> None:
    (tmp_path / "review.yaml").write_text(text)
    ran = review(*WHO, "--answers", "review.yaml")
    assert ran.exit_code == code, ran.stderr
    assert all(one in ran.stderr for one in said)
    assert not (tmp_path / "validations").exists()


def test_objections_need_not_answer_everything(review: Callable[..., Ran], tmp_path: Path) -> None:
    (tmp_path / "review.yaml").write_text('risk: "1 of 5. No way back."\nverdict: request-changes\n')
    assert review(*WHO, "--answers", "review.yaml").exit_code == 0
    assert list(written(tmp_path).reviews[0].answers) == ["risk"]


def test_an_author_is_turned_away_before_anything_is_asked(
    review: Callable[..., Ran], answering: Callable[[list[str]], list[str]]
) -> None:
    asked = answering([])
    ran = review("--by", "TokenOp")
    assert ran.exit_code == 1
    assert "tokenop is an author of prompt-caching" in ran.stderr
    assert asked == []


def test_who_is_not_listed_is_told_what_to_add(review: Callable[..., Ran], tmp_path: Path) -> None:
    for folder in ("templates", "validations", "community"):
        (tmp_path / folder).mkdir()
    (tmp_path / "community" / "reviewers.md").write_text("# Reviewers\n")
    ran = review(*WHO)
    assert ran.exit_code == 1
    assert "## octocat\n\n- octocat layers: application-layer\n- octocat categories: caching" in ran.stderr


def test_answers_about_another_version_are_left_out_and_a_changed_text_is_said() -> None:
    session = review_session.Session("a", "1.0.0", "x", {"risk": Answer(2, "So so.")}, "comment")
    again, note = review_session.resumed(session.text(), "a", "1.0.0", "x")
    assert (again, note) == (session, "1 of 7 areas are answered from before")
    assert "changed since" in review_session.resumed(session.text(), "a", "1.0.0", "y")[1]
    assert review_session.resumed(session.text(), "a", "2.0.0", "y")[0].answers == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"answers": 3}', '{"answers": {"risk": "bad"}}', "null"])
def test_a_broken_file_of_answers_is_no_obstacle(text: str) -> None:
    found, note = review_session.resumed(text, "a", "1.0.0", "x")
    assert found == review_session.Session("a", "1.0.0", "x")
    assert "left out" in note


def test_the_replay_is_shown_where_the_reviewer_judges_the_economics() -> None:
    paths = [path for path in loader.find(settings.content("templates")) if path.stem == "prompt-caching"]
    (template,) = loader.read(paths).templates
    alone = {
        "month": Alone(percent=(1.0, 2.0, 3.0)),
        "other": Alone(silent="too small"),
        "third": Alone(failed="no price"),
    }
    said = facts(template, [], alone)
    assert said["economics"][1:4] == [
        "Replayed on month: 2.0 % (1.0 to 3.0 %)",
        "Replayed on other: silent, too small",
        "Replayed on third: no price",
    ]
    assert set(said) == set(questions.IDS)


@pytest.mark.thorough
def test_the_template_is_replayed_unless_told_not_to(
    run_cli: Cli, answering: Callable[[list[str]], list[str]], tmp_path: Path
) -> None:
    answering(["4", ""])
    ran = run_cli("review-template", "output-length-control", "--by", "octocat", cwd=tmp_path)
    assert ran.exit_code == 130
    assert "Replayed on sample-month: " in ran.stderr
