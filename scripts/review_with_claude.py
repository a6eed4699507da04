"""Let Claude read the text of a submission, and answer in numbers: advice for reviewers, started by hand.

Two jobs: `fetch` reads the changed files of one commit as text and needs no key, `judge` has the key and sees nothing
but that text. The model has no tools; whatever it answers that is not of the schema is "inconclusive".
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bounded
from connection import connect, moved, reached

from tokenop import documents
from tokenop.community import submission_review as review
from tokenop.community.pull_request import Change, from_github
from tokenop.community.pull_request_output import logged
from tokenop.errors import InputError, MisuseError, TokenOpError

if TYPE_CHECKING:
    from github.File import File

MODEL = "claude-sonnet-5-5"
MOST_TOKENS = 2_000
SECONDS = 300.0
_MOST_FILES = 3000

EXAMPLES = """examples:
  python scripts/review_with_claude.py fetch --pull 12 --sha 2f1c… --output submission.json     (GITHUB_TOKEN)
  python scripts/review_with_claude.py judge --submission submission.json                       (ANTHROPIC_API_KEY)
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run and return the exit code: 0 also where the reading is inconclusive or there is no key."""
    options = _options(arguments)
    try:
        if options.step == "fetch":
            with reached():
                fetched = _fetched(options.pull, options.sha)
            options.output.write_text(review.written(fetched), encoding="utf-8")
        else:
            _judge(options.submission, options.summary)
    except TokenOpError as error:
        _say(f"tokenop: {error}")
        return error.exit_code
    return 0


def _fetched(number: int, sha: str) -> review.Submission:
    """Return the text of the templates and the evidence that one commit of a pull request changes."""
    if not re.fullmatch(r"[0-9a-f]{40}", sha):
        raise MisuseError("--sha is a whole commit: 40 hexadecimal digits")
    connection = connect()
    if connection is None:
        raise MisuseError("set GITHUB_TOKEN, GITHUB_REPOSITORY: the text is read through GitHub")
    pull = connection.repository.get_pull(number)
    if pull.head.sha != sha:
        raise InputError(f"#{number} is at another commit by now, {pull.head.sha}: look at that one first")
    listed: list[File] = list(pull.get_files()[:_MOST_FILES])
    if moved(connection.repository, pull, listed):
        raise InputError(f"#{number} is at another commit by now: look at that one first")
    blobs = {file.filename: file.sha for file in listed}
    changes = from_github((file.filename, file.status, file.previous_filename) for file in listed)
    files = {}
    for change in [change for change in changes if _readable(change)][: review.MOST_FILES]:
        url = f"{connection.repository.url}/git/blobs/{blobs[change.path]}"
        accept = "application/vnd.github.raw+json"
        raw = bounded.read(url, os.environ["GITHUB_TOKEN"], documents.MAX_BYTES, accept)
        if len(raw) > documents.MAX_BYTES:
            raise InputError(f"{change.path}: is larger than {documents.MAX_BYTES // 1024} KB, and is not read")
        files[change.path] = raw.decode("utf-8", "replace")
    if not files:
        raise InputError(f"#{number} changes no template and no evidence")
    if sum(map(len, files.values())) > review.LARGEST:
        raise InputError(f"#{number} is larger than {review.LARGEST:,} characters; ask for smaller pull requests")
    _say(f"#{number}: {len(files)} files as text.")
    return review.Submission(number, sha, files)


def _readable(change: Change) -> bool:
    return change.plain and change.template_id is not None and change.status != "removed"


def _judge(path: Path, summary: Path | None) -> None:
    """Ask the model, and tell people what came of it."""
    if not os.environ.get("ANTHROPIC_API_KEY"):
        _say("ANTHROPIC_API_KEY is not set: no model reads the submission. Everything else works without it.")
        return
    try:
        submission = review.opened(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    model = os.environ.get("TOKENOP_REVIEW_MODEL") or MODEL
    reading = _asked(submission, model)
    told = review.markdown(submission, reading, model)
    if summary:
        with summary.open("a", encoding="utf-8") as file:
            file.write(told)
    result: dict[str, object] = {"verdict": "inconclusive", "ratings": None, "addresses_the_reader": None}
    if reading is not None:
        result = {
            "verdict": reading.verdict,
            "ratings": dict(reading.ratings),
            "addresses_the_reader": reading.addresses_the_reader,
        }
    sys.stdout.write(json.dumps(result, indent=2) + "\n")


def _asked(submission: review.Submission, model: str) -> review.Reading | None:
    """Return the model's reading; None where there is no usable answer."""
    import anthropic

    try:
        client = anthropic.Anthropic(timeout=SECONDS, max_retries=2)
        answer = client.messages.create(
            model=model,
            max_tokens=MOST_TOKENS,
            system=review.SYSTEM,
            messages=[{"role": "user", "content": review.written(submission)}],
            output_config={"format": {"type": "json_schema", "schema": dict(review.SCHEMA)}},
        )
    except anthropic.AnthropicError as error:
        raise InputError(f"no answer from {model}: {type(error).__name__}") from error
    _say(f"{answer.usage.input_tokens} tokens read, {answer.usage.output_tokens} written by {model}.")
    parts = answer.content
    if len(parts) != 1 or parts[0].type != "text":
        return None
    return review.read(parts[0].text, answer.stop_reason == "end_turn")


def _say(text: str) -> None:
    sys.stderr.writelines(f"{logged(line)}\n" for line in text.splitlines())


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=(__doc__ or "").split("\n\n")[0], epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    steps = parser.add_subparsers(dest="step", required=True)
    fetch = steps.add_parser("fetch", help="read the text of one commit through GitHub")
    fetch.add_argument("--pull", type=int, required=True)
    fetch.add_argument("--sha", required=True, help="the commit to read, whole")
    fetch.add_argument("--output", type=Path, default=Path("submission.json"))
    judge = steps.add_parser("judge", help="let the model read it")
    judge.add_argument("--submission", type=Path, default=Path("submission.json"))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    judge.add_argument("--summary", type=Path, default=Path(summary) if summary else None)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
