"""`tokenop eval run`."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from tokenop.cli import evaluating

if TYPE_CHECKING:
    from tokenop.evals.answering import Answering, Recorder
    from tokenop.evals.lanes import Ask
    from tokenop.evals.model import Result
    from tokenop.evals.results import Part, RunInfo
    from tokenop.evals.running import Ran
    from tokenop.evals.spend import Ceiling
    from tokenop.prices.book import PriceBook
    from tokenop.routing.model import RoutingConfig


_MOST = 10


class _Usd(click.ParamType[Decimal]):
    """An amount in US dollars."""

    name = "usd"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Decimal:
        """Return the amount."""
        try:
            amount = Decimal(str(value))
        except InvalidOperation:
            amount = Decimal(-1)
        if not amount.is_finite() or amount < 0:
            self.fail(f"{value!r} is no amount in US dollars", param, ctx)
        return amount


class _Wanted(NamedTuple):
    """What the options say, beside what is asked."""

    recordings: Path | None
    record: bool
    resume: bool
    out: Path
    jobs: int
    budget: Decimal | None
    allow_unpriced: bool


@click.command(
    name="run",
    epilog="""\b
Examples:
  tokenop eval run --dry-run                                 who would answer, and what it costs at worst
  tokenop eval run --budget 0.50                             all tiers, along their chains
  tokenop eval run --tier T3 --tier T4 --provider groq       one provider alone
  tokenop eval run --recordings validations/golden/samples --config validations/golden/samples/routing-before.yaml
""",
)
@evaluating.tier_option
@click.option("--provider", help="Ask this provider alone: its name, or that of a target of the config.")
@click.option("--config", "config_path", type=click.Path(path_type=Path), help="Routing config. [default: the shipped]")
@evaluating.tasks_option
@click.option("--repeat", "repeats", type=click.IntRange(1, 100), default=1, help="How often to ask. [default: 1]")
@click.option("--budget", type=_Usd(), metavar="USD", help="Ask nothing that could cost more than this in all.")
@click.option("--allow-unpriced", is_flag=True, help="With --budget: ask models without a known price, too.")
@click.option("--dry-run", is_flag=True, help="Ask nobody; say who would answer and what it costs at worst.")
@click.option(
    "--recordings", is_flag=False, flag_value=evaluating.SHIPPED, type=click.Path(path_type=Path), metavar="[DIR]",
    help="Take answers from recordings, and ask nobody. [without DIR: validations/golden/recordings]",
)  # fmt: skip
@click.option("--record", is_flag=True, help="Also write the answers as recordings, into DIR of --recordings.")
@click.option("--resume", is_flag=True, help="Go on with a run that was cut short: ask what is not answered yet.")
@evaluating.prices_option
@evaluating.out_option
@click.option("--jobs", type=click.IntRange(1, 64), default=4, help="How many tasks to ask at once. [default: 4]")
@click.option("--started", type=click.DateTime(["%Y-%m-%dT%H:%M:%SZ"]), help="When the run began, UTC. [default: now]")
@evaluating.json_option
def command(
    tiers: tuple[str, ...],
    provider: str | None,
    config_path: Path | None,
    tasks_dir: Path | None,
    prices_file: Path | None,
    repeats: int,
    dry_run: bool,
    started: datetime | None,
    as_json: bool,
    **wanted: Any,
) -> int:
    """Ask the golden tasks and write what came of them.

    Each task goes along the chain of its tier, as the routing config has it. A provider that cannot be asked is
    infrastructure: no pass and no fail. Exit code 1 where nothing at all is known, or the budget did not suffice.
    """
    from tokenop.evals import lanes

    config, config_sha256 = evaluating.load_config(config_path)
    tasks = evaluating.load_tasks(tasks_dir, tiers)
    asks = lanes.asks(config, tasks, provider, repeats)
    prices = evaluating.load_prices(prices_file)
    options = _Wanted(**wanted)
    if dry_run:
        return _dry_run(asks, prices, as_json=as_json)
    moment = (started or datetime.now(UTC).replace(microsecond=0)).replace(tzinfo=UTC)
    recorded = options.recordings is not None and not options.record
    question = (config_sha256, lanes.tasks_hash(tasks), tiers or evaluating.TIERS, repeats, recorded, provider)
    info = _info(question, moment, config_path, config)
    ran = _run(info, asks, config, prices, options)
    return _told(ran, options, as_json=as_json)


def _info(question: tuple[Any, ...], moment: datetime, config_path: Path | None, config: RoutingConfig) -> RunInfo:
    from tokenop.evals.results import RunInfo, run_id_of

    config_sha256, tasks_sha256, tiers, repeats, recorded, provider = question
    name = str(config_path) if config_path else Path(config.path).name
    mode = "recorded" if recorded else "live"
    run_id = run_id_of(moment, question)
    return RunInfo(run_id, moment, name, config_sha256, tasks_sha256, tuple(tiers), repeats, mode, provider)  # type: ignore[arg-type]  # mypy widens the two words


def _run(info: RunInfo, asks: tuple[Ask, ...], config: RoutingConfig, prices: PriceBook, wanted: _Wanted) -> Ran:
    from tokenop.cli.progress import steps
    from tokenop.evals import running, spend
    from tokenop.evals.results import Part

    before = running.resumable(wanted.out, info)
    if wanted.resume and not before:
        click.echo("no run that was cut short asked the same: this is a new one", err=True)
    if before and not wanted.resume:
        if not before.busy:
            click.echo(f"{before.info.run_id} was cut short; --resume would go on with it", err=True)
        before = None
    if before:
        info = replace(info, run_id=before.info.run_id, started=before.info.started)
    ceiling = spend.Ceiling(wanted.budget, allow_unknown=wanted.allow_unpriced)
    if before:
        ceiling.book(before.spent)
    part = Part(wanted.out, info, before)
    answering = _answering(info, config, prices, ceiling, part, wanted)
    with steps() as step:

        def seen(outcome: Any, done: int, of: int) -> None:
            step(f"{done} of {of} tasks, last {outcome.task}")

        return running.run(part, info, asks, answering, before=before, jobs=wanted.jobs, seen=seen)


def _answering(
    info: RunInfo, config: RoutingConfig, prices: PriceBook, ceiling: Ceiling, part: Part, wanted: _Wanted
) -> Answering:
    import os

    from tokenop.evals import answering, results
    from tokenop.providers import registry, sending
    from tokenop.routing import chain

    if info.mode == "recorded":
        recordings = evaluating.load_recordings(wanted.recordings)
        return answering.Recorded(info.run_id, evaluating.finder(recordings), prices)

    def asking(ask: Ask, worst: Decimal | None) -> None:
        part.add(results.Line(asking=results.Asking(ask.task.id, ask.repeat, worst)))

    return answering.Live(
        config,
        info.run_id,
        ceiling,
        prices,
        sender=answering.Senders(sending.sender_for),
        usable=lambda target: registry.usable(target, os.environ),
        asking=asking,
        record=_recorder(wanted.recordings) if wanted.record else None,
        breakers=chain.Breakers(config.breaker),
    )


def _recorder(folder: Path | None) -> Recorder:
    """Return what writes answers as recordings."""
    from tokenop import __version__
    from tokenop.evals.lanes import recorded_as
    from tokenop.providers import recordings
    from tokenop.routing.chain import charging

    chosen = recordings.shipped() if folder in (None, evaluating.SHIPPED) else folder
    kept = recordings.Recordings.load(chosen)

    def record(ask: Ask, target: Any, response: Any, latency_ms: float, at: datetime) -> None:
        kept.append(
            recordings.Recording(
                ask.task.id,
                ask.repeat,
                recordings.request_hash(recorded_as(ask.task.request, target)),
                charging.biller_of(target),
                target.model,
                response,
                round(latency_ms, 1),
                at,
                "recorded",
                f"tokenop {__version__}",
            )
        )

    return record


def _dry_run(asks: tuple[Ask, ...], prices: PriceBook, *, as_json: bool) -> int:
    """Say for each tier and chain who would answer, in which order, and what that costs at worst."""
    import os

    from tokenop.evals import spend
    from tokenop.providers import registry
    from tokenop.routing.chain import charging

    now = datetime.now(UTC)
    rows: dict[tuple[str, tuple[str, ...]], dict[str, Any]] = {}
    for ask in asks:
        names = tuple(f"{charging.biller_of(one)}/{one.model}" for one in ask.chain)
        row = rows.setdefault((ask.task.tier, names), {"asks": 0, "worst": Decimal(0), "why_not": {}})
        row["asks"] += 1
        row["why_not"] = {name: registry.usable(one, os.environ) for name, one in zip(names, ask.chain, strict=True)}
        costs = [
            spend.worst_case(ask.task.request, prices, charging.biller_of(one), one.model, now) for one in ask.chain
        ]
        known = [cost for cost in costs if cost is not None]
        unknown = row["worst"] is None or len(known) < len(costs)
        row["worst"] = None if unknown else row["worst"] + max(known, default=Decimal(0))
    told = [
        {
            "tier": tier,
            "asks": row["asks"],
            "answers": next((name for name in names if row["why_not"][name] is None), None),
            "chain": [{"engine": name, "unusable": row["why_not"][name]} for name in names],
            "worst_case_usd": row["worst"],
        }
        for (tier, names), row in rows.items()
    ]
    _show_dry_run(told, as_json=as_json)
    return 0


def _show_dry_run(told: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"dry_run": [evaluating.plain(row) for row in told]}, indent=2))
        return
    rows = [
        (
            row["tier"],
            str(row["asks"]),
            row["answers"] or "nobody",
            ", then ".join(
                each["engine"] + (f" ({each['unusable']})" if each["unusable"] else "") for each in row["chain"]
            ),
            evaluating.usd(row["worst_case_usd"]),
        )
        for row in told
    ]
    evaluating.table(("tier", "asks", "would answer", "chain", "at worst"), rows, ("asks", "at worst"))
    worst = [row["worst_case_usd"] for row in told]
    total = None if None in worst else sum(worst, Decimal(0))
    click.echo(f"Nobody was asked. One answer a task costs at most {evaluating.usd(total)}. Next: tokenop eval run")


def _told(ran: Ran, wanted: _Wanted, *, as_json: bool) -> int:
    """Print what came of a run; return the exit code."""
    from tokenop.evals import store

    counts = Counter(outcome.result for outcome in ran.outcomes)
    known = counts["pass"] + counts["fail"]
    summaries = store.summaries([ran.path]) if ran.path else []
    if ran.path:
        try:
            store.refresh(wanted.out)
        except store.BusyError as error:
            click.echo(str(error), err=True)
    if as_json:
        document = {
            "run_id": ran.info.run_id,
            "file": str(ran.path) if ran.path else None,
            "passed": counts["pass"],
            "failed": counts["fail"],
            "infrastructure": counts["infrastructure"],
            "not_asked": ran.left,
            "kept": ran.resumed,
            "summaries": [evaluating.plain(row) for row in summaries],
        }
        click.echo(json.dumps(document, indent=2))
    else:
        _show(ran, counts, summaries)
    return 0 if known and not ran.left else 1


def _show(ran: Ran, counts: Counter[Result], summaries: list[dict[str, Any]]) -> None:
    from tokenop.catalogue.linting.text import visible
    from tokenop.cli.eval_show import show_summaries

    if summaries:
        show_summaries(summaries)
    reasons = Counter(outcome.check_detail for outcome in ran.outcomes if outcome.result == "infrastructure")
    for reason, count in sorted(reasons.items(), key=lambda one: (-one[1], one[0]))[:_MOST]:
        click.echo(f"not known ({count} ×): {visible(reason)}")
    if len(reasons) > _MOST:
        click.echo(f"… and {len(reasons) - _MOST} more reasons; eval show --failed lists all")
    stood_in = Counter(outcome.stood_in for outcome in ran.outcomes if outcome.stood_in)
    for reason, count in sorted(stood_in.items())[:_MOST]:
        click.echo(f"another stood in ({count} ×), so the gate takes it as unknown: {visible(reason)}")
    if any(outcome.source == "sample" for outcome in ran.outcomes):
        click.echo("The answers are made up (samples): they show how this works and say nothing about models.")
    told = f"{counts['pass']} passed, {counts['fail']} failed, of {counts['infrastructure']} nothing is known"
    if ran.left:
        click.echo(f"{told}; {ran.left} not asked: the budget does not suffice. Next: --resume with a larger --budget")
        return
    click.echo(f"{told}: {ran.path}. Next: tokenop eval show {ran.info.run_id} --failed")
