"""`tokenop eval baseline`."""

from __future__ import annotations

import json
from pathlib import Path

import click

from tokenop.cli import evaluating


@click.command(
    name="baseline",
    epilog="""\b
Examples:
  tokenop eval baseline                    what stands as the baseline
  tokenop eval baseline 20260301T0         make that run the baseline
  tokenop eval baseline runs/eval/20260301T120000Z-0123456789.jsonl --file my-baseline.json
""",
)
@click.argument("run", required=False)
@click.option(
    "--file", "path", type=click.Path(path_type=Path), help="The baseline. [default: validations/golden/baseline.json]"
)
@evaluating.out_option
@evaluating.json_option
def command(run: str | None, path: Path | None, out: Path, as_json: bool) -> None:
    """Print the baseline, or make a run the baseline.

    A run of which anything is unknown cannot be it.
    """
    from tokenop.evals import baseline, results

    chosen = path or baseline.shipped()
    if run:
        baseline.write(results.read(results.find(out, run)), chosen)
    found = baseline.read(chosen)
    passed = sum(one.result == "pass" for one in found.outcomes)
    if as_json:
        tasks: dict[str, list[str]] = {}
        for one in found.outcomes:
            tasks.setdefault(one.task, []).append(one.result)
        document = {"file": str(chosen), "run_id": found.info.run_id, "passed": passed, "tasks": tasks}
        click.echo(json.dumps(document, indent=2))
        return
    rows = [(one.tier, one.task, f"{one.provider}/{one.model}", one.result) for one in found.outcomes]
    evaluating.table(("tier", "task", "model", "result"), rows)
    sample = " (made-up answers)" if any(one.source == "sample" for one in found.outcomes) else ""
    click.echo(f"{chosen}: {passed} of {len(found.outcomes)} passed in {found.info.run_id}{sample}.")
