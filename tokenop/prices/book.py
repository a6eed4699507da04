"""The price book: bundled prices of genai-prices with the dated entries of `templates/prices` on top."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from tokenop import settings
from tokenop.errors import InputError
from tokenop.prices import bundled, dated, match, names, timeline
from tokenop.prices.model import DAY_SECONDS, Entry, ModelKey, Rates, Segment

ANY_MODEL = "*"
LONGEST_NAME = 512  # as in the event schema


@dataclass(frozen=True, slots=True)
class Price:
    """What one call pays: the entry, and its rates in USD per token."""

    entry: Entry

    @property
    def rates(self) -> Rates:
        """Return the rates in USD per token."""
        return self.entry.rates

    @property
    def price_id(self) -> str:
        """Return the id that a priced event carries."""
        return self.entry.price_id

    @property
    def undated(self) -> bool:
        """Return whether no source says that the price held on that day."""
        return self.entry.undated


class PriceBook:
    """Every price that is known, by one name a model."""

    def __init__(self, dated_entries: Iterable[dated.DatedEntry] = ()) -> None:
        self._dated_entries = tuple(dated_entries)
        self._dated = dated.by_model(self._dated_entries)
        self._bundled = bundled.providers()  # held, so that no other data can come to have its identity
        self._providers: dict[str, Any] = {provider.id: provider for provider in self._bundled}
        self._known = frozenset((*self._providers, *(key.provider for key in self._dated)))
        self._resolved: dict[tuple[str, str], ModelKey | None] = {}
        self._cut: dict[ModelKey, tuple[Entry, ...]] = {}
        self._infos: dict[ModelKey, tuple[Any, bool]] = {}
        for provider in self._providers.values():
            for lender in provider.fallback_model_providers or ():
                for info in self._providers[lender].models:
                    self._infos[self._lent(provider, lender, info)] = (info, False)
            for info in provider.models:
                self._infos[ModelKey(provider.id, info.id)] = (info, True)
        self._spelled = {
            (entry.key.provider, spelling): entry.key
            for entry in self._dated_entries
            for spelling in (entry.key.model.lower(), *entry.spellings)
        }

    @staticmethod
    def _lent(provider: Any, lender: str, info: Any) -> ModelKey:
        own = any(model.id == info.id for model in provider.models)
        return ModelKey(provider.id, f"{lender}/{info.id}" if own else info.id)

    @cached_property
    def keys(self) -> tuple[ModelKey, ...]:
        """Return every model with a known name, in order; some have no token price."""
        return tuple(sorted({*self._infos, *self._dated}))

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """Return every entry, by provider, model and time."""
        return tuple(entry for key in self.keys for entry in self.entries_of(key))

    @cached_property
    def hash(self) -> str:
        """Return 32 hex digits that change when any price changes."""
        digest = hashlib.sha256()
        for entry in self.entries:
            slot = entry.slot
            parts = (entry.price_id, entry.valid_until, entry.undated, slot.processing, slot.batch_discount)
            bounds = (slot.second_from, slot.second_until, slot.above, slot.upto)
            digest.update("|".join(map(str, (*parts, *bounds))).encode() + b"\n")
        return digest.hexdigest()[:32]

    def entries_of(self, key: ModelKey) -> tuple[Entry, ...]:
        """Return the entries of a model in order of time; empty where it has no token price."""
        if key not in self._cut:
            segments: tuple[Segment, ...] = ()
            if key in self._infos:
                info, own = self._infos[key]
                segments = bundled.segments(info, batch=own)
            self._cut[key] = timeline.merge(key, segments, self._dated.get(key, ()))
        return self._cut[key]

    def resolve(self, provider: str, model: str) -> ModelKey | None:
        """Return the one name of a model that may be spelled in many ways; None where unknown or ambiguous."""
        if max(len(provider), len(model)) > LONGEST_NAME:
            return None
        spelling = (provider, model)
        if spelling not in self._resolved:
            self._resolved[spelling] = self._look_up(provider, model)
        return self._resolved[spelling]

    def _look_up(self, provider: str, model: str) -> ModelKey | None:
        biller = names.canonical_provider(provider, self._known)
        if biller and (exact := self._exact(biller, model.strip().lower())):
            return exact
        said = names.read(provider, model, self._known)
        if said is None:
            return None
        if said.provider is not None:
            return next(filter(None, (self._within(said.provider, text) for text in said.references)), None)
        found = {
            key
            for maker, beginnings in names.FAMILIES.items()
            if said.references[0].startswith(beginnings) and (key := self._within(maker, said.references[0]))
        }
        return found.pop() if len(found) == 1 else None

    def _exact(self, provider: str, reference: str) -> ModelKey | None:
        known = self._providers.get(provider)
        same = [info for info in known.models if info.id.lower() == reference] if known else []
        return ModelKey(provider, same[0].id) if len(same) == 1 else self._spelled.get((provider, reference))

    def _within(self, provider: str, reference: str) -> ModelKey | None:
        if key := self._spelled.get((provider, reference)):
            return key
        if known := self._providers.get(provider):
            if info := match.find(known.models, reference):
                return ModelKey(provider, info.id)
            for lender in known.fallback_model_providers or ():
                if info := match.find(self._providers[lender].models, reference):
                    return self._lent(known, lender, info)
        # Runners of local models also forward to paid ones, which they mark in the name (`gpt-oss:120b-cloud`).
        return None if reference.endswith("cloud") else self._spelled.get((provider, ANY_MODEL))

    def at(self, provider: str, model: str, when: datetime, input_tokens: int | None = None) -> Price | None:
        """Return the price of a call at a time, for its size (None: a short one); None where unknown.

        A `when` without a zone is taken as UTC.
        """
        key = self.resolve(provider, model)
        if key is None:
            return None
        moment = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
        return next((Price(entry) for entry in self._at(key, moment) if _fits(entry, input_tokens or 0)), None)

    def _at(self, key: ModelKey, moment: datetime) -> list[Entry]:
        second = _second(moment.time())
        return [
            entry
            for entry in self.entries_of(key)
            if entry.slot.processing == "standard"
            and (entry.valid_from is None or entry.valid_from <= moment)
            and (entry.valid_until is None or moment < entry.valid_until)
            and entry.slot.second_from <= second < entry.slot.second_until
        ]

    def valid_at(self, key: ModelKey, moment: datetime) -> tuple[Entry, ...]:
        """Return the standard entries that hold at a time, one a range of prompt sizes, smallest first."""
        return tuple(sorted(self._at(key, moment.astimezone(UTC)), key=lambda entry: entry.slot.above))

    def near(self, provider: str, model: str, limit: int = 5) -> tuple[str, ...]:
        """Return known `provider/model` names that look like the asked one, nearest first."""
        import difflib

        wanted = model.strip().lower()
        biller = names.canonical_provider(provider, self._known)
        pool = {f"{key.provider}/{key.model}": key for key in self.keys if not biller or key.provider == biller}
        inside = [name for name, key in pool.items() if wanted and wanted in key.model.lower()]
        inside.sort(key=lambda name: (pool[name].provider not in names.FAMILIES, len(name), name))
        by_model: dict[str, list[str]] = {}
        for name, key in pool.items():
            by_model.setdefault(key.model.lower().rpartition("/")[2], []).append(name)
        close = difflib.get_close_matches(wanted.rpartition("/")[2], list(by_model), n=limit, cutoff=0.7)
        ranked = [*inside, *(name for text in close for name in sorted(by_model[text]))]
        return tuple(dict.fromkeys(ranked))[:limit]


def load(extra: Path | None = None, *, shipped: bool = True) -> PriceBook:
    """Return the price book of this installation.

    Args:
        extra: a further file, or folder of `*.yaml` files, of dated entries.
        shipped: whether the entries of `templates/prices` count (False: genai-prices alone).

    Raises:
        FindingsError: an entry file has errors.
        InputError: `extra` does not exist.
    """
    files = sorted((settings.content("templates") / "prices").glob("*.yaml")) if shipped else []
    if extra is not None:
        if not extra.exists():
            raise InputError(f"{extra}: no such file or folder of price entries")
        files += sorted(extra.glob("*.yaml")) if extra.is_dir() else [extra]
    return _made(tuple(_as_it_is(path) for path in files), id(bundled.providers()))


def _as_it_is(path: Path) -> tuple[Path, int, int]:
    try:
        found = path.stat()
    except OSError:  # reading it says what is wrong
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_size


@lru_cache(maxsize=4)
def _made(files: tuple[tuple[Path, int, int], ...], source: int) -> PriceBook:  # noqa: ARG001 part of the key
    """Return the book of files in the state given; one command asks for it several times, and it is dear to make."""
    return PriceBook(dated.read_all(path for path, _, _ in files))


def _second(clock: time) -> int:
    second = clock.hour * 3600 + clock.minute * 60 + clock.second
    assert second < DAY_SECONDS
    return second


def _fits(entry: Entry, tokens: int) -> bool:
    return entry.slot.above < tokens and (entry.slot.upto is None or tokens <= entry.slot.upto)
