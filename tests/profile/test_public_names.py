"""Sharing names of providers and models: public ones and common ones, never one that a single person has."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.profile.test_workload import written
from tokenop.database import connect
from tokenop.profile import cells, document, window, workload

TUNED = "ft:gpt-4o:acme-corp:jane-secret"


def shared(connection, k=20, unpriced=()):
    source = document.Source("hash", "prices", window.of(connection), {"events": 1, "unpriced_models": list(unpriced)})
    return document.share(connection, source, k)


def calls(model, count=60, users=1, **changed):
    base = {"ts": "2026-09-01T00:00:00Z", "model": model, "cost_usd": 0.5}
    return [{**base, "user_id": f"u{n % users}" if users else None, **changed} for n in range(count)]


def kinds(profile):
    rows = (dict(zip(cells.KIND, row, strict=True)) for row in profile["workload"]["kinds"].rows)
    return {(row["provider"], row["model"]) for row in rows}


@pytest.mark.parametrize("users", [0, 1, 19])
@pytest.mark.parametrize("provider", ["p", "secret-gateway"])
def test_a_fine_tuned_model_of_few_users_is_named_nowhere_and_keeps_its_costs(make_calls, tmp_path, users, provider):
    rows = [*calls(TUNED, users=users, provider=provider), *calls("big", session_id="s")]
    unpriced = [{"provider": provider, "model": TUNED, "calls": 60, "tokens": 66_000}]
    profile = shared(make_calls(rows), unpriced=unpriced)
    path = written(tmp_path, profile)
    text = path.read_text(encoding="utf-8")
    assert not any(word in text for word in ("secret", "acme", "jane", "ft:"))
    named = "p" if provider == "p" else "other"
    assert kinds(profile) == {(named, "other"), ("p", "big")}
    assert profile["coverage"]["unpriced_models"] == [
        {"provider": named, "model": "other", "calls": 60, "tokens": 66_000}
    ]
    assert {one["name"] for one in profile["drivers"]["model"]} == {f"{named}/other", "p/big"}
    opened = connect()
    workload.open_workload(opened, path)
    row = opened.execute("SELECT sum(n), sum(cost) FROM calls WHERE model = 'other'").fetchone()
    assert row == (60, Decimal(30))


def test_a_model_of_k_users_is_named(make_calls):
    assert kinds(shared(make_calls(calls(TUNED, users=20)))) == {("p", TUNED)}


def test_sessions_do_not_stand_in_for_the_users_of_a_model(make_calls):
    rows = [{**row, "session_id": f"s{n}"} for n, row in enumerate(calls(TUNED, users=0))]
    assert kinds(shared(make_calls(rows))) == {("other", "other")}


def priced_as(connection, provider, model):
    """Let the price book know all calls under another spelling than that of the events."""
    connection.execute("CREATE TABLE plain AS FROM calls")
    connection.execute(
        "CREATE OR REPLACE VIEW calls AS "
        f"SELECT * REPLACE ('{provider}' AS priced_provider, '{model}' AS priced_model) FROM plain"
    )
    return connection


@pytest.mark.parametrize(("book", "shown"), [("ft:gpt-4o", "ft:gpt-4o"), ("*", "other")])
def test_a_priced_model_is_spelled_as_in_the_price_book(make_calls, book, shown):
    connection = priced_as(make_calls(calls(TUNED, provider="secret-gateway")), "openai", book)
    assert kinds(shared(connection)) == {("openai", shown)}


def test_a_model_that_nobody_named_stays_unknown(make_calls):
    assert kinds(shared(make_calls(calls("unknown", provider="unknown")))) == {("unknown", "unknown")}


def test_a_model_of_fewer_than_k_calls_is_not_even_among_the_kinds(make_calls):
    assert kinds(shared(make_calls([*calls("big"), *calls("small", count=3)]))) == {("p", "big")}
