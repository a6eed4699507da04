"""The door: who is let in on which address, and that nobody learns anything from a refusal."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from tests.thoroughness import examples
from tokenop.gateway.identity import KeyedDoor, is_loopback, keys
from tokenop.gateway.model import Identity, RefusedCallError

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
HERE = {"host": "127.0.0.1:18789"}
NOBODY = Identity()


@pytest.fixture
def text(tmp_path: Path) -> str:
    return keys.create(tmp_path, NOW, user="ann", department="r", tenant="acme")[1]


def door(state: Path, host: str = "127.0.0.1", **section: Any) -> KeyedDoor:
    return KeyedDoor(state, host, {"keys": section} if section else {}, clock=NOW.timestamp)


def refused(one: KeyedDoor, **headers: str) -> tuple[int, str]:
    with pytest.raises(RefusedCallError) as told:
        one.identify({**HERE, **{name.replace("_", "-"): value for name, value in headers.items()}})
    for value in headers.values():
        assert len(value) < 8 or value not in str(told.value)
    return told.value.status, told.value.kind


@pytest.mark.parametrize("headers", [{}, {"authorization": "Bearer sk-foreign"}, {"x-api-key": "sk-ant-foreign"}])
def test_without_any_key_this_machine_is_let_in_as_nobody_known(tmp_path: Path, headers: dict[str, str]) -> None:
    assert door(tmp_path).identify({**HERE, **headers}) == NOBODY


@pytest.mark.parametrize("form", ["Bearer {}", "bearer {}", "Bearer  {} "])
def test_a_key_says_who_asks_as_openais_sdk_sends_it(tmp_path: Path, text: str, form: str) -> None:
    identity = door(tmp_path).identify({**HERE, "authorization": form.format(text)})
    assert identity == Identity(text[4:14], "ann", "r", "acme")


def test_a_key_says_who_asks_as_anthropics_sdk_sends_it(tmp_path: Path, text: str) -> None:
    assert door(tmp_path).identify({**HERE, "x-api-key": text}).user_id == "ann"
    both = {"x-api-key": "sk-ant-foreign", "authorization": f"Bearer {text}"}
    assert door(tmp_path).identify({**HERE, **both}).user_id == "ann"


def test_from_the_first_key_on_keys_are_needed(tmp_path: Path, text: str) -> None:
    one = door(tmp_path)
    assert one.needed
    assert refused(one) == (401, "missing_key")
    assert refused(one, authorization="Bearer sk-foreign-key") == (401, "missing_key")


def test_a_revoked_key_still_closes_the_door(tmp_path: Path, text: str) -> None:
    keys.revoke(tmp_path, text[4:14], NOW)
    one = door(tmp_path)
    assert refused(one, x_api_key=text) == (401, "revoked_key")
    assert refused(one) == (401, "missing_key")


def test_an_expired_key_is_refused(tmp_path: Path) -> None:
    _, text = keys.create(tmp_path, NOW, user="ann", expires=date(2026, 12, 1))
    later = datetime(2026, 12, 2, tzinfo=UTC).timestamp
    one = KeyedDoor(tmp_path, "127.0.0.1", {}, clock=later)
    assert refused(one, x_api_key=text) == (401, "expired_key")


def test_whoever_has_not_the_secret_learns_nothing_of_the_key(tmp_path: Path, text: str) -> None:
    keys.revoke(tmp_path, text[4:14], NOW)
    one = door(tmp_path)
    assert refused(one, x_api_key=text[:-1] + ("a" if text[-1] != "a" else "b")) == (401, "unknown_key")
    assert refused(one, x_api_key="tok_0000000000_" + "x" * 43) == (401, "unknown_key")


@how(max_examples=examples(100, 1000), deadline=None)
@given(st.text(max_size=80))
def test_nothing_but_the_key_opens(shown: str) -> None:
    one = ONE_KEY
    for name, value in (("x-api-key", shown), ("authorization", f"Bearer {shown}"), ("x-api-key", TEXT + shown)):
        if value != TEXT:
            with pytest.raises(RefusedCallError):
                one.identify({name: value})


def _one_key() -> tuple[KeyedDoor, str]:
    from tempfile import TemporaryDirectory

    with TemporaryDirectory() as folder:
        _, text = keys.create(Path(folder), NOW, user="ann")
        return door(Path(folder)), text


ONE_KEY, TEXT = _one_key()


def test_keys_may_stay_optional_on_this_machine_but_a_bad_one_is_still_refused(tmp_path: Path, text: str) -> None:
    one = door(tmp_path, required=False)
    assert one.identify(HERE) == NOBODY
    assert one.identify({**HERE, "x-api-key": text}).user_id == "ann"
    keys.revoke(tmp_path, text[4:14], NOW)
    one.reload()
    assert refused(one, x_api_key=text) == (401, "revoked_key")


def test_keys_may_be_asked_for_before_there_is_one(tmp_path: Path) -> None:
    assert refused(door(tmp_path, required=True)) == (401, "missing_key")


@pytest.mark.parametrize("section", [{}, {"required": False}, {"required": True}])
def test_an_address_of_others_always_needs_a_key(tmp_path: Path, section: dict[str, bool]) -> None:
    assert refused(door(tmp_path, "0.0.0.0", **section)) == (401, "missing_key")


@pytest.mark.parametrize(
    "host", ["127.0.0.1:18789", "localhost:18789", "LOCALHOST", "localhost.:1", "[::1]:18789", "127.0.0.1"]
)
def test_names_of_this_machine_are_good(tmp_path: Path, host: str) -> None:
    assert door(tmp_path).identify({"host": host}) == NOBODY


@pytest.mark.parametrize(
    "host", ["evil.example:18789", "127.0.0.1.evil.example", "[::2]:1", "", "localhost:1:2", "localhost@evil", "a b",
             "gateway.internal"]
)  # fmt: skip
def test_a_name_that_somebody_led_here_is_refused(tmp_path: Path, host: str) -> None:
    assert refused(door(tmp_path), host=host) == (403, "unknown_host")


def test_a_name_of_the_project_is_good(tmp_path: Path) -> None:
    assert door(tmp_path, hosts=["gateway.internal"]).identify({"host": "gateway.internal:18789"}) == NOBODY


def test_an_address_of_others_goes_by_any_name_until_names_are_given(tmp_path: Path, text: str) -> None:
    asked = {"host": "10.0.0.7:18789", "x-api-key": text}
    assert door(tmp_path, "0.0.0.0").identify(asked).user_id == "ann"
    assert refused(door(tmp_path, "0.0.0.0", hosts=["gateway.internal"]), host="10.0.0.7") == (
        403, "unknown_host",
    )  # fmt: skip


@pytest.mark.parametrize(
    "headers",
    [{"origin": "https://evil.example"}, {"origin": "null"}, {"origin": ""}, {"origin": "http://localhost.evil.example"},
     {"origin": "http://127.0.0.1@evil.example"}, {"sec-fetch-site": "cross-site"}],
)  # fmt: skip
def test_pages_of_other_sites_are_refused_with_a_key_as_well(
    tmp_path: Path, text: str, headers: dict[str, str]
) -> None:
    assert refused(door(tmp_path), x_api_key=text, **headers) == (403, "foreign_origin")


@pytest.mark.parametrize("origin", ["http://localhost:3000", "http://127.0.0.1:8080", "https://[::1]"])
def test_pages_of_this_machine_are_let_in(tmp_path: Path, origin: str) -> None:
    assert door(tmp_path).identify({**HERE, "origin": origin, "sec-fetch-site": "same-site"}) == NOBODY


def test_pages_that_the_project_names_are_let_in(tmp_path: Path) -> None:
    one = door(tmp_path, origins=["https://chat.example.org"])
    told = {"origin": "https://chat.example.org", "sec-fetch-site": "cross-site"}
    assert one.identify({**HERE, **told}) == NOBODY
    assert refused(one, origin="http://chat.example.org") == (403, "foreign_origin")


def test_changes_of_keys_are_taken_up(tmp_path: Path, text: str) -> None:
    one = door(tmp_path)
    key, other = keys.create(tmp_path, NOW, user="bob")
    assert refused(one, x_api_key=other) == (401, "unknown_key")
    one.reload()
    assert one.identify({"x-api-key": other}).user_id == "bob"
    keys.revoke(tmp_path, key.id, NOW)
    one.reload()
    assert refused(one, x_api_key=other) == (401, "revoked_key")


@pytest.mark.parametrize("left", [None, "", "{", '{"keys": []}'])
def test_keys_that_vanish_or_break_open_no_door(tmp_path: Path, text: str, left: str | None) -> None:
    told: list[str] = []
    one = KeyedDoor(tmp_path, "127.0.0.1", {}, tell=told.append, clock=NOW.timestamp)
    keys.path(tmp_path).unlink()
    if left is not None:
        keys.path(tmp_path).write_text(left, encoding="utf-8")
    one.reload()
    assert refused(one) == (401, "missing_key")
    assert one.identify({"x-api-key": text}).user_id == "ann"
    assert told[0].startswith("the keys of before stay")


def test_settings_of_the_project_are_taken_up(tmp_path: Path, text: str) -> None:
    one = door(tmp_path)
    one.settings({"keys": {"required": False}})
    assert one.identify(HERE) == NOBODY
    one.settings({})
    assert refused(one) == (401, "missing_key")


@pytest.mark.parametrize(
    ("host", "near"),
    [("127.0.0.1", True), ("127.8.9.1", True), ("::1", True), ("[::1]", True), ("localhost", True), ("0.0.0.0", False),
     ("::", False), ("10.0.0.1", False), ("example.org", False), ("", False)],
)  # fmt: skip
def test_addresses_of_this_machine_are_known(host: str, near: bool) -> None:
    assert is_loopback(host) is near
