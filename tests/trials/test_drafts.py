"""The engine as the linter asks it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from tokenop.catalogue.draft import Draft
from tokenop.catalogue.linting.neighbours import Repository
from tokenop.catalogue.rules.economics import ec003
from tokenop.catalogue.rules.source import read
from tokenop.catalogue.rules.surroundings import Replayed, Surroundings
from tokenop.trials import claims
from tokenop.trials.drafts import replayer, sound
from tokenop.trials.replay import Alone, Engine, replay

CLAIM = "workload: sample-month\n    savings_percent: {low: 1.3, expected: 1.5, high: 1.7}"
WRONG = "workload: chat-assistant\n    savings_percent: {low: 1.3, expected: 1.5, high: 1.7}"
Edited = Callable[..., Path]


def draft(path: Path) -> Draft:
    found = read(path).draft
    assert found
    return found


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Count passes of a stand-in for the engine, which says the same of all."""
    seen: list[list[str]] = []

    def stub(self, templates, workloads=None):
        seen.append([one.id for one in templates])
        return {one.id: {"chat-assistant": Alone((1.0, 2.0, 3.0))} for one in templates}

    monkeypatch.setattr(Engine, "replay", stub)
    return seen


def test_what_ec003_mends_is_what_the_engine_says(edited: Edited) -> None:
    path = edited("semantic-caching", (CLAIM, WRONG))
    wrong = draft(path)
    around = Surroundings(date(2026, 12, 1), Repository([path]), replay=replayer())
    assert len(list(ec003.RULE.check(wrong, around))) == 3
    text = wrong.document.text
    for edit in sorted(ec003.RULE.fix(wrong, around), key=lambda edit: -edit.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    path.write_text(text, encoding="utf-8")
    mended = sound(draft(path))
    assert mended
    alone = replay([mended], ["chat-assistant"])[mended.id]["chat-assistant"]
    assert mended.claim.savings_percent.expected > 10
    assert claims.missed(mended.claim, alone) == ()


def test_the_linter_and_the_trial_allow_the_same_distance() -> None:
    assert (claims.POINTS, claims.RELATIVE) == (ec003._POINTS, ec003._RELATIVE)


def test_drafts_that_will_be_asked_about_are_replayed_in_one_pass(edited: Edited, passes: list[list[str]]) -> None:
    drafts = [draft(edited(name)) for name in ("semantic-caching", "model-routing")]
    ask = replayer(drafts)
    assert [ask(one) for one in drafts] == [Replayed({"chat-assistant": (1.0, 2.0, 3.0)})] * 2
    assert len(passes) == 1
    assert sorted(passes[0]) == ["model-routing", "semantic-caching"]


def test_a_changed_claim_needs_no_second_pass_but_a_changed_lever_does(edited: Edited, passes: list[list[str]]) -> None:
    ask = replayer()
    ask(draft(edited("semantic-caching")))
    ask(draft(edited("semantic-caching", (CLAIM, WRONG))))
    assert len(passes) == 1
    ask(draft(edited("semantic-caching", ("input_tokens <= 24000", "input_tokens <= 2400"))))
    assert len(passes) == 2


def test_two_drafts_of_one_id_are_both_replayed(edited: Edited, passes: list[list[str]]) -> None:
    first = draft(edited("semantic-caching"))
    second = draft(edited("semantic-caching", ("input_tokens <= 24000", "input_tokens <= 2400")))
    replayer([first, second])(first)
    assert [len(one) for one in passes] == [1, 1]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("monthly_cost_usd >= 100", "(SELECT 1) >= 1"),
        ("cache_hit IS NOT TRUE", "read_text('/etc/passwd') <> ''"),
        ("kind: response_cache", "kind: no_such_lever"),
        ("id: semantic-caching\n", "id: ../semantic-caching\n"),
        ("requires: []", "requires: [../../x]"),
    ],
)
def test_of_a_draft_that_is_not_sound_nothing_is_run(
    edited: Edited, passes: list[list[str]], old: str, new: str
) -> None:
    assert replayer()(draft(edited("semantic-caching", (old, new)))) == Replayed({})
    assert passes == []


def test_a_template_may_name_one_that_is_as_new_as_itself(edited: Edited) -> None:
    assert sound(draft(edited("semantic-caching", ("requires: []", "requires: [not-merged-yet]"))))
