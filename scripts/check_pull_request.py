"""Check what a pull request changes: `python scripts/check_pull_request.py --report report.json`.

Runs in a job without secrets, on a checkout of the contributor's code. The event file that GitHub gives says which
commits to compare; `--base` and `--head` say it at home. Exit code 1 on errors, 3 where nothing was there to check.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tokenop.community import (
    comment,
    pull_request,
    pull_request_checks,
    pull_request_output,
    report,
    routing_checks,
    routing_figures,
)
from tokenop.community.text import counted
from tokenop.errors import Finding, InputError, MisuseError, NoInputError, TokenOpError

ROOT = Path(__file__).resolve().parents[1]
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SECONDS = 600


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code."""
    options = _options(arguments)
    try:
        base, head = _compared(options)
        changes = pull_request.from_git(_git("diff", "--no-renames", "--name-status", "-z", f"{base}...{head}"))
        if not changes:
            raise NoInputError(f"no file differs between {base[:10]} and {head[:10]}: is the history complete?")
        return _check(changes, base, head, options)
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code


def _check(changes: Sequence[pull_request.Change], base: str, head: str, options: argparse.Namespace) -> int:
    replay = pull_request_checks.replayer(ROOT, changes)
    examined = pull_request_checks.examine(ROOT, changes, options.today, replay)
    patches = pull_request_checks.tried(ROOT, examined.templates)
    routed = routing_checks.compare(ROOT, _left(base, head), changes, options.today)
    findings = [*examined.findings, *patches, *_collectors(changes), *routing_checks.judged(routed)]
    economics = pull_request_checks.economics(ROOT, examined.templates, replay)
    for line in pull_request_output.annotated(findings):
        sys.stdout.write(f"{line}\n")
    for finding in sorted(findings):
        _say(f"{finding.severity} {finding}")
    figures = {path: routing_figures.of(one) for path, one in routed.items()}
    written = report.of(head, options.today, examined.checked, findings, economics, figures)
    options.report.write_text(report.written(written), encoding="utf-8")
    if options.summary:
        with options.summary.open("a", encoding="utf-8") as file:
            file.write(pull_request_output.summary(head, examined.checked, findings, economics, figures))
    errors, warnings = written.count("error") + written.more, written.count("warning")
    looked = comment.looked_at(examined.checked)
    if not looked and not errors:
        _say(f"{len(changes)} changed files, none of them a template, routing, evidence or a collector.")
        return 0
    counts = f"{counted(errors, 'error')}, {counted(warnings, 'warning')}"
    following = " Next: tokenop templates lint --fix --replay" if findings else ""
    _say(f"{looked or 'names'}: {counts}.{following}")
    return 1 if errors else 0


def _collectors(changes: Sequence[pull_request.Change]) -> list[Finding]:
    """Return what is wrong with the collectors that are changed and still there."""
    names = sorted({change.collector for change in changes if change.collector} - {None})
    folders = [f"collectors/{name}" for name in names if (ROOT / "collectors" / str(name)).is_dir()]
    if not folders:
        return []
    command = [sys.executable, "-m", "tokenop", "collectors", "check", "--json", *folders]
    ran = subprocess.run(  # noqa: S603
        command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", timeout=_SECONDS, check=False
    )
    try:
        checked = json.loads(ran.stdout)["collectors"]
    except (ValueError, KeyError) as error:
        raise InputError(f"the collectors could not be checked: {ran.stderr.strip()[-500:]}") from error
    if len(checked) != len(folders):
        raise InputError(f"{len(folders)} collectors were to be checked, {len(checked)} were")
    return [Finding(**{**found, "file": _relative(found["file"])}) for one in checked for found in one["findings"]]


def _compared(options: argparse.Namespace) -> tuple[str, str]:
    """Return the commits to compare: as named, or as the event file says."""
    if options.base or options.head:
        if not (options.base and options.head):
            raise MisuseError("give both --base and --head")
        return _commit(options.base), _commit(options.head)
    if options.event is None:
        raise MisuseError("no event file: set GITHUB_EVENT_PATH, or give --base and --head")
    try:
        event = json.loads(options.event.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{options.event}: is not an event file of GitHub's") from error
    base, head = _of_event(event)
    if not all(isinstance(sha, str) and _COMMIT.fullmatch(sha) for sha in (base, head)):
        raise InputError(f"{options.event}: names no pull request and no merge group")
    return base, head


def _of_event(event: Mapping[str, Any]) -> tuple[Any, Any]:
    request, group = event.get("pull_request"), event.get("merge_group")
    if isinstance(request, dict):
        return request.get("base", {}).get("sha"), request.get("head", {}).get("sha")
    if isinstance(group, dict):
        return group.get("base_sha"), group.get("head_sha")
    return None, None


def _left(base: str, head: str) -> str:
    """Return the commit at which the change left its base: what others did since is no change of it."""
    return _git("merge-base", base, head).decode("ascii").strip()


def _commit(name: str) -> str:
    return _git("rev-parse", "--verify", "--end-of-options", f"{name}^{{commit}}").decode("ascii").strip()


def _git(*arguments: str) -> bytes:
    ran = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603, S607
    if ran.returncode:
        said = ran.stderr.decode("utf-8", "replace").strip()
        raise InputError(f"git {arguments[0]}: {said}; is the history complete (fetch-depth: 0)?")
    return ran.stdout


def _relative(file: str) -> str:
    path = Path(file)
    return path.relative_to(ROOT).as_posix() if path.is_relative_to(ROOT) else file


def _say(text: str) -> None:
    for line in text.splitlines():
        sys.stdout.write(pull_request_output.logged(line) + "\n")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    environment = {name: os.environ.get(name) for name in ("GITHUB_EVENT_PATH", "GITHUB_STEP_SUMMARY")}
    event, summary = (Path(value) if value else None for value in environment.values())
    parser.add_argument("--event", type=Path, default=event, help="event file [default: $GITHUB_EVENT_PATH]")
    parser.add_argument("--base", help="compare with this commit, instead of the event's")
    parser.add_argument("--head", help="the commit to check, instead of the event's")
    parser.add_argument("--report", type=Path, default=Path(report.NAME), help="where the report is written")
    parser.add_argument("--summary", type=Path, default=summary, help="file that the summary is appended to")
    parser.add_argument("--today", type=date.fromisoformat, default=datetime.now(tz=UTC).date(), help="YYYY-MM-DD")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
