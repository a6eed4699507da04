"""Local keys: only hashes stay, whole or not at all, and nobody else reads them."""

from __future__ import annotations

import json
import os
import re
import stat
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tokenop.errors import InputError, MisuseError
from tokenop.gateway.identity import keys

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


def test_a_key_is_made_listed_and_revoked(tmp_path: Path) -> None:
    key, text = keys.create(tmp_path, NOW, user="ann", department="r&d", tenant="acme", expires=date(2026, 12, 1))
    assert re.fullmatch(rf"tok_{key.id}_[A-Za-z0-9_-]{{43}}", text)
    assert keys.load(tmp_path) == {key.id: key}
    assert key.state(NOW) == "active"
    revoked, changed = keys.revoke(tmp_path, key.id, NOW)
    assert changed
    assert keys.load(tmp_path)[key.id] == revoked
    assert revoked.state(NOW) == "revoked"
    assert keys.revoke(tmp_path, key.id, NOW) == (revoked, False)


def test_the_file_holds_no_secret_and_is_the_owners_alone(tmp_path: Path) -> None:
    _, text = keys.create(tmp_path / "state", NOW, user="ann")
    where = keys.path(tmp_path / "state")
    assert text not in where.read_text(encoding="utf-8")
    assert text[15:] not in where.read_text(encoding="utf-8")
    assert stat.S_IMODE(where.stat().st_mode) == 0o600
    assert stat.S_IMODE(where.parent.stat().st_mode) == 0o700
    assert sorted(path.name for path in where.parent.iterdir()) == ["keys.json", "keys.json.lock"]


def test_keys_that_are_made_at_once_are_all_kept(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda number: keys.create(tmp_path, NOW, user=f"u{number}")[0], range(24)))
    assert keys.load(tmp_path) == {key.id: key for key in made}


@pytest.mark.parametrize(
    ("moment", "state"),
    [("2026-12-01T23:59:59+00:00", "active"), ("2026-12-02T00:00:00+00:00", "expired"),
     ("2026-12-02T00:30:00+02:00", "active")],
)  # fmt: skip
def test_a_key_is_good_to_the_end_of_its_last_day_in_utc(tmp_path: Path, moment: str, state: str) -> None:
    key, _ = keys.create(tmp_path, NOW, user="ann", expires=date(2026, 12, 1))
    assert key.state(datetime.fromisoformat(moment)) == state


@pytest.mark.parametrize("name", ["", "   ", "a\nb", "x" * 513, "\x1b[2J", "a\u202eb"])
def test_names_that_nobody_has_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(MisuseError, match="printable characters"):
        keys.create(tmp_path, NOW, user=name)


def test_a_day_that_has_passed_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="has passed"):
        keys.create(tmp_path, NOW, user="ann", expires=date(2026, 11, 21))


def test_a_key_that_is_not_there_cannot_be_revoked(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="tokenop keys list"):
        keys.revoke(tmp_path, "nobody", NOW)


@pytest.mark.parametrize(
    "text", ["", "{}", "[]", '{"keys": 1}', '{"keys": [1]}', "[" * 100_000, "\x00\xff", '{"keys": [{"id": "x"}]}']
)
def test_a_file_that_is_none_of_ours_is_told_and_not_written_over(tmp_path: Path, text: str) -> None:
    keys.path(tmp_path).write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match="is no file of keys"):
        keys.create(tmp_path, NOW, user="ann")
    assert keys.path(tmp_path).read_text(encoding="utf-8") == text


@pytest.mark.parametrize(
    ("field", "value"),
    [("id", "../../x"), ("sha256", "0"), ("user_id", 1), ("created", "2026-11-22"), ("expires", "never"),
     ("revoked", "2026-11-22T12:00:00")],
)  # fmt: skip
def test_a_damaged_entry_is_told(tmp_path: Path, field: str, value: object) -> None:
    keys.create(tmp_path, NOW, user="ann")
    where = keys.path(tmp_path)
    document = json.loads(where.read_text(encoding="utf-8"))
    document["keys"][0][field] = value
    where.write_text(json.dumps(document), encoding="utf-8")
    with pytest.raises(InputError, match="is no file of keys"):
        keys.load(tmp_path)


def test_a_key_may_be_good_to_the_last_day_that_there_is(tmp_path: Path) -> None:
    key, _ = keys.create(tmp_path, NOW, user="ann", expires=date.max)
    assert keys.load(tmp_path)[key.id].state(NOW) == "active"
    assert key.ends == float("inf")


def test_what_is_no_file_is_told_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(keys.path(tmp_path))
    with pytest.raises(InputError, match="is no file of keys"):
        keys.load(tmp_path)
