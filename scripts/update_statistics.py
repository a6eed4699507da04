"""Write what the evidence says: community/statistics.md, contributors.md, dashboard.html, and each metrics.md.

The same files and the same day give the same bytes. What is decided is decided in `tokenop.community`.
"""

from __future__ import annotations

import argparse
import difflib
import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

from tokenop.community.pull_request_output import logged
from tokenop.errors import TokenOpError

ROOT = Path(__file__).resolve().parents[1]
STATISTICS = Path("community/statistics.md")

EXAMPLES = """examples:
  python scripts/update_statistics.py                       write the pages, as of today
  python scripts/update_statistics.py --check               exit 1 with a diff where a page is out of step
  python scripts/update_statistics.py --json --check        the figures for programs, nothing written
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code."""
    options = _options(arguments)
    root: Path = options.root
    # A page that only got a day older is in step: it is compared as of its own day.
    day = options.today or (_day_of(root / STATISTICS) if options.check else None) or datetime.now(UTC).date()
    try:
        figures, made = pages(root, day)
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code
    if options.json:
        sys.stdout.write(json.dumps(figures, indent=2, ensure_ascii=False) + "\n")
    changed = {path: text for path, text in made.items() if _text(root / path) != text}
    if options.check:
        return _tell(root, changed, len(made), options.json)
    from tokenop.files import write_text

    for path, text in changed.items():
        write_text(root / path, text)
    _say(f"{len(changed)} of {len(made)} pages written, as of {day}. Next: git diff --stat community validations")
    return 0


def pages(root: Path, today: date) -> tuple[Mapping[str, object], dict[Path, str]]:
    """Return the figures, and every page by its path below `root`.

    Raises:
        InputError: there are no templates.
    """
    from tokenop.catalogue import loader
    from tokenop.community import contributors, dashboard, metrics, statistics, statistics_text, weekly
    from tokenop.evidence import read
    from tokenop.reports import community

    catalogue = loader.load(root / "templates")
    evidence = read.load(root / "validations")
    for finding in evidence.findings:
        _say(str(finding))
    found = statistics.compute(catalogue, evidence, today, weekly.affected(root / "templates", today))
    made = {
        STATISTICS: statistics_text.markdown(found),
        Path("community/contributors.md"): contributors.markdown(found.people),
        Path("community/dashboard.html"): community.render(dashboard.content(found)),
    }
    sure = {one.template: one.confidence for one in found.standings}
    return statistics.as_dict(found), {**made, **metrics.pages(catalogue, evidence, sure, today)}


def _tell(root: Path, changed: Mapping[Path, str], number: int, quiet: bool) -> int:
    """Say which pages are out of step and how, and return the exit code."""
    for path, text in changed.items():
        if not quiet:
            sys.stdout.writelines(_difference(_text(root / path) or "", text, path))
        _say(f"{path}: out of step. Next: python scripts/update_statistics.py")
    if not changed:
        _say(f"{number} pages are in step.")
    return 1 if changed else 0


def _difference(old: str, new: str, path: Path) -> Iterator[str]:
    lines = difflib.unified_diff(old.splitlines(), new.splitlines(), str(path), str(path), lineterm="")
    return (f"{logged(line)}\n" for line in lines)


def _day_of(path: Path) -> date | None:
    found = re.search(r"^As of (\d{4}-\d{2}-\d{2})", _text(path) or "", re.MULTILINE)
    return date.fromisoformat(found[1]) if found else None


def _text(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.is_file() else None


def _say(text: str) -> None:
    sys.stderr.writelines(f"{logged(line)}\n" for line in text.splitlines())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a page is out of step")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--root", type=Path, default=ROOT, help="the repository [this one]")
    parser.add_argument("--today", type=date.fromisoformat, help="day that counts [today; with --check the page's own]")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
