"""Dated entries: read strictly, laid over the bundled prices, never two at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenop import settings
from tokenop.errors import FindingsError, InputError
from tokenop.prices import book as books
from tokenop.prices import dated, timeline
from tokenop.prices.book import PriceBook
from tokenop.prices.model import ModelKey, Origin, Rates, Segment, Slot

ENTRY = """\
  - model: {model}
    from: "{start}"
    {until}
    usd_per_million: {{input: {price}, cache_read: 0.30, output: 15}}
    source: https://example.com/prices
    verified_on: "2026-11-21"
"""
HEAD = "schema_version: 1\nprovider: acme\nprices:\n"


def entry(start: str = "2025-01-01", until: str = "", price: str = "3", model: str = "m-1") -> str:
    return ENTRY.format(model=model, start=start, until=f'until: "{until}"' if until else "", price=price)


def write(folder: Path, *entries: str, head: str = HEAD, name: str = "acme.yaml") -> Path:
    path = folder / name
    path.write_text(head + "\n".join(entries), encoding="utf-8")
    return path


def at(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def test_an_entry_prices_a_model_that_the_package_does_not_know(tmp_path: Path) -> None:
    book = books.load(write(tmp_path, entry()))
    found = book.at("acme", "M-1", at("2025-06-01"))
    assert found is not None
    assert found.rates.input == Decimal("0.000003")
    assert found.rates.cache_read == Decimal("0.0000003")
    assert found.price_id.startswith("acme/m-1/2025-01-01/")
    assert not found.undated


def test_days_before_the_first_entry_pay_the_earliest_price_undated(tmp_path: Path) -> None:
    book = books.load(write(tmp_path, entry(until="2025-02-01", price="1"), entry("2025-02-01", price="2")))
    found = book.at("acme", "m-1", at("2024-06-01"))
    assert found is not None
    assert (found.rates.input, found.undated) == (Decimal("0.000001"), True)
    assert "/earliest/" in found.price_id


def test_days_after_a_last_entry_that_ended_are_unpriced(tmp_path: Path) -> None:
    book = books.load(write(tmp_path, entry(until="2025-02-01")))
    assert book.at("acme", "m-1", at("2025-01-31")) is not None
    assert book.at("acme", "m-1", at("2025-02-01")) is None


def test_an_open_entry_ends_where_the_next_one_starts(tmp_path: Path) -> None:
    book = books.load(write(tmp_path, entry(price="1"), entry("2025-02-01", price="2")))
    prices = [book.at("acme", "m-1", at(day)) for day in ("2025-01-31", "2025-02-01")]
    assert [price.rates.input if price else None for price in prices] == [Decimal("0.000001"), Decimal("0.000002")]


def test_the_bundled_price_comes_back_after_a_dated_one_and_is_then_dated(book: PriceBook) -> None:
    before = book.at("deepseek", "deepseek-chat", at("2025-02-08T15:59"))
    after = book.at("deepseek", "deepseek-chat", at("2025-02-08T16:00"))
    night = book.at("deepseek", "deepseek-chat", at("2025-05-01T17:00"))
    assert before is not None
    assert after is not None
    assert night is not None
    assert [price.rates.output * 1_000_000 for price in (before, after, night)] == [
        Decimal("0.28"),
        Decimal("1.10"),
        Decimal("0.55"),
    ]
    assert not night.undated


def test_a_newer_dated_price_of_the_package_wins_over_an_older_open_entry(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        entry("2025-01-01", model="claude-sonnet-4-6", price="9"),
        head=HEAD.replace("acme", "anthropic"),
    )
    book = books.load(path)
    old = book.at("anthropic", "claude-sonnet-4-6", at("2026-03-12"))
    new = book.at("anthropic", "claude-sonnet-4-6", at("2026-03-13"))
    assert old is not None
    assert new is not None
    assert (old.rates.input, new.rates.input) == (Decimal("0.000009"), Decimal("0.000003"))


def test_two_entries_at_once_are_a_finding_with_file_and_line(tmp_path: Path) -> None:
    path = write(tmp_path, entry(until="2025-03-01"), entry("2025-02-01"))
    with pytest.raises(FindingsError) as raised:
        books.load(path)
    (found,) = raised.value.findings
    assert (found.file, found.line, found.rule) == (str(path), 11, "PRICE-OVERLAP")
    assert f"{path}:4" in found.message


def test_the_same_start_twice_is_an_overlap_across_files_too(tmp_path: Path) -> None:
    write(tmp_path, entry(), name="a.yaml")
    write(tmp_path, entry(), name="b.yaml")
    with pytest.raises(FindingsError, match="PRICE-OVERLAP"):
        books.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "line", "rule"),
    [
        (HEAD + entry().replace("input: 3", "input: -3"), 7, "PRICE-SCHEMA"),
        (HEAD + entry().replace("input: 3", "input: .nan"), 7, "PRICE-SCHEMA"),
        (HEAD + entry().replace("input: 3", "input: 1e3"), 7, "PRICE-SCHEMA"),
        (HEAD + entry().replace("output: 15", "other: 15"), 7, "PRICE-SCHEMA"),
        (HEAD + entry().replace("    source: https://example.com/prices\n", ""), 4, "PRICE-SCHEMA"),
        (HEAD + entry("2025-02-30"), 4, "PRICE-DATE"),
        (HEAD + entry("2025-02-01", until="2025-01-01"), 4, "PRICE-DATE"),
        (HEAD + entry() + "    model: again\n", 10, "PRICE-YAML"),
        (HEAD + entry().replace("input: 3", "input: &a 3"), 7, "PRICE-YAML"),
        (HEAD + entry().replace("input: 3", "input: !!python/name:os.system 3"), 7, "PRICE-YAML"),
        (HEAD + "  - [", 4, "PRICE-YAML"),
        ("schema_version: 2\nprovider: acme\nprices: []\n", 1, "PRICE-SCHEMA"),
        ("", 1, "PRICE-SCHEMA"),
    ],
)
def test_a_broken_file_is_a_finding_where_it_is_broken(tmp_path: Path, text: str, line: int, rule: str) -> None:
    path = tmp_path / "broken.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FindingsError) as raised:
        books.load(path)
    assert (rule, line) in {(found.rule, found.line) for found in raised.value.findings}


def test_bytes_that_are_no_text_and_a_missing_file_are_reported(tmp_path: Path) -> None:
    path = tmp_path / "bytes.yaml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(FindingsError, match="UTF-8"):
        books.load(path)
    with pytest.raises(InputError, match="no such file"):
        books.load(tmp_path / "absent")


def test_every_shipped_entry_changes_or_dates_a_price(book: PriceBook, bundled_book: PriceBook) -> None:
    shipped = dated.read_all((settings.content("templates") / "prices").glob("*.yaml"))
    assert shipped
    for found in shipped:
        entries = [e for e in book.entries_of(found.key) if e.origin == found.segment.origin]
        assert entries, f"{found.file}:{found.line}: never holds"
    assert book.hash != bundled_book.hash


def test_the_hash_is_the_same_for_the_same_prices_and_changes_with_one_rate(tmp_path: Path) -> None:
    first = books.load(write(tmp_path, entry(price="3")))
    again = books.load(write(tmp_path, entry(price="3"), name="other-name.yaml"))
    other = books.load(write(tmp_path, entry(price="3.01")))
    assert first.hash == again.hash != other.hash


DAY0 = datetime(2025, 1, 1, tzinfo=UTC)
RATES = Rates(Decimal(1), None, None, None, Decimal(1))


@st.composite
def periods(draw: st.DrawFn, open_start: bool) -> tuple[Segment, ...]:
    days = sorted(draw(st.sets(st.integers(0, 30), max_size=8)))
    bounds = [DAY0 + timedelta(days=day) for day in days]
    starts: list[datetime | None] = [None, *bounds] if open_start else list(bounds)
    ends: list[datetime | None] = [*starts[1:], None][: len(starts)]
    kept = [pair for pair in zip(starts, ends, strict=True) if open_start or draw(st.booleans())]
    return tuple(Segment(start, end, (Slot("standard", RATES),), Origin(f"{start}")) for start, end in kept)


@given(bundled=st.one_of(st.just(()), periods(open_start=True)), overlay=periods(open_start=False))
def test_at_any_time_at_most_one_price_holds(bundled: tuple[Segment, ...], overlay: tuple[Segment, ...]) -> None:
    entries = timeline.merge(ModelKey("p", "m"), bundled, overlay)
    for hours in range(-24, 40 * 24, 12):
        moment = DAY0 + timedelta(hours=hours)
        holding = [
            found
            for found in entries
            if (found.valid_from is None or found.valid_from <= moment)
            and (found.valid_until is None or moment < found.valid_until)
        ]
        assert len(holding) <= 1
        own = [s for s in overlay if s.start and s.start <= moment and (s.end is None or moment < s.end)]
        later = [s for s in bundled if s.start and own and own[0].start and own[0].start < s.start <= moment]
        if own and not later:
            assert holding[0].origin == own[0].origin
        if bundled:
            assert len(holding) == 1
