"""What a call may cost at most, before it is made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from math import ceil
from typing import TYPE_CHECKING, Any, NamedTuple

from tokenop.gateway.budgets.recount import PICO
from tokenop.gateway.model import Call
from tokenop.providers.base import Target
from tokenop.routing.chain.charging import biller_of
from tokenop.routing.targets import is_local

if TYPE_CHECKING:
    from tokenop.prices.book import PriceBook

# No call costs more; a caller who asks for a billion tokens must not make sums too large for their words.
MOST_USD = 10_000 * PICO
MOST_TOKENS = 10**10
BYTES_PER_TOKEN = 2  # cautious: four of English text
_MOST_ANSWERS = 128
_FRESH = 60  # seconds for which a price is taken as it was


class Rate(NamedTuple):
    """What a target costs in pico-dollars, for prompts of up to `upto` tokens (None: any)."""

    upto: int | None
    input: int
    output: int
    call: int


Rates = tuple[Rate, ...]
FREE: Rates = (Rate(None, 0, 0, 0),)


class Worst(NamedTuple):
    """The most that one attempt may cost, in pico-dollars and tokens. `unpriced` are targets whose price is unknown."""

    usd: int
    tokens: int
    unpriced: tuple[str, ...]


class Prices:
    """Rates of targets, looked up once a minute. For one thread."""

    def __init__(self, book: Callable[[], PriceBook], usable: Callable[[Target], bool]) -> None:
        """Take the price book, which is asked for when it is needed, and who can be asked at all."""
        self._book = book
        self._usable = usable
        self._minute = -1
        self._rates: dict[int, tuple[Target, Rates | None]] = {}  # by identity, which a target keeps while it is held

    def worst(self, call: Call, second: int, chain: Iterable[Target], default_output: int) -> Worst:
        """Return what the dearest attempt of a chain may cost. Who has no known price counts as free, and is named."""
        if second // _FRESH != self._minute:
            self._rates.clear()
            self._minute = second // _FRESH
        asked, answered = input_tokens(call), output_tokens(call, default_output)
        usd = 0
        unpriced: tuple[str, ...] = ()
        for target in chain:
            known = self._rates.get(id(target))
            if known is None:
                known = self._rates[id(target)] = (target, self._look_up(target, call.started))
            rates = known[1]
            if rates is None:
                unpriced += (f"{target.name}/{target.model}",)
                continue
            for upto, per_input, per_output, per_call in rates:
                if upto is None or asked <= upto:
                    cost = asked * per_input + answered * per_output + per_call
                    if cost > usd:
                        usd = cost
                    break
        return Worst(min(usd, MOST_USD), min(asked + answered, MOST_TOKENS), unpriced)

    def is_free(self, target: Target, when: datetime) -> bool:
        """Tell whether nobody bills `target`: it is local, or its price is known to be 0."""
        rates = self._look_up(target, when)
        return bool(rates) and all(not (rate.input or rate.output or rate.call) for rate in rates or ())

    def is_usable(self, target: Target) -> bool:
        """Tell whether `target` can be asked."""
        return self._usable(target)

    def _look_up(self, target: Target, when: datetime) -> Rates | None:
        if not self._usable(target):
            return FREE
        book = self._book()
        key = book.resolve(biller_of(target), target.model)
        entries: Sequence[Any] = book.valid_at(key, when) if key is not None else ()
        if not entries:
            # Runners of local models also forward to paid ones, which they mark in the name (`gpt-oss:120b-cloud`).
            return FREE if is_local(target) and not target.model.endswith("cloud") else None
        found = []
        for entry in entries:
            *inputs, output = entry.rates.charged()
            rate = Rate(entry.slot.upto, _pico(max(inputs)), _pico(output), _pico(entry.rates.per_call))
            found.append(rate)
        # A prompt of a size that no entry names costs what the last one says.
        return (*found[:-1], found[-1]._replace(upto=None))


def input_tokens(call: Call) -> int:
    """Return about how many tokens a prompt has, rather too many than too few where nobody can say."""
    if call.input_tokens is not None:
        return call.input_tokens
    try:
        length = int(call.headers.get("content-length", ""))
    except ValueError:
        import msgspec

        length = len(msgspec.json.encode(call.body))
    return max(length, 0) // BYTES_PER_TOKEN


def output_tokens(call: Call, default: int) -> int:
    """Return how many tokens all answers to a call may have together."""
    if call.wire == "openai-embeddings":
        return 0
    most = call.request.max_output_tokens
    answers = call.body.get("n")
    count = min(answers, _MOST_ANSWERS) if isinstance(answers, int) and answers > 1 else 1
    return max(default if most is None else most, 0) * count


def _pico(usd: Decimal) -> int:
    return ceil(usd * PICO)
