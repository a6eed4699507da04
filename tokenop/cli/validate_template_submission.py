"""`tokenop validate-template-submission`."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tokenop.community.assign import About
    from tokenop.community.past import Past

EPILOG = """\b
Examples:
  tokenop validate-template-submission --file templates/serving-layer/mine.md --output report.md
  tokenop validate-template-submission --file mine.md --output report.md --author octocat --json
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--file", "path", type=click.Path(path_type=Path), required=True, help="The template.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Where the report is written, markdown.")
@click.option("--author", metavar="HANDLE", help="Who proposes it, besides the authors that it names.")
@click.option(
    "--reviewers-file",
    type=click.Path(path_type=Path),
    default=Path("community/reviewers.md"),
    show_default=True,
    help="Who reviews. Where it is not there, nobody is suggested.",
)
@click.option("--today", type=click.DateTime(["%Y-%m-%d"]), help="Day that counts. [default: today, UTC]")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
def command(
    path: Path, output: Path, author: str | None, reviewers_file: Path, today: datetime | None, as_json: bool
) -> int:
    """Check a template before you propose it.

    Lints it by all rules, holds its claim against the replay on the reference workloads, applies its patches to scratch
    projects and rolls them back, and suggests reviewers. The report is what a pull request's comment would say. Nothing
    is sent anywhere. Exits with 1 where something hinders proposing it.
    """
    from tokenop import files
    from tokenop.cli.progress import steps
    from tokenop.community import submission
    from tokenop.community.text import counted
    from tokenop.errors import MisuseError
    from tokenop.evidence.people import reviewers

    if output.resolve() == path.resolve():
        raise MisuseError(f"{output}: is the template itself; give the report another name")
    day = (today or datetime.now(UTC)).date()
    with steps() as say:
        people = reviewers(reviewers_file).reviewers if reviewers_file.is_file() else ()
        found = submission.looked_at(path, day, author, people, _past, say)
    files.write_text(output, submission.markdown(found))
    if as_json:
        import json

        click.echo(json.dumps(found.as_dict(), indent=2, ensure_ascii=False))
    else:
        errors = sum(one.severity == "error" for one in found.findings)
        left = sum(holds is not True for _, holds in found.checklist)
        verdict = "ready to propose" if found.passed else "not ready"
        counts = f"{counted(errors, 'error')}, {counted(len(found.findings) - errors, 'warning')}"
        click.echo(f"{verdict}: {counts}, {left} of {len(found.checklist)} points open.")
    mending = f"tokenop templates lint --fix --replay {shlex.quote(str(path))}"
    following = "tokenop contribute" if found.passed else mending
    click.echo(f"Report in {output}. Next: {following}", err=True)
    return 0 if found.passed else 1


def _past(about: About) -> Mapping[str, Past]:
    """Return who worked on similar templates, by the evidence and the catalogue at hand."""
    from tokenop import settings
    from tokenop.community import past

    return past.read(about, settings.content("validations"))
