"""A run as people read it in a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

    from tokenop.experiment.live import Finished

MOST_HARMED = 3
_STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow"}
_LOUD = {
    "sample": "SAMPLE: prompts or answers are made up; nothing here says anything about a real model.",
    "recorded": "RECORDED ANSWERS: nothing was asked now.",
}


def show(finished: Finished) -> None:
    """Print verdicts, what was left out, costs, and the next command."""
    from tokenop.cli.progress import results
    from tokenop.planning.text import LONGEST, marked

    console, found = results(), finished.document
    if found["origin"] in _LOUD:
        console.print(f"[yellow]{_LOUD[found['origin']]}[/yellow]", soft_wrap=True)
    _candidates(console, found)
    for one in found["candidates"]:
        _one(console, one)
    for one in found["not_evaluated"]:
        why = marked(one["why"][:LONGEST])
        console.print(f"not evaluated: {marked(one['template'])} ({one['lever']}): {why}", style="dim", soft_wrap=True)
    if found["prompts"]["judged_by"].get("outcome"):
        console.print(f"Costs: {marked(found['origins']['cost'])}", soft_wrap=True)
    unscored = sum(one["prompts"]["unscored"] for one in found["candidates"])
    if unscored:
        console.print("Unscored prompts have no check and no reference: add them, or name a --judge.", soft_wrap=True)
    _judges(console, found)
    if found["judge"] and found["judge"]["also_answer"]:
        names = marked(", ".join(found["judge"]["also_answer"]))
        console.print(f"[yellow]{names} also answers: a judge may prefer what sounds like itself.[/yellow]")
    if found["ended"]["early"]:
        console.print(
            f"Ended early ({found['ended']['early']}): {marked(found['ended']['why'])}; the same command goes on"
        )
    console.print(f"\n{marked(line(finished))}", soft_wrap=True)


def _one(console: Console, one: dict[str, Any]) -> None:
    """Print what was found of one candidate."""
    from tokenop.planning.text import marked

    console.print(f"{marked(one['name'])}: {one['verdict']}: {marked(one['why'])}", soft_wrap=True)
    if one["yardstick"]:
        console.print("  a yardstick: it shows what there is to win, and nobody can have it", soft_wrap=True)
    cost, latency = one["cost"], one["latency_ms"]
    if cost["change_low"] is not None:
        between = f"{percent(cost['change_low'])} to {percent(cost['change_high'])}"
        console.print(f"  its answers cost {percent(cost['change'])} ({between})", soft_wrap=True)
    if latency["before"]["p95"] is not None and latency["after"]["p95"] is not None:
        before, after = (seconds(latency[side]["p95"]) for side in ("before", "after"))
        console.print(f"  95 % of its answers came within {after}, today's within {before}", soft_wrap=True)
    if one["quality"]["doubtful"]:
        console.print(
            f"  the judges are not believed on {one['quality']['doubtful']:,} of its pairs: nobody knows these",
            soft_wrap=True,
        )
    _harmed(console, one)
    if one["verdict"] == "pass" and not one["yardstick"] and not (cost["change"] is not None and cost["change"] < 0):
        what = "its cost is not known" if cost["change"] is None else "it does not cost less"
        console.print(f"  {what}, so it is not recommended", soft_wrap=True)
    needed = one["quality"]["prompts_needed"]
    if one["verdict"] == "inconclusive" and needed:
        console.print(f"  about {needed:,} prompts like these would decide", soft_wrap=True)


def _harmed(console: Console, one: dict[str, Any]) -> None:
    """Print the parts of the traffic that get worse than is allowed: a verdict is of all prompts together."""
    from tokenop.planning.text import LONGEST, marked

    allowed = one["quality"]["allowed_drop"]
    for kind in ("intent", "tenant"):
        parts = one[f"{kind}s"]
        harmed = [each for each in parts if each["difference"] < -allowed] if len(parts) > 1 else []
        harmed.sort(key=lambda each: (each["difference"], each[kind]))
        for each in harmed[:MOST_HARMED]:
            name, count = marked(each[kind][:LONGEST]), f"{each['worse']:,} of {each['scored']:,}"
            console.print(
                f"  [yellow]{kind} {name}: {count} got worse ({points(each['difference'])} points)[/yellow]",
                soft_wrap=True,
            )
        if len(harmed) > MOST_HARMED:
            console.print(f"  [yellow]and {len(harmed) - MOST_HARMED:,} more {kind}s[/yellow]")


def _judges(console: Console, found: dict[str, Any]) -> None:
    """Print what the judges measured of themselves, who decided, and what judging cost."""
    from tokenop.planning.text import marked

    if not found["judge"]:
        return
    for one in found["judge"]["judges"]:
        told = f"contradicted itself on {one['contradicted_itself']:,} of {one['pairs']:,} pairs"
        if one["asked_again"]:
            told += f", changed its mind on {one['changed_its_mind']:,} of {one['asked_again']:,} asked again"
        if one["missed_controls"]:
            told += f", did not see {one['missed_controls']:,} of {one['controls']:,} controls"
        console.print(f"judge {marked(one['name'])}: {told}", soft_wrap=True)
    decided = ", ".join(f"{name} {number:,}" for name, number in found["judge"]["decided_by"].items())
    judging = found["evaluation"]["judging"]["usd"]
    console.print(f"pairs were decided by: {decided or 'nobody'}; judging cost {money(judging)}", soft_wrap=True)


def _candidates(console: Console, found: dict[str, Any]) -> None:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from tokenop.planning.text import visible

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("candidate", overflow="fold", min_width=14)
    for name in ("verdict", "n", "worse", "better", "quality", "cost"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in found["candidates"]:
        quality, prompts = one["quality"], one["prompts"]
        scored, asked = prompts["scored"], prompts["asked"]
        table.add_row(
            Text(visible(one["name"])),
            Text(one["verdict"], style=_STYLES[one["verdict"]]),
            f"{scored:,}" if scored == asked else f"{scored:,}/{asked:,}",
            str(quality["worse"]),
            str(quality["better"]),
            points(quality["difference"]),
            percent(one["cost"]["change"]),
        )
    console.print(table)


def points(difference: float | None) -> str:
    """Return a change of quality in points."""
    return "–" if difference is None else f"{100 * difference:+.1f}"


def percent(change: float | None) -> str:
    """Return a change of the cost."""
    return "–" if change is None else f"{100 * change:+.0f} %"


def seconds(milliseconds: float | None) -> str:
    """Return a latency in seconds."""
    return "–" if milliseconds is None else f"{milliseconds / 1000:.1f} s"


def money(value: float | None) -> str:
    """Return dollars with as many digits as small sums need."""
    if value is None:
        return "an unknown amount"
    return f"${value:,.2f}" if value >= 1 else f"${value:.6f}".rstrip("0").rstrip(".")


def line(finished: Finished) -> str:
    """Return the result in one line of money, and the next command."""
    found = finished.document
    one = next(each for each in found["candidates"] if each["name"] == found["shown"])
    cost = one["cost"]
    unpriced = sum(found["evaluation"][part]["unpriced_calls"] for part in ("answers", "judging"))
    paid = f"the run cost {money(found['evaluation']['usd'])}"
    paid += f" and {unpriced:,} calls whose cost nobody knows" if unpriced else ""
    both = f"{money(cost['before_usd'])} today, {money(cost['after_usd'])} with {one['name']}"
    text = f"{finished.folder}: {cost['prompts']} prompts cost {both}"
    if cost["change"] is not None:
        more = f"{100 * abs(cost['change']):.0f} % {'less' if cost['change'] < 0 else 'more'}"
        text += f": {more if cost['change'] else 'the same'}, quality {one['verdict']}"
    return f"{text}; {paid}. Next: {next_command(finished, one)}"


def next_command(finished: Finished, one: dict[str, Any]) -> str:
    """Return what to do next."""
    folder = finished.folder
    if finished.document["recommended"] and one["template"] and finished.document["origin"] == "live":
        return f"tokenop template-apply {one['template']} --dry-run"
    return f"tokenop diff --baseline {folder}/baseline.csv --optimized {folder}/optimized.csv"


def dry(found: dict[str, Any]) -> None:
    """Print who would be asked what."""
    from tokenop.planning.text import visible

    click.echo(f"{found['prompts']} prompts, today: {visible(found['baseline'])}")
    for one in found["candidates"]:
        click.echo(f"  candidate {visible(one['name'])}: quality may drop by {one['allowed_drop']:g}")
    for one in found["not_evaluated"]:
        click.echo(f"  not evaluated: {visible(one['template'])} ({one['lever']}): {visible(one['why'])}")
    for name, why in found["not_usable"].items():
        click.echo(f"  cannot be asked now: {visible(name)}: {visible(why)}")
    unknown = found["calls_without_a_known_price"]
    more = f", and {unknown} calls whose price nobody knows" if unknown else ""
    click.echo(
        f"At most {found['calls_at_most']} calls and {money(found['worst_case_usd'])}{more}; nothing was asked. "
        f"Next: the same command without --dry-run writes {visible(found['folder'])}"
    )
