"""Costs as people read them in a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from tokenop.gateway.costing.model import Costs, Day, PromptCaching, Spending
from tokenop.planning.text import marked

if TYPE_CHECKING:
    from rich.console import Console

MOST = 10
_BAR = 8
_WIDE = 120
_FIGURES = ("calls", "in", "out", "failed", "fallbacks", "p50", "p95")
_RARE = frozenset({"failed", "fallbacks"})
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_LEVELS = "▁▂▃▄▅▆▇█"
_UNTOLD = "(not said)"


def show(console: Console, costs: Costs) -> None:
    """Print all that was found; names from calls are shown as text and nothing else."""
    if not console.is_terminal:
        console.width = max(console.width, _WIDE)
    _headline(console, costs)
    for what, rows in costs.by.items():
        _table(console, what, rows, costs.total)
    if len(costs.days) > 1:
        _days(console, costs)
    _caches(console, costs)
    if costs.routing is not None:
        routing = costs.routing
        left = f"; {routing.left_out:,} left out, their cost is not known" if routing.left_out else ""
        console.print(
            f"[bold]Routing[/bold]: the same tokens at {marked(routing.baseline)} cost {usd(routing.baseline_usd)}, "
            f"paid was {usd(routing.paid_usd)}: {_gain(routing.saved_usd)} ({routing.calls:,} answers{left}).",
            soft_wrap=True,
        )


def usd(value: Decimal | None) -> str:
    """Return money: cents, and as many digits as a small sum needs."""
    if value is None:
        return "–"
    digits = 2 if abs(value) >= 1 or not value else 4 if abs(value) >= Decimal("0.001") else 6
    return f"{'-' if value < 0 else ''}${abs(value):,.{digits}f}"


def bar(share: float) -> str:
    """Return a bar for a share of 1, an eighth of a sign exact."""
    eighths = round(min(max(share, 0.0), 1.0) * _BAR * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def spark(values: Sequence[Decimal | None]) -> str:
    """Return a line of one sign a value; a dot where it is not known."""
    most = max((value for value in values if value is not None), default=Decimal(0))
    return "".join(
        "·" if value is None else _LEVELS[round(float(value / most) * (len(_LEVELS) - 1)) if most else 0]
        for value in values
    )


def _headline(console: Console, costs: Costs) -> None:
    period, total = costs.period, costs.total
    days = period.first_day if period.first_day == period.last_day else f"{period.first_day} to {period.last_day}"
    kept = f", {costs.kept.hits:,} from the response cache" if costs.kept.hits else ""
    console.print(
        f"[bold]{usd(total.cost_usd)}[/bold] · {days} ({marked(period.zone)}) · {marked(costs.source)}", soft_wrap=True
    )
    console.print(
        f"{total.calls:,} calls{kept}, {total.attempts:,} attempts, {total.errors:,} failed, {total.fallbacks:,} "
        f"fallbacks · {_tokens(total.input_tokens)} tokens in, {_tokens(total.output_tokens)} out · p50 "
        f"{_time(total.p50_ms)}, p95 {_time(total.p95_ms)}",
        soft_wrap=True,
    )
    if total.unpriced:
        share = "" if total.unpriced_share is None else f" ({total.unpriced_share:.1%} of all tokens)"
        console.print(
            f"[yellow]The cost of {total.unpriced:,} attempts{share} is not known and in no sum.[/yellow] "
            "`tokenop prices coverage` says which models have no price.",
            soft_wrap=True,
        )


def _table(console: Console, what: str, rows: Sequence[tuple[str | None, Spending]], total: Spending) -> None:
    from rich.table import Table

    shown = [_figures(one) for _, one in rows[:MOST]]
    # A column that says nothing takes the width that the figures need: a figure is never cut.
    said = [number for number, heading in enumerate(_FIGURES) if heading not in _RARE or _some(shown, number)]
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(what, max_width=40, overflow="ellipsis", no_wrap=True)
    table.add_column("spent", justify="right", min_width=max(len(usd(one.cost_usd)) for _, one in rows[:MOST]))
    table.add_column("", min_width=_BAR)
    for number in said:
        width = max(len(_FIGURES[number]), *(len(figures[number]) for figures in shown))
        table.add_column(_FIGURES[number], justify="right", min_width=width)
    for (name, one), figures in zip(rows[:MOST], shown, strict=True):
        share = float(one.cost_usd / total.cost_usd) if one.cost_usd and total.cost_usd else 0.0
        told = _UNTOLD if name is None else marked(name)
        table.add_row(told, usd(one.cost_usd), f"[cyan]{bar(share)}[/cyan]", *(figures[number] for number in said))
    console.print()
    console.print(table)
    if len(rows) > MOST:
        console.print(f"… and {len(rows) - MOST:,} more (--json lists all)")


def _figures(one: Spending) -> tuple[str, ...]:
    return (
        f"{one.calls:,}",
        _tokens(one.input_tokens),
        _tokens(one.output_tokens),
        f"{one.errors:,}",
        f"{one.fallbacks:,}",
        _time(one.p50_ms),
        _time(one.p95_ms),
    )


def _some(shown: Sequence[tuple[str, ...]], number: int) -> bool:
    return any(figures[number] != "0" for figures in shown)


def _days(console: Console, costs: Costs) -> None:
    from rich.table import Table

    days = {one.day: one for one in costs.days}
    first, last = min(days), max(days)
    every = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    spent = [days[day].spending.cost_usd if day in days else Decimal(0) for day in every]
    console.print()
    console.print(f"[bold]by day[/bold]  [cyan]{spark(spent[-60:])}[/cyan]")
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("day")
    for heading in ("spent", "calls", "read from cache", "write premium", "caching saved"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in costs.days[-MOST:]:
        table.add_row(*_day(one))
    console.print(table)
    if len(costs.days) > MOST:
        console.print(f"… and {len(costs.days) - MOST:,} earlier ones (--json lists all)")


def _day(one: Day) -> tuple[str, ...]:
    caching = one.caching
    told = (_ratio(caching), usd(caching.premium_usd), usd(caching.net_usd))
    return (one.day.isoformat(), usd(one.spending.cost_usd), f"{one.spending.calls:,}", *told)


def _caches(console: Console, costs: Costs) -> None:
    caching, kept = costs.caching, costs.kept
    console.print()
    if caching.told:
        console.print(
            f"[bold]Prompt cache[/bold]: {_ratio(caching)} of {_tokens(caching.told)} input tokens read, "
            f"{_tokens(caching.written)} written; write premium {usd(caching.premium_usd)}, "
            f"net {_gain(caching.net_usd)} against the same tokens uncached.",
            soft_wrap=True,
        )
    else:
        console.print("[bold]Prompt cache[/bold]: no provider said what it read.")
    console.print(
        f"[bold]Response cache[/bold]: {kept.hits:,} hits, {_tokens(kept.tokens)} tokens, about "
        f"{_gain(kept.saved_usd)}."
        if kept.hits
        else "[bold]Response cache[/bold]: no hits.",
        soft_wrap=True,
    )


def _ratio(caching: PromptCaching) -> str:
    return "–" if caching.hit_ratio is None else f"{caching.hit_ratio:.1%}"


def _gain(value: Decimal | None) -> str:
    if value is None:
        return "an unknown sum"
    if value < 0:
        return f"[red]{usd(-value)} lost[/red]"
    return f"[green]{usd(value)} saved[/green]"


def _tokens(count: int) -> str:
    for size, sign in ((10**9, "G"), (10**6, "M"), (10**4, "k")):
        if count >= size:
            return f"{count / (1000 if sign == 'k' else size):,.{0 if sign == 'k' else 1}f}{sign}"
    return f"{count:,}"


def _time(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "–"
    return f"{milliseconds / 1000:,.1f} s" if milliseconds >= 1000 else f"{milliseconds:,.0f} ms"
