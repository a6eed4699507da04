"""Each rule about routing configs finds what it is for, where it is, and nothing in a sound config."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from tests.routing.files import META, written
from tokenop import routing
from tokenop.prices import book, retirements
from tokenop.routing import lint
from tokenop.routing.lint.run import Result, check

TODAY = date(2026, 11, 22)
KEYS = {"GROQ_API_KEY": "x", "ANTHROPIC_API_KEY": "x"}
SOUND = """\
mode: route
default_tier: T2
providers:
  ollama: {}
  groq: {}
  mine: {provider: ollama, base_url: "http://127.0.0.1:11500"}
tiers:
  T2: {provider_chain: [ollama, groq], models: {ollama: "devstral:24b", groq: openai/gpt-oss-120b}}
  T4: {provider_chain: [mine], models: {mine: "devstral:24b"}}
rules:
  long: {when: "input_tokens > 32000", tier: T4}
  short: {when: "intent = 'label' AND input_tokens < 10", to: {provider: groq, model: openai/gpt-oss-20b}}
"""


@cache
def prices() -> book.PriceBook:
    return book.load()


def checked(
    folder: Path, config: str = SOUND, meta: str = META, env: Mapping[str, str] = KEYS, today: date = TODAY
) -> Result:
    path = written(folder, config, meta)
    return check(path, [], prices=prices(), retirements=retirements.shipped(), today=today, env=env)


def told(result: Result) -> list[tuple[str, str, str]]:
    return [(finding.rule, finding.severity, finding.field) for finding in result.findings]


def test_nothing_is_found_in_a_sound_config(tmp_path: Path) -> None:
    result = checked(tmp_path)
    assert result.findings == ()
    assert [(note.rule, note.field) for note in result.notes] == [("RT012", "providers")]


RULE = "  long: {when"
WRONG = {
    "RT010": ("openai/gpt-oss-20b", "openai/gpt-oss-21b", "error", "rules.short.to.model"),
    "RT011": ("openai/gpt-oss-20b", "llama-3.1-8b-instant", "error", "rules.short.to.model"),
    "RT014": (RULE, "  all: {when: 'input_tokens > 3', tier: T2}\n" + RULE, "error", "rules.long"),
    "RT015": ("intent = 'label'", "regexp_matches(intent, 'a') AND NOT regexp_matches(intent, 'a|b')", "warning",
              "rules.short.when"),
    "RT016": ("input_tokens < 10", "input_tokens < 0", "error", "rules.short.when"),
    "RT021": ("groq: {}", "groq: {base_url: \"https://example.org/v1\", api_key_env: GROQ_API_KEY}", "error",
              "providers.groq"),
    "RT022": ("mode: route", "mode: recon", "warning", "rules"),
    "RT023": (":11500", ":18789", "error", "providers.mine"),
}  # fmt: skip


@pytest.mark.parametrize("rule", sorted(WRONG))
def test_what_is_wrong_is_found_where_it_stands(tmp_path: Path, rule: str) -> None:
    right, wrong, severity, field = WRONG[rule]
    assert right in SOUND
    result = checked(tmp_path, SOUND.replace(right, wrong))
    assert (rule, severity, field) in told(result)
    (found,) = [finding for finding in result.findings if (finding.rule, finding.field) == (rule, field)]
    assert found.fix
    line = result.path.read_text().splitlines()[found.line - 1]
    assert field.split(".")[1 if "." in field else 0] in line


def test_a_server_of_ones_own_without_a_price_is_unpriced_and_not_free(tmp_path: Path) -> None:
    providers = SOUND.replace(
        "groq: {}", 'groq: {}\n  far: {provider: openai-compatible, base_url: "https://far.example/v1"}'
    )
    result = checked(tmp_path, providers.replace("groq, model: openai/gpt-oss-20b", "far, model: m"))
    assert told(result) == [("RT012", "warning", "rules.short.to.model")]
    assert "not as free" in result.findings[0].message


def test_a_tier_that_only_callers_reach_is_noted_and_one_that_nobody_reaches_is_an_error(tmp_path: Path) -> None:
    alone = SOUND.replace('  long: {when: "input_tokens > 32000", tier: T4}\n', "")
    notes = [(note.rule, note.field) for note in checked(tmp_path, alone).notes]
    assert ("RT013", "tiers.T4") in notes
    assert told(checked(tmp_path, alone + "asked: {tiers: [T2]}\n")) == [("RT013", "error", "tiers.T4")]
    assert (
        told(checked(tmp_path, alone.replace("gpt-oss-120b}}", "gpt-oss-120b}, then: T4}") + "asked: {tiers: []}\n"))
        == []
    )


def test_a_rule_behind_one_with_a_share_of_calls_is_not_shadowed(tmp_path: Path) -> None:
    before = "  all: {when: 'input_tokens > 3', tier: T2, share: 0.9}\n"
    assert told(checked(tmp_path, SOUND.replace(RULE, before + RULE))) == []


def test_rules_together_can_shadow_another(tmp_path: Path) -> None:
    rules = (
        "  a: {when: 'input_tokens > 40000', tier: T2}\n  b: {when: 'input_tokens BETWEEN 100 AND 40000', tier: T2}\n"
    )
    (found,) = checked(tmp_path, SOUND.replace(RULE, rules + RULE)).findings
    assert (found.rule, found.field) == ("RT014", "rules.long")
    assert "together" in found.message


def test_the_same_model_at_the_same_address_twice_is_told(tmp_path: Path) -> None:
    config = SOUND.replace("  groq: {}", "  groq: {}\n  again: {provider: ollama}")
    config = config.replace(
        '[mine], models: {mine: "devstral:24b"}', "[ollama, again], models: {ollama: one, again: one}"
    )
    assert told(checked(tmp_path, config)) == [("RT017", "warning", "tiers.T4")]


def test_a_retirement_that_is_near_is_a_warning(tmp_path: Path) -> None:
    config = SOUND.replace("openai/gpt-oss-20b", "llama-3.1-8b-instant")
    assert told(checked(tmp_path, config, today=date(2026, 8, 1))) == [("RT011", "warning", "rules.short.to.model")]
    assert told(checked(tmp_path, config, today=date(2026, 1, 1))) == []


def test_a_config_that_nobody_looked_at_for_long_is_told(tmp_path: Path) -> None:
    assert told(checked(tmp_path, today=date(2027, 5, 22))) == []
    assert told(checked(tmp_path, today=date(2027, 5, 23))) == [("RT018", "warning", "stale_after")]


def test_a_tier_without_a_key_is_noted_with_each_reason_once(tmp_path: Path) -> None:
    config = SOUND.replace('[ollama, groq], models: {ollama: "devstral:24b", ', "[groq, g2], models: {g2: llama, ")
    config = config.replace("  groq: {}", "  groq: {}\n  g2: {provider: groq}")
    (note,) = [note for note in checked(tmp_path, config, env={}).notes if note.rule == "RT019"]
    assert note.message == "nobody of T2 can be asked from here: GROQ_API_KEY is not set"
    assert not [note for note in checked(tmp_path, config).notes if note.rule == "RT019"]


def test_what_is_declared_and_not_done_is_told(tmp_path: Path) -> None:
    rule = "  new: {when: batch, cascade: [{provider: groq, model: openai/gpt-oss-20b}, requested]}\n"
    result = checked(tmp_path, SOUND + rule + "limits: {label: {max_tokens: 5}}\n")
    assert told(result) == [("RT020", "warning", "rules.new.cascade")]
    assert ("RT020", "limits") in [(note.rule, note.field) for note in result.notes]


def test_a_finding_can_stay_for_a_while_and_only_so_long(tmp_path: Path) -> None:
    config = SOUND.replace("openai/gpt-oss-20b", "llama-3.1-8b-instant")
    reason = "An enterprise contract keeps this model alive."

    def with_entry(until: str, field: str = "rules.short.to.model") -> Result:
        entry = f'suppress: [{{rule: RT011, field: {field}, reason: "{reason}", until: "{until}"}}]\n---\n'
        return checked(tmp_path, config, META.removesuffix("---\n") + entry)

    good = with_entry("2027-01-31")
    assert good.findings == ()
    assert [(finding.rule, why, until) for finding, why, until in good.suppressed] == [
        ("RT011", reason, date(2027, 1, 31))
    ]
    assert told(with_entry("2026-11-21")) == [("RT011", "error", "rules.short.to.model")]
    assert {rule for rule, *_ in told(with_entry("2028-11-21"))} == {"RT011", "RT024"}
    assert {rule for rule, *_ in told(with_entry("2027-01-31", "rules.gone"))} == {"RT011", "RT024"}


def test_the_shipped_configs_are_sound(tmp_path: Path) -> None:
    for path in sorted(routing.shipped().parent.glob("*.yaml")):
        result = check(path, [], prices=prices(), retirements=retirements.shipped(), today=TODAY, env={})
        assert result.findings == (), path


def test_every_rule_has_a_test_here_or_where_files_are_read() -> None:
    here = Path(__file__).read_text() + Path(__file__).with_name("test_load.py").read_text()
    reading = {"RT002", "RT003", "RT004"}  # test_load tells them by message and line
    assert [rule for rule in lint.RULES if rule not in here and rule not in reading] == []
