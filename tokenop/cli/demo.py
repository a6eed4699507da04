"""`tokenop demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

EPILOG = """\b
Examples:
  tokenop demo
  tokenop demo --out /tmp/demo --json | jq .savings_monthly_usd
"""


@click.command(epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("tokenop-demo"),
    show_default=True,
    help="Folder to write into; what an earlier demo left there is overwritten.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the plan as JSON, with the files that were written.")
def command(out: Path, as_json: bool) -> None:
    """Run the whole loop on the bundled sample month.

    A made-up month of a made-up company goes through what your own data would: discover, profile, plan, report.
    Everything is written into one folder, and nothing leaves this machine.
    """
    import json

    def say(step: str) -> None:
        click.echo(step, err=True)

    plan, files = run(out, say)
    if as_json:
        document = {**plan.document, "files": {name: str(path) for name, path in files.items()}}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
        return
    from tokenop.cli.progress import results
    from tokenop.planning import text

    console = results()
    text.show(console, plan.document)
    saved = plan.document["savings_monthly_usd"]
    console.print(
        f"\n{text.marked(files['plan'])}: {text.templates(len(plan.chosen))}, {text.usd(saved['p50'])} a month.",
        soft_wrap=True,
    )
    console.print(f"Report: {files['report']} (open it in a browser)", soft_wrap=True, markup=False)
    console.print("Next, on your own data: tokenop discover && tokenop plan && tokenop report", soft_wrap=True)


def run(out: Path, say: Any) -> tuple[Any, dict[str, Path]]:
    """Run discover, profile, plan and report on the sample month in the folder `out`.

    Returns:
        The plan, and the files by what they are.
    """
    import tempfile

    from tokenop import sample
    from tokenop.cli import plan as plan_command
    from tokenop.cli import profile as profile_command
    from tokenop.cli import report as report_command

    names = {
        "events": "events.parquet",
        "discovered": "discovered.yaml",
        "profile": "profile.yaml",
        "plan": "optimization-plan.yaml",
        "report": "reports/report.html",
    }
    files = {name: out / path for name, path in names.items()}
    with tempfile.TemporaryDirectory(prefix="tokenop-") as folder:
        scratch = [Path(folder) / step for step in ("discover", "profile", "plan", "report")]
        for path in scratch:
            path.mkdir()
        say("1/4 discover: the sample month (made up) becomes a log of calls")
        _discover(sample.month(), files["events"], scratch[0])
        say("2/4 profile: where the money goes")
        profile_command.write(profile_command.make(files["events"], False, None, scratch[1]), files["profile"])
        say("3/4 plan: every template replayed on these calls, the best set chosen")
        plan = plan_command.make(files["events"], None, None, None, "proposed", 1000, 20260921, scratch[2])
        plan_command.write(plan, files["plan"])
        say("4/4 report: projections and one HTML file")
        report_command.make(
            files["plan"], files["events"], files["report"].parent, frozenset({"html", "csv"}), True, scratch[3]
        )
    return plan, files


def _discover(month: Path, events: Path, scratch: Path) -> None:
    from tokenop import database
    from tokenop.collect import manifest, options, run

    connection = database.connect(spill_to=scratch)
    try:
        source = run.Source(manifest.find("manual"), (month,))
        run.discover(connection, [source], options.Options(), run.Outputs.at(events), scratch)
    finally:
        connection.close()
