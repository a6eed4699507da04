"""`tokenop extract NAME`, then `tokenop discover --collectors NAME`: the real commands against loopback servers."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Ran
from tests.extract.servers.calls import CANARY
from tests.extract.servers.loopback import Answer, Got
from tests.extract.sessions import day
from tests.extract.vendors import VENDORS
from tokenop.collect import manifest

# In part held by test_http_sources.py and test_cli_extract.py, which ask the same servers for less.
pytestmark = pytest.mark.thorough

DAYS = ("--since", "2026-08-25", "--until", "2026-08-27")


@pytest.fixture(params=sorted(VENDORS))
def vendor(request: pytest.FixtureRequest) -> Any:
    """Return one vendor's server."""
    return VENDORS[request.param]()


@pytest.fixture
def extracted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_cli: Callable[..., Ran]) -> Any:
    """Return a function that runs `tokenop extract` with a home of its own."""

    def run(vendor: Any, url: str, home: str = "home", *options: str) -> Ran:
        monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / home))
        for name, value in vendor.environment(url).items():
            monkeypatch.setenv(name, value)
        return run_cli("extract", vendor.name, *DAYS, *options)

    return run


def files(home: Path) -> dict[str, bytes]:
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in sorted(home.rglob("*.jsonl"))}


def test_what_is_extracted_becomes_the_same_calls(
    vendor: Any, serve: Any, extracted: Any, tmp_path: Path, run_cli: Callable[..., Ran]
) -> None:
    ran = extracted(vendor, serve(vendor).url)
    assert (ran.exit_code, ran.stderr) == (0, ""), ran.stderr

    found = run_cli("discover", "--collectors", vendor.name, cwd=tmp_path)
    assert found.exit_code == 0, found.stderr

    mine = [call for call in vendor.data if day(0) <= call.at < day(2)]
    if manifest.find(vendor.name).kind == "usage":
        lines = [json.loads(line) for line in (tmp_path / "usage.jsonl").read_text().splitlines()]
        usage = [
            line for line in lines if line.get("output_tokens") is not None and "claude_code" not in line["source"]
        ]
        assert sum(line["output_tokens"] for line in usage) == sum(call.output for call in mine)
        assert sum(line["input_tokens"] for line in usage) == sum(call.input for call in mine)
        billed = [Decimal(str(line["cost"])) for line in lines if line.get("cost_kind") == "billed"]
        assert abs(sum(billed) - sum(Decimal(call.cost) for call in mine)) < Decimal("1e-9")
    else:
        events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
        assert {event["id"] for event in events} == {call.id for call in mine}
        assert sum(event["output_tokens"] for event in events) == sum(call.output for call in mine)
        assert sum(Decimal(str(event["cost_usd"])) for event in events) == sum(Decimal(call.cost) for call in mine)
    everything = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert CANARY.encode() not in everything
    assert vendor.secret.encode() not in everything


@pytest.mark.thorough
def test_a_run_that_was_refused_half_way_continues_to_the_same_bytes(
    vendor: Any, serve: Any, extracted: Any, tmp_path: Path
) -> None:
    whole = serve(vendor)
    assert extracted(vendor, whole.url, "whole").exit_code == 0
    left = [len(whole.got) // 2]

    def failing(got: Got) -> Any:
        left[0] -= 1
        return vendor(got) if left[0] >= 0 else Answer(400, {"message": "not now"})

    stopped = extracted(vendor, serve(failing).url, "resumed")
    assert stopped.exit_code == 1
    assert "answered 400: not now" in stopped.stderr
    assert vendor.secret not in stopped.stderr

    assert extracted(vendor, serve(vendor).url, "resumed").exit_code == 0
    assert files(tmp_path / "resumed") == files(tmp_path / "whole") != {}


def test_a_dry_run_contacts_nobody(vendor: Any, serve: Any, extracted: Any, tmp_path: Path) -> None:
    server = serve(vendor)

    ran = extracted(vendor, server.url, "home", "--dry-run")

    assert ran.exit_code == 0, ran.stderr
    assert server.got == []
    assert vendor.secret not in ran.stdout
    assert not (tmp_path / "home").exists()


def test_a_wrong_credential_ends_in_one_line(
    vendor: Any, serve: Any, extracted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = serve(vendor)
    right = vendor.environment
    monkeypatch.setattr(
        vendor, "environment", lambda url: {n: v + "-x" if v == vendor.secret else v for n, v in right(url).items()}
    )

    ran = extracted(vendor, server.url)

    assert ran.exit_code == 1
    assert "the credential was refused (401)" in ran.stderr
    assert vendor.secret not in ran.stderr + ran.stdout
    assert "Traceback" not in ran.stderr


def test_without_a_credential_the_variable_is_named(
    vendor: Any, run_cli: Callable[..., Ran], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path))
    for name in vendor.environment("http://127.0.0.1:1"):
        monkeypatch.delenv(name, raising=False)

    ran = run_cli("extract", vendor.name, *DAYS)

    assert ran.exit_code == 1
    assert "is not set" in ran.stderr
