"""`tokenop route trial`: would a router have helped, on outcomes that were recorded?"""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tokenop.errors import MisuseError

if TYPE_CHECKING:
    from rich.table import Table

    from tokenop.research.routers import Outcomes, Recorded
    from tokenop.research.routers.bootstrap import Estimate
    from tokenop.research.routers.costs import Costs
    from tokenop.research.routers.trial import Judged, Trial

_POLICIES = ("static", "rules", "knn", "logistic")
EPILOG = """\b
Examples:
  tokenop route trial outcomes/                                   train on one half, judge on the other
  tokenop route trial outcomes.csv --weak small --strong big --cost weak=0.0002,strong=0.01
  tokenop route trial outcomes.csv --max-drop 0.02 --save router.json
  tokenop route trial outcomes.csv --policy logistic --report curve.html
"""


@click.command(name="trial", epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("outcomes", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--weak", metavar="NAME", help="The cheap model. [default: the cheaper of two]")
@click.option("--strong", metavar="NAME", help="The dear model. [default: the other of two]")
@click.option("--policy", "policies", multiple=True, type=click.Choice(_POLICIES), help="Only this one. Repeat.")
@click.option("--cost", metavar="weak=USD,strong=USD", help="US dollars a call. [default: as recorded, else priced]")
@click.option(
    "--billed-as", multiple=True, metavar="NAME=PROVIDER/MODEL", help="How the price book names a model. Repeat."
)
@click.option(
    "--output-tokens",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    help="Tokens of an answer, where they are not recorded.",
)
@click.option(
    "--router-cost", metavar="USD", default="0", help="What a decision costs beside computing time. [default: 0]"
)
@click.option(
    "--max-drop",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="Quality may lie this far below the better model's, such as 0.02. [default: no limit]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Decides halves, folds and draws.")
@click.option("--at", "when", type=click.DateTime(["%Y-%m-%d"]), help="Prices of this day. [default: today, UTC]")
@click.option("--save", "target", type=click.Path(path_type=Path), help="Write the recommended router to this file.")
@click.option("--report", type=click.Path(path_type=Path), help="Write the curves: .csv, or .html with a chart.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
def command(
    outcomes: tuple[Path, ...],
    weak: str | None,
    strong: str | None,
    policies: tuple[str, ...],
    cost: str | None,
    billed_as: tuple[str, ...],
    output_tokens: int,
    router_cost: str,
    max_drop: float | None,
    seed: int,
    when: datetime | None,
    target: Path | None,
    report: Path | None,
    form: str,
    as_json: bool,
) -> int:
    """Try routers out on recorded outcomes, and recommend one only where it surely helps.

    OUTCOMES are CSV, JSON lines or Parquet files, or folders of them: a column `prompt`, and one column a model with
    true, false or a score from 0 to 1. Routers learn from one half and are judged on the other, each with its own cost
    charged, against the random mix and the best single model at equal cost. Exits with 1 where --save finds nothing
    to recommend.
    """
    from datetime import UTC

    from tokenop import files
    from tokenop.cli.progress import steps
    from tokenop.research.routers import read, telling
    from tokenop.research.routers.saved import dumped
    from tokenop.research.routers.trial import Overhead, hold

    _check(weak, strong, report)
    own = Overhead(usd=float(_usd(router_cost, "--router-cost")))
    given = {name: _usd(text, "--cost") for name, text in _pairs(cost.split(",") if cost else (), "--cost").items()}
    names = _pairs(billed_as, "--billed-as")
    day = when.replace(tzinfo=UTC) if when else datetime.now(UTC)
    with steps() as say:
        recorded = read(outcomes, tuple(name for name in (weak, strong) if name and weak and strong), say)
        pair, costs = _paired(recorded, weak, strong, seed, day, given, names, output_tokens)
        trial = hold(pair, seed, policies, overhead=own, max_drop=max_drop, progress=say)
    best = telling.file_of(trial, costs)
    if report:
        files.write_text(report, _page(trial, costs) if report.suffix == ".html" else telling.curves(trial))
    if target and best:
        files.write_text(target, dumped(best))
    if as_json or form == "json":
        click.echo(json.dumps({"rows": recorded.rows, **telling.as_dict(trial, costs)}, indent=2))
    else:
        _show(recorded, trial, costs)
    return _end(trial, target, report, best is not None)


def _check(weak: str | None, strong: str | None, report: Path | None) -> None:
    if (weak is None) != (strong is None):
        raise MisuseError("--weak and --strong go together: name both, or neither")
    if report and report.suffix not in (".csv", ".html"):
        raise MisuseError(f"--report {report}: the name must end in .csv or .html")


def _usd(text: str, option: str) -> Decimal:
    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or not 0 <= amount < 1_000_000:
        raise MisuseError(f"{option}: {text!r} is no amount in US dollars from 0 on")
    return amount


def _pairs(parts: Any, option: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in parts:
        name, sign, value = part.strip().rpartition("=")
        if not sign or not name or not value:
            raise MisuseError(f"{option}: {part!r} is not NAME=VALUE")
        found[name.strip()] = value.strip()
    return found


def _paired(
    recorded: Recorded,
    weak: str | None,
    strong: str | None,
    seed: int,
    when: datetime,
    given: dict[str, Decimal],
    billed_as: dict[str, str],
    output_tokens: int,
) -> tuple[Outcomes, Costs]:
    """Return the outcomes of both models with their costs.

    Of two unnamed models the cheaper one is the weak one; where costs do not tell, the worse one.
    """
    from tokenop.applying.showing import visible
    from tokenop.research.routers import costs as pricing

    if weak is None or strong is None:
        if len(recorded.models) != 2:
            known = ", ".join(map(visible, recorded.models))
            raise MisuseError(
                f"the outcomes hold {len(recorded.models)} models; name two with --weak, --strong: {known}"
            )
        weak, strong = recorded.models
        first = recorded.pair(weak, strong)
        if {"weak", "strong"} & (given.keys() | billed_as.keys()):
            # What is given for the weak one cannot tell which that is.
            first = first.with_costs(None, None)
        else:
            costs = pricing.of(recorded, first, when, given, billed_as, output_tokens)
            first = first.with_costs(costs.weak, costs.strong)
        if _is_dearer(first, seed):
            weak, strong = strong, weak
    unknown = (given.keys() | billed_as.keys()) - {"weak", "strong", weak, strong}
    if unknown:
        raise MisuseError(
            f"--cost and --billed-as: {sorted(unknown)[0]!r} is neither weak, strong nor one of the models"
        )
    pair = recorded.pair(weak, strong)
    costs = pricing.of(recorded, pair, when, given, billed_as, output_tokens)
    return pair.with_costs(costs.weak, costs.strong), costs


def _is_dearer(pair: Outcomes, seed: int) -> bool:
    """Return whether the model taken for the weak one costs more; without costs, whether it is the better one."""
    learned, _ = pair.split(seed)
    if learned.weak_cost is not None and learned.strong_cost is not None:
        return bool(learned.weak_cost.sum() > learned.strong_cost.sum())
    return bool(learned.counts @ learned.gain < 0)


def _show(recorded: Recorded, trial: Trial, costs: Costs) -> None:
    from rich.text import Text

    from tokenop.applying.showing import visible
    from tokenop.cli.progress import results
    from tokenop.research.routers import telling

    console = results()

    def say(text: str, style: str = "") -> None:
        console.print(Text(visible(text), style=style))

    learned, held_out = len(trial.learned), len(trial.held_out)
    say(
        f"{learned + held_out:,} distinct prompts of {recorded.rows:,} rows: "
        f"{learned:,} learned from, {held_out:,} held out"
    )
    for side, figures in telling.alone(trial.held_out, trial.costs_known).items():
        name = trial.held_out.weak if side == "weak" else trial.held_out.strong
        say(f"  {side:<6} {name}: quality {figures['quality']:.3f}, {_money(figures['usd_per_call'])} a call")
    say(f"Costs: {costs.words}.")
    if trial.costs_known:
        own = trial.overhead
        say(f"A router's own cost is charged: {own.milliseconds:g} ms of a core, {_money(own.usd_per_call)} a call.")
    if recorded.passed_over:
        say(f"Columns without outcomes, not looked at: {', '.join(recorded.passed_over)}.")
    for why in trial.skipped:
        say(f"Not tried: {why}.")
    console.print()
    console.print(_quality(trial))
    console.print()
    say("At the threshold that the other half chose, in points of quality:")
    console.print(_thresholds(trial))
    console.print()
    for one in trial.judged:
        if one.policy and one.point:
            verdict = "" if one.name == "static" else "RECOMMENDED: " if one.recommended else "not recommended: "
            say(f"{one.name}: {verdict}{one.why}.")


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left", no_wrap=not number)
    return table


def _quality(trial: Trial) -> Table:
    sure = f"{1 - trial.alpha:.0%}"
    table = _table("held-out half", "APGR", sure, "CPT 50 %", sure, "CPT 80 %", sure)
    for one in trial.judged:
        table.add_row(one.name, *_cells(one.apgr, "{:.3f}", 1), *_cells(one.cpt50), *_cells(one.cpt80))
    return table


def _thresholds(trial: Trial) -> Table:
    levels = [one.point.vs_mix.level or 0.0 for one in trial.judged if one.point]
    sure = f"{max(levels, default=0.0):.0%}"
    table = _table("policy", "strong %", "quality", "a call", "over mix", sure, "to best", sure)
    for one in trial.judged:
        if one.point:
            table.add_row(
                one.name,
                f"{100 * one.point.strong_share:.1f}",
                f"{one.point.quality:.3f}",
                _money(one.point.cost if trial.costs_known else None),
                *_cells(one.point.vs_mix, "{:+.1f}"),
                *_cells(one.point.vs_best, "{:+.1f}"),
            )
    return table


def _cells(estimate: Estimate, form: str = "{:.1f}", times: int = 100) -> tuple[str, str]:
    """Return a figure and its interval as two cells."""
    value, low, high = (
        None if part is None else form.format(times * part) for part in (estimate.value, estimate.low, estimate.high)
    )
    return value or "–", f"{low}…{high}" if low and high else ""


def _money(value: float | None) -> str:
    return "unknown" if value is None else f"${value:.3g}" if value < 0.01 else f"${value:.4f}"


def _page(trial: Trial, costs: Costs) -> str:
    from tokenop.cli.route_trial_page import render

    return render(trial, costs)


def _end(trial: Trial, target: Path | None, report: Path | None, saved: bool) -> int:
    """Say how it ended and what comes next, on stderr, so that `--json` stays alone on stdout."""
    if report:
        click.echo(f"Curves written to {report}.", err=True)
    if trial.measured_ms is not None and trial.measured_ms > 0:
        click.echo(f"Measured here: {trial.measured_ms:.1f} ms a decision by the slowest policy.", err=True)
    if trial.best is None:
        click.echo("Not recommended: no policy surely beats the random mix and the best single model.", err=True)
        return 1 if target else 0
    one: Judged = trial.best
    click.echo(f"Recommended: {one.name}, the best in cross-validation of those that hold.", err=True)
    if target and saved:
        click.echo(f"Written to {target}. Next: name it in a routing config, see docs/routers.md.", err=True)
    else:
        limit = ", and --max-drop where quality has a limit" if trial.max_drop is None else ""
        click.echo(f"Next: again with --save router.json{limit}.", err=True)
    return 0
