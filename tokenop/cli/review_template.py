"""`tokenop review-template`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.errors import InputError, MisuseError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from tokenop.catalogue.model import Template
    from tokenop.community.review_session import Session
    from tokenop.evidence.model import Review

EPILOG = """\b
Examples:
  tokenop review-template prompt-caching --by octocat
  tokenop review-template prompt-caching --by octocat --answers review.yaml

\b
Seven areas are asked about, one after the other, each with what a program can say of it. Each answer is a rating from 1
(wrong) to 5 (sound) and a reason. Ctrl-C keeps what was answered; the same command goes on from there.

\b
A file of answers holds a line for each area and the verdict:
  technical: "4 of 5. Sound; the minimum length differs by model."
  collectors: "unrated. I know none of them."
  verdict: request-changes
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("template_id", metavar="ID")
@click.option("--by", metavar="HANDLE", help="Your name on GitHub. Default: git's github.user.")
@click.option("--answers", type=click.Path(path_type=Path), help="YAML file of answers: nothing is asked then.")
@click.option("--day", metavar="YYYY-MM-DD", help="Day of the review. Default: today.")
@click.option("--restart", is_flag=True, help="Forget what was answered before.")
@click.option("--replay/--no-replay", default=True, show_default=True, help="Replay it on the reference workloads.")
@click.option(
    "--out", type=click.Path(path_type=Path), help="File to add it to. Default: validations/ID/ of the checkout."
)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    template_id: str,
    by: str | None,
    answers: Path | None,
    day: str | None,
    restart: bool,
    replay: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Review a template, guided by seven areas.

    Adds your review to validations/ID/reviews.md and prints the text of a pull request.
    """
    from tokenop import settings
    from tokenop.cli import checkout
    from tokenop.evidence import write
    from tokenop.files import write_text

    where = checkout.root(Path.cwd())
    template = checkout.template(template_id, where)
    who, when = _allowed(checkout.who(by), template, where), checkout.day(day)
    # By reviewer: two people at one machine must not answer for each other.
    kept = settings.home() / "reviews" / f"{template_id}.{who}.json"
    session = _session(template, kept, restart or answers is not None)
    if answers:
        _read(answers, session)
    else:
        facts = _facts(template, when, replay)
        click.echo(f"Read it beside the questions: {checkout.shown(template.path)}", err=True)
        try:
            _interview(session, facts, lambda: write_text(kept, session.text()))
        except click.Abort:
            click.echo("\nWhat you answered is kept; the same command goes on from there.", err=True)
            raise
    review = _clean(session.review(who, when))
    target = out or write.path_of(where / "validations", "reviews", template_id)
    replaced = checkout.add(target, "reviews", review, checkout.day(None))
    kept.unlink(missing_ok=True)
    if replaced:
        click.echo(f"note: your earlier review {review.entry_id} was replaced", err=True)
    _tell(review, target, as_json)


def _allowed(by: str, template: Template, where: Path) -> str:
    """Return the reviewer's handle.

    Raises:
        InputError: it is none, an author's, or not listed: told before anything is asked.
    """
    from tokenop.evidence import people, values
    from tokenop.evidence.grammar import Refused

    try:
        who = values.handle(by.strip().removeprefix("@").lower())
    except Refused as refused:
        raise MisuseError(f"--by: {refused.message}: {refused.fix}") from refused
    if who in {author.lower() for author in template.authors}:
        raise InputError(f"{who} is an author of {template.id}: ask somebody else for a review")
    known = people.known(where / "community")
    if known is not None and who not in known:
        lines = f"## {who}\n\n- {who} layers: {template.layer}\n- {who} categories: {template.category}"
        raise InputError(
            f"{who} is not listed in community/reviewers.md. Add these lines there, with the layers and categories "
            f"that you know; they go into the same pull request:\n\n{lines}\n"
        )
    return who


def _session(template: Template, kept: Path, fresh: bool) -> Session:
    from tokenop.community import review_session
    from tokenop.evidence import read

    if fresh or not kept.is_file():
        return review_session.Session(template.id, template.version, template.sha256)
    text = read.contents(kept).decode("utf-8", errors="replace")
    found, note = review_session.resumed(text, template.id, template.version, template.sha256)
    click.echo(f"note: {note}; --restart forgets it", err=True)
    return found


def _read(answers: Path, session: Session) -> None:
    from tokenop import documents
    from tokenop.community import review_session

    document = documents.load_yaml(answers)
    review_session.from_document(document.meta, answers, document.line, session)


def _facts(template: Template, today: date, replay: bool) -> dict[str, list[str]]:
    from tokenop.catalogue.linting import lint
    from tokenop.cli.progress import steps
    from tokenop.community import review_facts
    from tokenop.trials.replay import replay as replays

    with steps() as say:
        say("asking the linter")
        findings = lint.lint([template.path], today).findings
        say("replaying")
        alone = replays([template], progress=say).get(template.id, {}) if replay else {}
    return review_facts.facts(template, findings, alone)


def _interview(session: Session, facts: dict[str, list[str]], save: Callable[[], None]) -> None:
    """Ask what is not answered yet, and keep each answer at once."""
    from tokenop.evidence.model import VERDICTS
    from tokenop.evidence.questions import QUESTIONS
    from tokenop.evidence.values import Answer
    from tokenop.planning.text import visible

    for number, question in enumerate(QUESTIONS, 1):
        if question.id in session.answers:
            continue
        click.echo(f"\n{number} of {len(QUESTIONS)}: {question.title}", err=True)
        for fact in facts[question.id]:
            click.echo(f"  · {visible(fact)}", err=True)
        for prompt in question.prompts:
            click.echo(f"  ? {prompt}", err=True)
        rating = click.prompt("Rating 1 to 5, or - if you cannot tell", type=click.Choice([*"12345", "-"]), err=True)
        session.answers[question.id] = Answer(None if rating == "-" else int(rating), _why())
        save()
    while session.verdict is None:
        verdict = click.prompt("\nVerdict", type=click.Choice(VERDICTS), err=True)
        try:
            session.judge(verdict)
        except MisuseError as error:
            click.echo(f"  {error}", err=True)
    save()


def _why() -> str:
    """Ask for a reason until it is one that can be written."""
    from tokenop.cli import checkout
    from tokenop.evidence import values
    from tokenop.evidence.grammar import Refused

    while True:
        try:
            said = values.flat(click.prompt("Why", default="", show_default=False, err=True))
            if said:
                checkout.publishable(said)
            return said
        except Refused as refused:
            click.echo(f"  {refused.message} ({refused.fix})", err=True)


def _clean(review: Review) -> Review:
    """Return the review without secrets and addresses in its texts."""
    from dataclasses import replace

    from tokenop.community import drafting

    texts = drafting.redacted({name: said.text for name, said in review.answers.items()})
    for name, text in texts.items():
        if text != review.answers[name].text:
            click.echo(f"note: {name}: addresses, keys or characters that nobody sees were taken out", err=True)
    return replace(review, answers={name: said._replace(text=texts[name]) for name, said in review.answers.items()})


def _tell(review: Review, target: Path, as_json: bool) -> None:
    from tokenop.cli.checkout import shown
    from tokenop.community import submission_text
    from tokenop.evidence import write

    text = submission_text.review(review)
    if as_json:
        import json

        document = {
            "file": shown(target),
            "entry": write.lines(review),
            "verdict": review.verdict,
            "pull_request": text._asdict(),
        }
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    click.echo(f"Text of the pull request:\n\n{text.title}\n\n{text.body}")
    options = "" if "validations" in target.parts else f" --results {shown(target)}"
    click.echo(
        f"Wrote {review.entry_id} to {shown(target)}. Next: tokenop contribute --template {review.template}{options}"
    )
