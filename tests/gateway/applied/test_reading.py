"""What the files in force say, everything that is wrong with them, and the way from one process to another."""

from __future__ import annotations

import os
import pickle
import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from tests.conftest import ROOT
from tests.gateway.applied.project import TODAY, limit, settings, write
from tests.thoroughness import examples
from tokenop import routing
from tokenop.gateway.applied.holder import serving
from tokenop.gateway.applied.reading import read
from tokenop.gateway.applied.sources import sources
from tokenop.gateway.applied.verdict import Verdict, awake, packed, unpacked
from tokenop.gateway.model import Serving
from tokenop.routing import RoutingConfig, decide

RECON = ROOT / "templates" / "routing" / "recon.yaml"
DEFAULT = routing.shipped().read_text(encoding="utf-8")


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "tokenop").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def verdict(root: Path, config: Path | None = None, today: date = TODAY) -> Verdict:
    return read(sources(settings(root, config)), today)


def served(root: Path, config: Path | None = None) -> Serving:
    found = unpacked(packed(verdict(root, config)))
    assert not found.refused
    return serving(found, datetime.now(UTC))


def test_an_empty_project_is_served_what_is_shipped(root: Path) -> None:
    found = served(root)
    assert found.config == routing.load(routing.shipped())
    assert found.files == (routing.shipped(),)
    assert found.own == {}


@cache
def before_and_after() -> tuple[RoutingConfig, RoutingConfig]:
    found = read(sources(settings(Path(mkdtemp()))), TODAY)
    return routing.load(routing.shipped()), awake(unpacked(packed(found)))


FACTS = st.fixed_dictionaries(
    {},
    optional={
        "intent": st.sampled_from(["label this", "plan it", "Review", "chat", ""]),
        "input_tokens": st.sampled_from([0, 3999, 4001, 32000, 32001]),
        "tool_count": st.integers(0, 9),
        "has_tools": st.booleans(),
        "image_count": st.integers(0, 1),
        "agent_id": st.sampled_from(["a", "b"]),
    },
)


@how(max_examples=examples(60, 600), deadline=None)
@given(FACTS)
def test_rules_decide_after_the_way_between_processes_as_before(facts: dict[str, Any]) -> None:
    before, after = before_and_after()
    assert decide(after, facts) == decide(before, facts)


class Evil:
    def __reduce__(self) -> Any:
        return os.mkdir, ("should-not-be-there",)


@how(max_examples=examples(50, 500), deadline=None)
@given(st.one_of(st.binary(max_size=200), st.just(pickle.dumps(Evil())), st.just(pickle.dumps({"a": 1}))))
def test_bytes_that_are_no_verdict_build_nothing(data: bytes) -> None:
    with pytest.raises(ValueError, match="no verdict"):
        unpacked(data)
    assert not Path("should-not-be-there").exists()


def test_files_of_a_project_lie_over_what_is_shipped(root: Path) -> None:
    write(root, "tokenop/router.yaml", limit(7))
    write(root, "tokenop/cache.yaml", "response_cache: {enabled: true, skip: [\"intent = 'news'\"]}\n")
    write(root, "tokenop/gateway.yaml", "timezone: Europe/Berlin\nkeys: {required: false}\n")
    found = served(root)
    assert found.config.budgets[0].usd == 7
    assert found.own == {"timezone": "Europe/Berlin", "keys": {"required": False}}
    (skips,) = found.skips
    assert skips({"intent": "news"}) is True
    assert skips({"intent": "other"}) is False
    assert [path.name for path in found.files] == ["default.yaml", "router.yaml", "cache.yaml", "gateway.yaml"]


def test_an_empty_gateway_yaml_says_nothing(root: Path) -> None:
    write(root, "tokenop/gateway.yaml", "\n")
    assert served(root).own == {}


def test_recon_sends_everything_to_the_default_tier_and_asks_no_rule(root: Path) -> None:
    config = served(root, RECON).config
    assert config.mode == "recon"
    for facts in ({}, {"image_count": 1}, {"input_tokens": 10**6, "intent": "plan"}):
        decision = decide(config, facts)
        assert (decision.by, decision.tier) == ("recon", "T2")
        assert {target.provider for target in decision.chain} == {"ollama"}
    assert config.budgets == ()


def test_a_shipped_config_goes_by_its_name_where_no_file_is_called_so(root: Path) -> None:
    assert served(root, Path("recon")).config.mode == "recon"
    assert verdict(root, Path("nothing")).refused == ("nothing: no such file",)
    write(root, "recon", limit(9))
    assert served(root, Path("recon")).config.mode == "route"


def test_a_project_file_in_the_place_of_a_config_lies_over_what_is_shipped(root: Path) -> None:
    write(root, "tokenop/router.yaml", limit(7))
    write(root, "other.yaml", limit(9))
    found = served(root, root / "other.yaml")
    assert found.config.budgets[0].usd == 9
    assert found.config.meta.id == "default"


def test_all_that_is_wrong_in_all_files_is_told_at_once_with_its_line(root: Path) -> None:
    write(root, "tokenop/router.yaml", "mode: route\nbudgts: {}\n")
    write(root, "tokenop/gateway.yaml", "\nkeys: {requird: true}\nother: {}\n")
    found = verdict(root)
    assert found.config is None
    assert [(one.file, one.line, one.field, one.rule) for one in found.errors] == [
        ("tokenop/gateway.yaml", 2, "keys.requird", "GW001"),
        ("tokenop/gateway.yaml", 3, "other", "GW001"),
        ("tokenop/router.yaml", 2, "budgts", "RT001"),
    ]
    assert "did you mean required?" in found.refused[0]


def test_what_route_test_calls_an_error_is_refused(root: Path) -> None:
    tier = "tiers:\n  T4: {models: {groq: openai/gpt-oss-121b}}\n"
    write(root, "tokenop/router.yaml", tier)
    (error,) = verdict(root).errors
    assert (error.rule, error.file) == ("RT010", "tokenop/router.yaml")


def test_a_model_that_was_retired_meanwhile_is_a_warning(root: Path) -> None:
    # The suppression of the shipped config ends; a gateway that is started again on that day must serve.
    found = verdict(root, today=date(2027, 3, 1))
    assert found.config is not None
    assert {one.rule for one in found.warnings} >= {"RT011"}
    assert any(line.startswith("warning: ") and "retired" in line for line in found.told)


def test_the_digest_is_of_the_bytes_not_of_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = []
    for name, usd in (("a", 7), ("b", 7), ("c", 8)):
        project = tmp_path / name
        (project / "tokenop").mkdir(parents=True)
        monkeypatch.chdir(project)
        write(project, "tokenop/router.yaml", limit(usd))
        digests.append(verdict(project).digest)
    assert digests[0] == digests[1] != digests[2]


def test_what_cannot_be_read_at_all_is_told_with_its_name(root: Path) -> None:
    (root / "tokenop" / "router.yaml").mkdir()
    assert verdict(root).refused == ("tokenop/router.yaml: cannot be read: Is a directory",)
    assert verdict(root, root / "none.yaml").refused == ("none.yaml: no such file",)


def test_what_a_file_hides_is_shown(root: Path) -> None:
    write(root, "tokenop/router.yaml", 'mode: "a\\u202e\\x1b[2J"\n')
    (line,) = verdict(root).refused
    assert line.isprintable()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (os.mkfifo, "is no regular file"),
        (os.mkdir, "s a directory|is no regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "is no regular file"),
        (lambda path: path.symlink_to("nowhere"), "is a link to nothing"),
        (lambda path: path.write_bytes(b"#" * (5 << 20)), "is larger than 4 MB"),
    ],
)
@pytest.mark.parametrize("name", ["router.yaml", "gateway.yaml"])
def test_what_is_no_file_of_a_sane_size_is_refused_and_not_waited_for(
    root: Path, make: Callable[[Path], object], why: str, name: str
) -> None:
    make(root / "tokenop" / name)
    assert re.search(why, verdict(root).reason)


def test_a_config_that_is_gone_is_refused(root: Path) -> None:
    assert "gone/config.yaml: no such file" in verdict(root, root / "gone" / "config.yaml").reason


def test_a_zone_that_nobody_knows_is_refused_at_once_and_not_at_the_next_start(root: Path) -> None:
    write(root, "tokenop/gateway.yaml", "timezone: Mars/Olympus\n")
    (found,) = verdict(root).errors
    assert (found.line, found.field, found.rule) == (1, "timezone", "GW001")
