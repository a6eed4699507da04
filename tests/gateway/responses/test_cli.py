"""`tokenop cache responses`, on what a cache really wrote; and the settings that a config may say."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Ran
from tests.gateway.responses.test_semantic import AGAIN, ASKED, ENOUGH, learned
from tests.gateway.responses.world import BOTH, World
from tokenop.gateway.responses.policy import ALWAYS, WHO, Limits, Policy, limits_of
from tokenop.routing.facts import FACTS

CLI = Callable[..., Ran]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project that keeps answers; its state is beside it."""
    monkeypatch.setenv("TOKENOP_HOME", str(tmp_path / "home"))
    (tmp_path / "tokenop").mkdir()
    said = {"response_cache": {**BOTH, "shadow_share": 0}}
    (tmp_path / "tokenop" / "cache.yaml").write_text(json.dumps(said), encoding="utf-8")
    return tmp_path


@pytest.fixture
def world(project: Path) -> World:
    world = World(project / "home" / "gateway", {**BOTH, "shadow_share": 0})
    world.now = time.time()
    return world


def test_it_shows_what_is_kept_hit_saved_and_learned(run_cli: CLI, project: Path, world: World) -> None:
    learned(world, ENOUGH)
    world.ask(ASKED)
    world.ask(AGAIN)
    world.ask(ASKED, tenant="evil\x1b[2J")
    world.cache._room.close()
    ran = run_cli("cache", "responses", cwd=project)
    assert ran.exit_code == 0
    lines = ran.stdout.splitlines()
    assert lines[0].startswith("2 answers kept, 0.0 MB on disk.")
    assert lines[1] == "  evil\N{REPLACEMENT CHARACTER}[2J: 1"
    assert lines[2] == f"Hits: 1 exact, 1 semantic (0.7% of {ENOUGH + 4})."
    assert lines[3] == "Saved: 60 tokens, USD 0.0200."
    assert lines[4] == "False hits: at most 2.0% are allowed, compared from likeness 0.75 on."
    assert lines[5].startswith(
        "  calls without tenant: served from likeness 0.750 on: 0 of 284 differed, so 2.00% at most"
    )
    found = json.loads(run_cli("cache", "responses", "--json", cwd=project).stdout)
    (of_all,) = found["learned"]
    assert (of_all["threshold"], of_all["samples"], of_all["differed"]) == (0.75, ENOUGH, 0)
    assert 0.019 < of_all["bound"] <= found["max_false_hits"] == 0.02
    assert (found["entries"], found["hits"]["exact"], found["saved"]["usd"]) == (2, 1, "0.02")


def test_too_few_comparisons_are_told_with_how_many_it_takes(run_cli: CLI, project: Path, world: World) -> None:
    learned(world, 5)
    said = run_cli("cache", "responses", cwd=project).stdout
    assert "none served yet: 0 of 5 differed" in said
    assert f"{ENOUGH} comparisons are needed if no more differ" in said


def test_answers_are_deleted_of_one_tenant_or_of_all(run_cli: CLI, project: Path, world: World) -> None:
    for tenant in ("acme", "other", None):
        world.ask(ASKED, tenant=tenant)
    assert run_cli("cache", "responses", "--clear", "--tenant", "acme").stdout == "1 answer deleted.\n"
    found = json.loads(run_cli("cache", "responses", "--json", cwd=project).stdout)
    assert found["by_tenant"] == [{"tenant": None, "entries": 1}, {"tenant": "other", "entries": 1}]
    assert json.loads(run_cli("cache", "responses", "--clear", "--json").stdout) == {"deleted": 2}
    assert run_cli("cache", "responses", "--clear").stdout == "0 answers deleted.\n"


def test_where_nothing_was_kept_that_is_said_with_what_to_do(run_cli: CLI, tmp_path: Path) -> None:
    ran = run_cli("cache", "responses", cwd=tmp_path)
    assert ran.exit_code == 3
    assert "the config keeps none (docs/response-cache.md says how)" in ran.stderr


def test_a_bad_setting_is_told_with_its_place(run_cli: CLI, project: Path) -> None:
    path = project / "tokenop" / "cache.yaml"
    path.write_text("response_cache:\n  enabled: true\n  partition_by: [user]\n  max_false_hits: 0\n", encoding="utf-8")
    ran = run_cli("cache", "responses", cwd=project)
    assert ran.exit_code == 1
    assert "cache.yaml:3" in ran.stderr
    assert "cache.yaml:4" in ran.stderr


def schema() -> dict[str, Any]:
    text = (ROOT / "tokenop" / "routing" / "routing.schema.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)["$defs"]["response_cache"]["properties"]
    return found


def test_a_config_can_hold_apart_what_is_known_of_a_call_and_nothing_else() -> None:
    names = set(schema()["partition_by"]["items"]["enum"])
    assert names - ALWAYS <= FACTS.keys()
    assert names >= WHO
    assert names >= ALWAYS


def test_the_defaults_that_are_told_are_the_defaults() -> None:
    told = schema()
    plain = Policy()
    for name, value in (
        ("shadow_share", plain.shadow_share),
        ("min_quality", plain.min_quality),
        ("max_false_hits", plain.false_hits),
        ("agreement", plain.agreement),
        ("shadow_days", plain.window_days),
        ("max_prompt_tokens", plain.max_prompt_tokens),
    ):
        assert f"{value:g}" in told[name]["description"], name
    assert limits_of({}) == Limits()
    assert limits_of({"cache": {"max_entries": 5, "max_bytes": 7}}) == Limits(5, 7)
