"""`tokenop assign-reviewers`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from tokenop.errors import Finding, FindingsError, InputError, NoInputError

if TYPE_CHECKING:
    from datetime import date

    from tokenop.community.assign import About, Assignment
    from tokenop.evidence.people import Reviewer

EPILOG = """\b
Examples:
  tokenop assign-reviewers --template templates/application-layer/semantic-caching.md
  tokenop assign-reviewers --template semantic-caching.md --author octocat --load open.json
  tokenop assign-reviewers --template semantic-caching.md --reroll 1 --json
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--template", "path", type=click.Path(path_type=Path), required=True, help="Template to be reviewed.")
@click.option(
    "--reviewers-file",
    type=click.Path(path_type=Path),
    default=Path("community/reviewers.md"),
    show_default=True,
    help="Who reviews.",
)
@click.option("--count", type=click.IntRange(1, 20), default=3, show_default=True, help="How many are wanted.")
@click.option("--author", metavar="HANDLE", help="Who proposes it, besides the authors that the template names.")
@click.option("--exclude", multiple=True, metavar="HANDLE", help="Whom not to ask. May be given several times.")
@click.option(
    "--load",
    "load_file",
    type=click.Path(path_type=Path),
    help='Open review requests by handle, as JSON: {"octocat": 2}. Default: nobody has one.',
)
@click.option(
    "--validations", type=click.Path(path_type=Path), default=Path("validations"), show_default=True,
    help="Folder of evidence: who worked on similar templates. Where it is not there, nobody has.",
)  # fmt: skip
@click.option("--reroll", type=click.IntRange(0, 20), default=0, show_default=True, metavar="N",
              help="The N-th others: whom earlier rounds asked is not asked again.")  # fmt: skip
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Day that counts. Default: today.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    path: Path,
    reviewers_file: Path,
    count: int,
    author: str | None,
    exclude: tuple[str, ...],
    load_file: Path | None,
    validations: Path,
    reroll: int,
    today: datetime | None,
    as_json: bool,
) -> None:
    """Choose who reviews a template, and say why.

    Three people by what they know, how much they have to do and whether they are there; never the author. Nothing is
    asked of anybody: scripts/assign_reviewers.py does that. The same files give the same people.
    """
    from tokenop.community import assign, past

    about, people = _facts(path), _people(reviewers_file)
    day: date = (today or datetime.now(UTC)).date()
    made = assign.rerolled(
        about, people, _load(load_file), author, day, reroll, count=count, asked=exclude,
        past=past.read(about, validations),
    )  # fmt: skip
    if as_json:
        import json

        click.echo(json.dumps(made.as_dict(), indent=2, ensure_ascii=False))
    else:
        _print(made)
    if not made.chosen:
        raise NoInputError(f"nobody can be asked: {len(people)} on the list, none of them free")
    click.echo("Next: mention them in the pull request, or let scripts/assign_reviewers.py ask them.", err=True)


def _facts(path: Path) -> About:
    """Return what a template is about, also where the linter would refuse it: reviews are for that, too."""
    from tokenop import documents
    from tokenop.catalogue.model import LAYERS
    from tokenop.community.assign import About

    document = documents.load(path)
    layer, category, authors = (document.meta.get(name) for name in ("layer", "category", "authors"))
    if layer not in LAYERS:
        line, column = document.key_line("layer")
        fix = f"write one of {', '.join(LAYERS)}"
        raise FindingsError([Finding(str(path), line, "layer", "FM004", "error", "names no layer", column, fix)])
    names = authors if isinstance(authors, list) else []
    return About(
        str(document.meta.get("id") or path.stem), layer, category if isinstance(category, str) else "",
        tuple(name for name in names if isinstance(name, str)),
    )  # fmt: skip


def _people(path: Path) -> tuple[Reviewer, ...]:
    from tokenop.evidence.people import reviewers

    people = reviewers(path)
    if people.findings:
        raise FindingsError(people.findings)
    return people.reviewers


def _load(path: Path | None) -> dict[str, int]:
    """Return open requests by handle.

    Raises:
        InputError: the file is no JSON object of counts.
    """
    import json

    if path is None:
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(f"{path}: cannot be read as JSON: {error}") from error
    counts = content.values() if isinstance(content, dict) else [None]
    if not all(type(number) is int and number >= 0 for number in counts):
        raise InputError(f'{path}: is not handles with counts; write such as {{"octocat": 2}}')
    return dict(content)


def _print(made: Assignment) -> None:
    from tokenop.community.text import counted
    from tokenop.planning.text import visible

    for one in made.chosen:
        click.echo(f"{one.handle}: {'; '.join(one.why)}")
    for other in made.passed_over:
        click.echo(f"not {other.handle}: {other.why}", err=True)
    if made.missing > 0:
        click.echo(f"{made.missing} of {made.wanted} could not be found.", err=True)
    if made.chosen:
        names = ", ".join(one.handle for one in made.chosen)
        number = counted(len(made.chosen), "reviewer")
        click.echo(f"{number} for {visible(made.template)}, due {made.due}: {names}")
