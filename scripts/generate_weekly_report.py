"""Say once a week what has gone stale and who waits: a page in community/weekly-reports/, and one issue.

What is told is decided in `tokenop.community.weekly`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import assign_reviewers
from connection import Connection, connect, reached

from tokenop.community import links, rounds, weekly
from tokenop.community.assign import REVIEW_DAYS
from tokenop.community.pull_request_output import logged
from tokenop.community.text import counted
from tokenop.errors import TokenOpError

if TYPE_CHECKING:
    from github.Issue import Issue

ROOT = Path(__file__).resolve().parents[1]
REPORTS = Path("community/weekly-reports")

EXAMPLES = """examples:
  python scripts/check_links.py --out links.json
  python scripts/generate_weekly_report.py --links links.json           write the page; with a token, the issue too
  python scripts/generate_weekly_report.py --stdout                     print the page and write nothing

GITHUB_TOKEN, GITHUB_REPOSITORY and GITHUB_API_URL say where the issue is; without a token it is printed.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code."""
    options = _options(arguments)
    try:
        week = read(options.root, options.today, options.links)
        with reached():
            connection = None if options.stdout else connect()
            if connection is not None:
                week = replace(week, waiting=waiting(connection, options.today))
        if options.stdout:
            sys.stdout.write(weekly.markdown(week))
            return 0
        path = REPORTS / f"{week.name}.md"
        _write(options.root / path, weekly.markdown(week))
        _say(f"{path}: {counted(week.tasks, 'thing')} to do.")
        if connection is None:
            _say("No GITHUB_TOKEN: the issue would say what follows.")
            sys.stdout.write(weekly.issue(week))
        else:
            with reached():
                told = tell(connection, week)
            _say(f"{told}. Next: git add {path}")
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code
    return 0


def read(root: Path, today: date, asked: Path | None) -> weekly.Week:
    """Return the week as the files of a repository tell it; who waits is not known from them.

    Raises:
        FindingsError: a price list or the list of retirements has errors.
        InputError: there are no templates, or `asked` is no result of check_links.py.
    """
    from tokenop import documents
    from tokenop.catalogue import loader
    from tokenop.evidence import read as evidence_read
    from tokenop.prices import dated, retirements

    catalogue = loader.load(root / "templates")
    evidence = evidence_read.load(root / "validations")
    prices = root / "templates" / "prices"
    entries = dated.read_all(sorted(prices.glob("*.yaml")))
    machines = [documents.load_yaml(path) for path in sorted((prices / "instances").glob("*.yaml"))]
    listed = root / "templates" / "models" / "retirements.yaml"
    retiring = retirements.load(listed).due(today, weekly.RETIREMENT_DAYS) if listed.is_file() else ()
    stale = (*weekly.stale_prices(entries, today), *weekly.stale_machines(machines, today))
    reviews, made = weekly.new_entries(evidence, today)
    return weekly.Week(
        today=today,
        links=links.read(asked) if asked else None,
        prices=tuple(sorted(replace(one, place=_below(root, one.place)) for one in stale)),
        retiring=retiring,
        affected=weekly.affected(root / "templates", today),
        templates=weekly.stale_templates(catalogue, today),
        reviews=weekly.stale_reviews(catalogue, evidence, today),
        waiting=None,
        new_reviews=reviews,
        new_implementations=made,
    )


def waiting(connection: Connection, today: date) -> tuple[weekly.Waiting, ...]:
    """Return the open pull requests whose reviewers have not answered in time, by our comment or by GitHub's record."""
    found = []
    for pull in connection.repository.get_pulls(state="open"):
        turn: rounds.Turn | None = assign_reviewers.remembered(connection, pull) or assign_reviewers.turn_of(pull)
        if turn is None or turn.since is None or pull.draft or (today - turn.since).days <= REVIEW_DAYS:
            continue
        done = {name.casefold() for name in assign_reviewers.answered(pull, turn.since)}
        late = tuple(name for name in turn.reviewers if name.casefold() not in done)
        if late or not turn.reviewers:
            found.append(weekly.Waiting(turn.since, pull.number, late))
    return tuple(sorted(found))


def tell(connection: Connection, week: weekly.Week) -> str:
    """Bring the one issue up to date and return what was done. Only one that we wrote, with our mark, is edited."""
    body, own = weekly.issue(week), _own(connection)
    if own is None:
        if not week.tasks:
            return "Nothing to do, so no issue is opened"
        return f"Issue #{connection.repository.create_issue(weekly.TITLE, body=body).number} opened"
    if own.body == body:
        return f"Issue #{own.number} says it already"
    own.edit(body=body)
    return f"Issue #{own.number} brought up to date"


def _own(connection: Connection) -> Issue | None:
    """Return our issue: the oldest open one, where there should be several."""
    for issue in connection.repository.get_issues(state="open", sort="created", direction="asc"):
        ours = issue.user is not None and issue.user.login == connection.me
        if ours and (issue.body or "").startswith(weekly.MARKER):
            return issue
    return None


def _below(root: Path, place: str) -> str:
    """Return a place as one below the repository: no path of this machine gets into a page."""
    name, _, line = place.rpartition(":")
    path = Path(name)
    return f"{path.relative_to(root).as_posix()}:{line}" if path.is_relative_to(root) else f"{path.name}:{line}"


def _write(path: Path, text: str) -> None:
    from tokenop.files import write_text

    write_text(path, text)


def _say(text: str) -> None:
    sys.stderr.writelines(f"{logged(line)}\n" for line in text.splitlines())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--links", type=Path, metavar="FILE", help="what check_links.py wrote [links are unknown]")
    parser.add_argument("--stdout", action="store_true", help="print the page; write nothing, ask nobody")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository [this one]")
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(UTC).date(), help="[today, UTC]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
