"""What to re-route: `FROM=TO`, found in the log and in the price book, and made a lever of the economics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenop.catalogue.model import Claim, Implementation, Interval, Lever, Quality, Range, Risk, Template
from tokenop.database import quoted
from tokenop.errors import InputError, MisuseError

if TYPE_CHECKING:
    import duckdb

    from tokenop.prices.book import PriceBook

_ZERO = Decimal(0)
MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class Rule:
    """Calls of some models as they are spelled in the log, and the model that is to answer them."""

    source: str
    target: str
    pairs: tuple[tuple[str, str], ...]
    provider: str
    model: str
    share: Decimal
    asked: bool = True

    @property
    def where(self) -> str:
        """Return the predicate over calls that this rule moves."""
        return " OR ".join(f"(provider = {quoted(one)} AND model = {quoted(name)})" for one, name in self.pairs)

    @property
    def lever(self) -> Lever:
        """Return the rule as a lever: the share is what was asked for, the rest is assumed."""
        parameters = {
            "share": Range(self.share, self.share, self.share, "assumed", "as asked for: --share"),
            "tokeniser_ratio": _range("0.9", "1", "1.1", "models of one vendor count nearly alike, others within 10 %"),
            "fallback_rate": _range(
                "0", "0.03", "0.1", "answers that are asked again of today's model, and paid twice"
            ),
            # Never read: latency afterwards is said only where the events show the target.
            "latency_ratio": _range("1", "1", "1", "not used: latency is observed or unknown"),
        }
        options = {"to": {"provider": self.provider, "model": self.model}}
        return Lever("reroute", self.where, parameters, options, 0)

    def as_dict(self) -> dict[str, Any]:
        """Return it as JSON-ready fields, every assumption with its range."""
        return {
            "from": self.source,
            "to": f"{self.provider}/{self.model}",
            "share": float(self.share),
            "models": [{"provider": provider, "model": model} for provider, model in self.pairs],
            "asked_for": self.asked,
            "assumed": {
                name: {"low": float(one.low), "expected": float(one.expected), "high": float(one.high)}
                for name, one in self.lever.parameters.items()
                if name in ("tokeniser_ratio", "fallback_rate")
            },
        }


def _range(low: str, expected: str, high: str, source: str) -> Range:
    return Range(Decimal(low), Decimal(expected), Decimal(high), "assumed", source)


def template(identity: str, lever: Lever) -> Template:
    """Return a template that holds one lever and claims nothing."""
    day, nothing = date(1970, 1, 1), Interval(_ZERO, _ZERO, _ZERO)
    return Template(
        identity, identity, "application-layer", "routing", "1.0.0", "proposed", (), day, day, day, (), "true",
        (lever,), Claim("none", nothing), Implementation(_ZERO, _ZERO, _ZERO), Quality(_ZERO, ()),
        Risk("low", "", 0), (), (), (), "", Path(), hashlib.sha256(identity.encode()).hexdigest(),
    )  # fmt: skip


def parse(
    connection: duckdb.DuckDBPyConnection,
    book: PriceBook,
    texts: Sequence[str],
    share: Decimal,
    at: datetime,
    calls: str,
) -> tuple[Rule, ...]:
    """Return the rules of `FROM=TO` texts; where there are none, the one that the log itself suggests, if any.

    Raises:
        MisuseError: a text has not this form, or a model would be moved twice.
        InputError: no call was answered by FROM, or no price is known for TO.
    """
    seen = _seen(connection, calls)
    if not texts:
        return _suggested(connection, calls, share)
    rules: list[Rule] = []
    for text in texts:
        source, sign, target = (part.strip() for part in text.partition("="))
        if not (source and sign and target):
            raise MisuseError(f"--reroute {text}: write FROM=TO, such as gpt-4=gpt-4o-mini")
        pairs = _matching(book, source, seen)
        if not pairs:
            known = ", ".join(dict.fromkeys(model for _, model in seen[:MOST_NAMED]))
            raise InputError(f"--reroute {text}: no call was answered by {source}; the log has {known or 'no call'}")
        try:
            provider, model = _target(connection, book, target, pairs, at)
        except InputError as error:
            raise InputError(f"--reroute {text}: {error}") from error
        rules.append(Rule(source, target, pairs, provider, model, share))
    moved = [pair for rule in rules for pair in rule.pairs]
    if len(set(moved)) < len(moved):
        raise MisuseError("--reroute: a model can be moved to one other model only")
    return tuple(rules)


def _seen(connection: duckdb.DuckDBPyConnection, calls: str) -> list[tuple[str, str]]:
    found = connection.execute(
        f"SELECT provider, model FROM {calls} GROUP BY ALL ORDER BY sum(cost) DESC NULLS LAST, provider, model"
    ).fetchall()
    return [(str(provider), str(model)) for provider, model in found]


def _matching(book: PriceBook, text: str, seen: Sequence[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the models of the log that are meant: spelled so, or known to the price book as the same model."""
    wanted = text.lower()

    def means(provider: str, model: str) -> bool:
        if wanted in (model.lower(), f"{provider}/{model}".lower()):
            return True
        maker, slash, name = text.partition("/")
        own = book.resolve(provider, model)
        if own is None:
            return False
        if slash and book.resolve(maker, name) == own:
            return True
        return book.resolve(provider, text) == own

    return tuple(sorted(pair for pair in seen if means(*pair)))


def _target(
    connection: duckdb.DuckDBPyConnection,
    book: PriceBook,
    text: str,
    pairs: Sequence[tuple[str, str]],
    at: datetime,
) -> tuple[str, str]:
    """Return provider and model as the price book has them; without a provider in the text, today's provider."""
    from tokenop.prices.calls import target_rates

    maker, slash, name = text.partition("/")
    tried = [(provider, text) for provider in sorted({provider for provider, _ in pairs})]
    tried += [(maker, name)] if slash else [("", text)]
    complaint: InputError | None = None
    for provider, model in tried:
        try:
            target_rates(connection, book, provider, model, at)
        except InputError as error:
            complaint = complaint or error
            continue
        key = book.resolve(provider, model)
        assert key is not None
        return key.provider, key.model
    assert complaint is not None
    raise complaint


def _suggested(connection: duckdb.DuckDBPyConnection, calls: str, share: Decimal) -> tuple[Rule, ...]:
    """Return the move from the model that costs most to one of the same provider that is in use and half the price."""
    found = connection.execute(
        f"""WITH seen AS (
          SELECT priced_provider AS provider, priced_model AS model, sum(cost) AS cost, sum(n) AS calls,
            avg(r_uncached) AS sent, avg(r_output) AS written
          FROM {calls} WHERE priced_model IS NOT NULL GROUP BY ALL
        )
        SELECT a.provider, a.model, b.model FROM seen a JOIN seen b ON a.provider = b.provider
          AND b.sent <= a.sent / 2 AND b.written <= a.written / 2
        WHERE a.cost > 0 ORDER BY a.cost DESC, a.provider, a.model, b.calls DESC, b.model LIMIT 1"""
    ).fetchone()
    if found is None:
        return ()
    provider, source, target = found
    pairs = connection.execute(
        f"SELECT DISTINCT provider, model FROM {calls} WHERE priced_provider = ? AND priced_model = ? ORDER BY ALL",
        [provider, source],
    ).fetchall()
    return (Rule(source, target, tuple((str(a), str(b)) for a, b in pairs), provider, target, share, asked=False),)
