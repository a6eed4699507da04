"""A routing file is read strictly: everything that is wrong is told at once, with its line and a fix."""

from __future__ import annotations

import json
from decimal import Decimal
from pathlib import Path

import pytest

from tests.routing.files import CONFIG, META, written
from tokenop import routing
from tokenop.errors import Finding, FindingsError, InputError
from tokenop.providers.base import Timeouts
from tokenop.providers.model import Request
from tokenop.providers.registry import PROVIDERS
from tokenop.routing.chain.model import policy_of
from tokenop.routing.model import Retry
from tokenop.routing.requests import fitted
from tokenop.routing.targets import PRIORITIES, priority


def findings(path: Path, *overlays: Path) -> tuple[Finding, ...]:
    with pytest.raises(FindingsError) as caught:
        routing.load(path, overlays)
    return caught.value.findings


def test_the_shipped_configs_have_the_chains_of_the_specification() -> None:
    config = routing.load(routing.shipped())
    chains = {name: [target.name for target in tier.chain] for name, tier in config.tiers.items()}
    assert chains == {
        "T1": ["ollama"],
        "T2": ["ollama", "ollama-fallback"],
        "T3": ["ollama", "groq", "ollama-fallback"],
        "T4": ["groq", "anthropic"],
        "T5": ["anthropic"],
    }
    assert [target.model for target in config.tiers["T2"].chain] == ["devstral:24b", "qwen2.5-coder:32b"]
    assert config.tiers["T3"].chain[1].model == "llama-3.3-70b-versatile"
    assert config.tiers["T5"].explicit_only
    recon = routing.load(routing.shipped().with_name("recon.yaml"))
    assert recon.mode == "recon"
    assert not recon.rules


def test_without_a_chain_the_lower_priority_is_asked_first(tmp_path: Path) -> None:
    providers = "providers: {ollama: {}, groq: {}, anthropic: {}, claude-cli: {}}"
    models = "{ollama: a, claude-cli: b, anthropic: c, groq: d}"
    config = CONFIG.replace("providers: {ollama: {}, groq: {}}", providers)
    path = written(tmp_path, config.replace("models: {ollama: small, groq: large}", f"models: {models}"))
    tier = routing.load(path).tiers["T2"]
    assert [target.name for target in tier.chain] == ["groq", "anthropic", "claude-cli", "ollama"]
    assert [target.priority for target in tier.chain] == [8, 10, 20, 30]


def test_a_tiers_own_priority_wins(tmp_path: Path) -> None:
    path = written(tmp_path, CONFIG.replace("large}}", "large}, priorities: {ollama: 1}}"))
    assert [target.name for target in routing.load(path).tiers["T2"].chain] == ["ollama", "groq"]


def test_everything_wrong_is_told_at_once_with_its_line(tmp_path: Path) -> None:
    config = """\
mode: route
default_tier: T5
providers: {ollama: {}, grok: {}}
tiers:
  T2: {provider_chain: [olama], models: {ollama: small}}
  T3: {models: {grok: x}, then: T4}
rules:
  one: {when: "intents = 'a'", tier: T2}
  two: {when: "has_tools", tier: T2, to: {provider: ollama, model: x}}
  three: {when: "has_tools"}
budgets: {b: {per: user, period: day}}
timeouts: {grog: {total: 3}}
"""
    found = findings(written(tmp_path, config))
    told = {(finding.line - META.count("\n"), finding.field): finding.message for finding in found}
    assert told[2, "default_tier"] == "there is no tier T5"
    assert told[5, "tiers.T2.provider_chain"] == "there is no provider olama"
    assert "not in provider_chain" in told[5, "tiers.T2.models.ollama"]
    assert told[3, "providers.grok.provider"] == "no provider or preset is called 'grok'"
    assert told[6, "tiers.T3.then"] == "there is no tier T4"
    assert told[8, "rules.one.when"] == "there is no column intents"
    assert told[9, "rules.two"] == "says tier and to where calls go"
    assert told[10, "rules.three"] == "says nowhere where calls go"
    assert told[11, "budgets.b"] == "limits nothing"
    assert told[12, "timeouts.grog"] == "grog is no tier and no provider"
    assert all(finding.fix for finding in found)


def test_a_predicate_is_refused_at_its_character(tmp_path: Path) -> None:
    path = written(tmp_path, CONFIG + "rules:\n  one: {when: \"has_tools AND upper(intent) = 'A'\", tier: T2}\n")
    (found,) = findings(path)
    line = path.read_text().splitlines()[found.line - 1]
    assert line[found.column - 1 :].startswith("upper(intent)")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("mode: route", "mode: rout", "'rout' is not one of recon, route"),
        ("mode: route", "modes: route", "unknown key 'modes'"),
        ("groq: {}", "groq: {api_key_env: GITHUB_TOKEN}", "does not have the right form"),
        ("groq: {}", 'groq: {base_url: "https://me:pw@host/v1"}', "does not have the right form"),
        ("default_tier: T2", "default_tier: T2\ndefault_tier: T2", "stands twice"),
        ("T2: {models", "T6: {models", "'T6'"),
        ("default_tier: T2", "default_tier: on", "true or false"),
    ],
)
def test_what_does_not_fit_the_schema_is_refused(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert old in CONFIG
    found = findings(written(tmp_path, CONFIG.replace(old, new)))
    assert any(said in finding.message for finding in found), found
    assert {finding.rule for finding in found} == {"RT001"}


def test_a_circle_of_tiers_is_refused_once(tmp_path: Path) -> None:
    tiers = "  T3: {models: {groq: three}, then: T4}\n  T4: {models: {groq: four}, then: T3}\n"
    (found,) = findings(written(tmp_path, CONFIG + tiers))
    assert found.rule == "RT005"
    assert "T3 → T4 → T3" in found.message or "T4 → T3 → T4" in found.message


def test_the_targets_of_the_next_tier_follow_the_own_ones(tmp_path: Path) -> None:
    tiers = "  T3: {models: {groq: three}, then: T4}\n  T4: {models: {groq: four, ollama: five}}\n"
    config = routing.load(written(tmp_path, CONFIG + tiers))
    assert [target.model for target in config.tiers["T3"].chain] == ["three", "four", "five"]


def test_a_project_lays_its_rules_before_those_of_the_config(tmp_path: Path) -> None:
    path = written(tmp_path, CONFIG + "rules:\n  a: {when: has_tools, tier: T2}\n  b: {when: stream, tier: T2}\n")
    overlay = tmp_path / "router.yaml"
    overlay.write_text(
        "rules:\n  c: {when: batch, to: {provider: vllm, model: m}}\n  b: {share: 0.5}\ntimeouts: {groq: {total: 4}}\n"
    )
    config = routing.load(path, [overlay])
    assert [rule.name for rule in config.rules] == ["c", "a", "b"]
    assert config.rules[2].share == Decimal("0.5")
    assert config.rules[2].when == "stream"
    target = config.rules[0].to
    assert target is not None
    assert (target.provider, target.options["preset"]) == ("openai-compatible", "vllm")
    assert config.timeouts["groq"] == Timeouts(total=4.0)
    assert config.overlays == (str(overlay),)


def test_a_finding_in_a_project_file_names_that_file(tmp_path: Path) -> None:
    overlay = tmp_path / "router.yaml"
    overlay.write_text("# ours\nrules:\n  c: {when: 'batsh', tier: T2}\n")
    (found,) = findings(written(tmp_path, CONFIG), overlay)
    assert (found.file, found.line, found.fix) == (str(overlay), 3, "did you mean batch?")


def test_a_cache_file_of_the_project_lies_over_the_config(tmp_path: Path) -> None:
    overlay = tmp_path / "cache.yaml"
    overlay.write_text('response_cache: {enabled: true, skip: ["has_tools", "attachments > 0"]}\n')
    (found,) = findings(written(tmp_path, CONFIG), overlay)
    assert "attachments" in found.message
    overlay.write_text("response_cache: {enabled: true}\n")
    config = routing.load(written(tmp_path, CONFIG), [overlay])
    assert config.cache["response_cache"] == {"enabled": True}
    assert "cache.response_cache" not in config.declared


def test_a_rule_that_cannot_be_done_is_carried_and_decides_nothing(tmp_path: Path) -> None:
    cascade = "{when: stream, cascade: [{provider: groq, model: x}, requested], verify: [{check: c}]}"
    rule = f"rules:\n  a: {cascade}\n"
    config = routing.load(written(tmp_path, CONFIG + rule))
    assert config.rules[0].declared == ("cascade", "verify")
    assert config.rules[0].off
    decision = routing.decide(config, routing.facts(stream=True))
    assert decision.by == "default"
    assert "declared, not executed" in decision.passed_over[0][1]


def test_files_that_are_none_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        routing.load(tmp_path / "nowhere.yaml")
    path = tmp_path / "one.yaml"
    path.write_text("mode: route\n")
    assert "does not start with a line ---" in findings(path)[0].message
    path.write_bytes(b"---\n\xff\n---\n")
    assert "UTF-8" in findings(path)[0].message


OWN = """\
rules:
  a:
    when: stream
    to: {provider: groq, model: large}
    request: {temperature: 0.2, max_output_tokens: 7}
    retry: {attempts: 1}
    timeouts: {total: 4}
  b: {when: batch, to: {provider: groq, model: large, options: {extra_body: {penalty: 0.5, of: [0.1]}}}}
"""


def test_what_a_rule_says_of_its_target_holds_for_that_target_alone(tmp_path: Path) -> None:
    config = routing.load(written(tmp_path, CONFIG + OWN))
    decision = routing.decide(config, routing.facts(stream=True))
    sent = [fitted(Request("m", (), temperature=1.0), target) for target in decision.chain]
    assert [(one.model, one.temperature, one.max_output_tokens) for one in sent] == [
        ("large", 0.2, 7),
        ("small", 1.0, None),
    ]
    policy = policy_of(config, decision)
    assert policy.retry == Retry(attempts=1)
    assert [policy.timeouts_of(target).total for target in decision.chain] == [4.0, Timeouts().total]
    usual = policy_of(config, routing.decide(config, routing.facts()))
    assert usual.retry == Retry()
    assert usual.timeouts_of(decision.chain[0]).total == Timeouts().total
    assert not config.rules[0].declared
    # The same model stands in the file three times, with three settings; what goes on the wire is JSON.
    targets = [config.tiers["T2"].chain[0], config.rules[0].to, config.rules[1].to]
    assert [json.dumps(dict(one.options)) for one in targets if one] == [
        "{}",
        '{"request": {"temperature": 0.2, "max_output_tokens": 7}}',
        '{"extra_body": {"penalty": 0.5, "of": [0.1]}}',
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "{when: stream, tier: T2, request: {seed: 1}}",
        "{when: stream, tier: T2, timeouts: {total: 4}}",
        "{when: stream, to: {provider: groq, model: x, options: {request: {model: other}}}}",
    ],
)
def test_what_changes_requests_stands_in_a_rule_beside_its_target(tmp_path: Path, rule: str) -> None:
    (found,) = findings(written(tmp_path, CONFIG + f"rules:\n  a: {rule}\n"))
    assert found.rule == "RT004"
    assert "write `" in found.fix


def test_the_priorities_are_the_registrys() -> None:
    assert {name: one.priority for name, one in PROVIDERS.items()} == PRIORITIES
    seeds = {"groq": 8, "anthropic": 10, "claude-cli": 20, "ollama": 30}
    assert PRIORITIES.items() >= seeds.items()
    assert all(PRIORITIES[name] > 30 for name in PRIORITIES.keys() - seeds.keys())
    assert priority("vllm") == PRIORITIES["openai-compatible"]


def test_every_shipped_rule_says_which_golden_tasks_tell_about_it() -> None:
    config = routing.load(routing.shipped())
    assert all(rule.tiers for rule in config.rules)


@pytest.mark.parametrize(
    ("data", "field", "said"),
    [
        (b"\xef\xbb\xbf---\nid: x\n---\nmode: route\n", "file", "byte order mark"),
        (b"---\n---\nmode: route\n", "meta", "`id: default`"),
        (META.encode(), "config", "`mode: route`"),
    ],
)
def test_what_is_no_config_is_told_in_words_of_configs(tmp_path: Path, data: bytes, field: str, said: str) -> None:
    path = tmp_path / "mine.yaml"
    path.write_bytes(data)
    (found,) = findings(path)
    assert (found.field, found.rule) == (field, "RT001")
    assert said in f"{found.message} {found.fix}"


def test_an_empty_project_file_is_told_in_words_of_configs(tmp_path: Path) -> None:
    overlay = tmp_path / "router.yaml"
    overlay.write_text("")
    (found,) = findings(written(tmp_path), overlay)
    assert (found.field, found.rule) == ("overlay", "RT001")
    assert "my-template" not in found.fix


def test_a_template_and_a_folder_are_told_from_a_config(tmp_path: Path) -> None:
    page = tmp_path / "template.md"
    page.write_text(META + "## Problem\n")
    assert "is a page or a template" in findings(page)[0].message
    with pytest.raises(InputError, match="is a folder"):
        routing.load(tmp_path)
