"""`tokenop eval show`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.cli import evaluating

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tokenop.evals.results import RunFile


@click.command(
    name="show",
    epilog="""\b
Examples:
  tokenop eval show                        the newest run
  tokenop eval show 20260301T0             one run, by the beginning of its name
  tokenop eval show --failed --json        every task that did not pass, and why
""",
)
@click.argument("run", required=False)
@click.option("--failed", is_flag=True, help="Also each task that did not pass, and why.")
@evaluating.out_option
@evaluating.json_option
def command(run: str | None, failed: bool, out: Path, as_json: bool) -> None:
    """Show a run: passes, cost and latency by tier and engine."""
    from tokenop.evals import results, store

    found = results.read(results.find(out, run))
    summaries = store.summaries([found.path])
    if as_json:
        document = {"run": _info(found), "summaries": [evaluating.plain(row) for row in summaries]}
        if failed:
            document["not_passed"] = [_outcome(one) for one in found.outcomes if one.result != "pass"]
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    show_summaries(summaries)
    if failed:
        show_failed(found)
    passed = sum(one.result == "pass" for one in found.outcomes)
    began = f"{found.info.started:%Y-%m-%d %H:%M} UTC"
    hint = "" if failed else f" Next: tokenop eval show {found.info.run_id} --failed"
    click.echo(f"{found.info.run_id}, {began}: {passed} of {len(found.outcomes)} passed.{hint}")


def show_summaries(summaries: Sequence[dict[str, Any]]) -> None:
    """Print the rows of `run_summaries`."""
    rows = [
        (
            row["tier"],
            row["engine"],
            f"{row['provider']}/{row['model']}",
            f"{row['passed']} of {row['passed'] + row['failed']}",
            str(row["infrastructure"] or ""),
            evaluating.usd(row["cost_usd"]),
            "unknown" if row["median_latency_ms"] is None else f"{row['median_latency_ms']:,.0f}",
            row["source"],
        )
        for row in summaries
    ]
    columns = ("tier", "engine", "model", "passed", "unknown", "cost", "median ms", "answers")
    evaluating.table(columns, rows, ("passed", "unknown", "cost", "median ms"))


def show_failed(found: RunFile) -> None:
    """Print each task that did not pass, and why."""
    rows = [
        (one.task, f"{one.provider}/{one.model}", "unknown" if one.result == "infrastructure" else "fail",
         one.check_detail)
        for one in found.outcomes
        if one.result != "pass"
    ]  # fmt: skip
    if rows:
        evaluating.table(("task", "model", "result", "why"), rows)


def _info(found: RunFile) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(found.info)
    return plain


def _outcome(outcome: Any) -> dict[str, Any]:
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(outcome)
    return plain
