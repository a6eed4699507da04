"""What implementations did: to spend, in time, across layers, to quality, and against what was predicted."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenop.community.intervals import Mean, Rate, difference, mean

if TYPE_CHECKING:
    import duckdb

# Predictions of the plan are P10 to P90.
PREDICTED_COVER = Decimal("0.80")


class Impact(NamedTuple):
    """What one layer saved in one month (of the entry's day), or over all months (`month` None)."""

    layer: str
    month: str | None
    entries: int
    known: int
    reduction: Mean
    median: Decimal | None
    saved_usd: Decimal | None
    monthly_usd: Decimal | None


class Effort(NamedTuple):
    """How many hours implementations of a category took, and how that compares with what their templates say."""

    category: str
    entries: int
    known: int
    hours_p25: Decimal | None
    hours_median: Decimal | None
    hours_p75: Decimal | None
    ratio_median: Decimal | None


class Quality(NamedTuple):
    """What became of quality in a category: points of 0 to 1, positive where it fell."""

    category: str
    entries: int
    known: int
    drop: Mean
    worst: Decimal | None
    kept: Rate


class Across(NamedTuple):
    """Cross-layer templates against the layers alone, as reductions of a call's cost."""

    together: Mean
    single: Mean
    best_layer: str | None
    best: Mean
    difference: Mean


class Outcomes(NamedTuple):
    """How many implementations succeeded of those of which it is known."""

    layer: str | None
    complexity: str | None
    entries: int
    rate: Rate


class Calibration(NamedTuple):
    """How many realised reductions lie inside what was predicted for them."""

    layer: str | None
    inside: Rate
    below: int
    above: int


_SUMS = "count(reduction), sum(reduction), sum(reduction::DECIMAL(18,6) * reduction::DECIMAL(18,6))"


def impact(connection: duckdb.DuckDBPyConnection) -> tuple[Impact, ...]:
    """Return what each layer saved, first over all time, then by month."""
    rows = connection.execute(
        f"""SELECT layer, month, count(*), {_SUMS}, median(reduction)::DECIMAL(18,6), sum(saved), sum(monthly)
        FROM (SELECT *, strftime(day, '%Y-%m') AS month FROM done)
        GROUP BY GROUPING SETS ((layer, month), (layer)) ORDER BY month NULLS FIRST, layer"""
    ).fetchall()
    return tuple(
        Impact(layer, month, entries, n, mean(n, total, squares, 1), middle, saved, monthly)
        for layer, month, entries, n, total, squares, middle, saved, monthly in rows
    )


def effort(connection: duckdb.DuckDBPyConnection) -> tuple[Effort, ...]:
    """Return the hours of each category."""
    rows = connection.execute(
        """SELECT category, count(*), count(hours), quantile_cont(hours, 0.25)::DECIMAL(18,2),
            median(hours)::DECIMAL(18,2), quantile_cont(hours, 0.75)::DECIMAL(18,2),
            median(CASE WHEN estimate > 0 THEN (hours / estimate)::DECIMAL(18,4) END)::DECIMAL(18,2)
        FROM done GROUP BY category ORDER BY category"""
    ).fetchall()
    return tuple(Effort(*row) for row in rows)


def quality(connection: duckdb.DuckDBPyConnection) -> tuple[Quality, ...]:
    """Return what became of quality in each category."""
    rows = connection.execute(
        """SELECT category, count(*), count(quality_drop), sum(quality_drop), sum(quality_drop * quality_drop),
            max(quality_drop), count(*) FILTER (quality_drop <= greatest(0.01, coalesce(tolerance, 0.01)))
        FROM done GROUP BY category ORDER BY category"""
    ).fetchall()
    return tuple(
        Quality(category, entries, n, mean(n, total, squares, 1), worst, Rate(kept, n))
        for category, entries, n, total, squares, worst, kept in rows
    )


def across(connection: duckdb.DuckDBPyConnection) -> Across:
    """Return how cross-layer templates do against the best layer alone: that is what joining layers must beat."""
    rows = connection.execute(f"SELECT layer, {_SUMS} FROM done WHERE layer <> '(unknown)' GROUP BY layer").fetchall()
    sums = {layer: (int(n), total, squares) for layer, n, total, squares in rows if n}
    together = sums.pop("cross-layer", _NOTHING)
    single = _added(sums.values())
    means = {layer: mean(*figures, 1) for layer, figures in sorted(sums.items())}
    best = max(means, key=lambda layer: means[layer].value or Decimal(-1), default=None)
    return Across(
        mean(*together, 1),
        mean(*single, 1),
        best,
        means[best] if best else mean(*_NOTHING),
        difference(together, sums[best] if best else _NOTHING),
    )


_NOTHING = (0, Decimal(0), Decimal(0))


def _added(sums: Any) -> tuple[int, Decimal, Decimal]:
    n, total, squares = _NOTHING
    for more, value, square in sums:
        n, total, squares = n + more, total + value, squares + square
    return n, total, squares


def outcomes(connection: duckdb.DuckDBPyConnection) -> tuple[Outcomes, ...]:
    """Return successes over all (first), by layer, and by layer and complexity."""
    rows = connection.execute(
        """SELECT layer, complexity, count(*), count(*) FILTER (success), count(success),
            grouping(layer) AS whole, grouping(complexity) AS of_layer
        FROM done GROUP BY GROUPING SETS ((), (layer), (layer, complexity))
        HAVING count(*) > 0 ORDER BY whole DESC, layer, of_layer DESC, complexity NULLS LAST"""
    ).fetchall()
    found = tuple(
        Outcomes(
            None if whole else layer, None if of_layer else complexity or "(unknown)", entries, Rate(hits, known)
        )
        for layer, complexity, entries, hits, known, whole, of_layer in rows
    )  # fmt: skip
    return found or (Outcomes(None, None, 0, Rate(0, 0)),)


def calibration(connection: duckdb.DuckDBPyConnection) -> tuple[Calibration, ...]:
    """Return how well predictions held, over all (first) and by layer."""
    rows = connection.execute(
        """SELECT layer, count(*) FILTER (reduction BETWEEN predicted_low AND predicted_high), count(*),
            count(*) FILTER (reduction < predicted_low), count(*) FILTER (reduction > predicted_high),
            grouping(layer) AS whole
        FROM done WHERE reduction IS NOT NULL AND predicted_low IS NOT NULL
        GROUP BY GROUPING SETS ((), (layer)) HAVING count(*) > 0 ORDER BY whole DESC, layer"""
    ).fetchall()
    found = tuple(
        Calibration(None if whole else layer, Rate(inside, n), below, above)
        for layer, inside, n, below, above, whole in rows
    )
    return found or (Calibration(None, Rate(0, 0), 0, 0),)


class Return(NamedTuple):
    """What was saved over a year for what was put in, where both are known; `ratio` is net over investment."""

    known: int
    monthly_usd: Decimal | None
    investment_usd: Decimal | None
    ratio: Decimal | None


def returns(connection: duckdb.DuckDBPyConnection) -> Return:
    """Return twelve months of saving against the work of putting it in place, weighted by that work.

    An hour costs the same everywhere (`outcome.HOURLY_RATE`): a template that names a low rate gains nothing by it.
    """
    known, month, put_in = connection.execute(
        "SELECT count(*), sum(monthly), sum(investment) FROM done WHERE monthly IS NOT NULL AND investment > 0"
    ).fetchall()[0]
    ratio = None if not known else ((12 * month - put_in) / put_in).quantize(Decimal("0.01"))
    return Return(known, month, put_in, ratio)
