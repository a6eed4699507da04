"""What the rules on economics find, where, and what they leave alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from tests.catalogue.rules.specimen import changed, crossing, draft, mended, said
from tokenop.catalogue.rules import RULES
from tokenop.catalogue.rules.units import unit

ECONOMICS = [name for name in RULES if name.startswith("EC")]
REPLAYED = {"sample-month": (0.6, 1.6, 3.1)}
ASSUMED = 'evidence: assumed, source: "Judged from'
ONLY = "Saves input tokens only."


@pytest.mark.parametrize("rule", ECONOMICS)
def test_sound_specimens_are_left_alone(rule: str) -> None:
    assert said(rule, changed(), percent=REPLAYED) == []
    assert said(rule, crossing()) == []


@pytest.mark.parametrize(("high", "found"), [("89.9", 0), ("90", 1), ("99.5", 1), ("-3", 0)])
def test_a_saving_of_ninety_percent_needs_a_measurement(high: str, found: int) -> None:
    claim = ("expected: 1.6, high: 3.1", f"expected: -4, high: {high}")
    listed = said("EC002", changed(claim))
    assert [one.field for one in listed] == ["economics.claim.savings_percent.high"] * found
    measured = (ASSUMED, 'evidence: measured, source: "`make measure`, from')
    assert said("EC002", changed(claim, measured)) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It saves up to 250 % of the bill.", 1),
        ("Costs grow by 250 % where nothing is cached.", 0),
        ("It saves 100 % of the calls that hit.", 0),
        ("`saves 250 %`", 0),
    ],
)
def test_more_than_everything_cannot_be_saved(text: str, found: int) -> None:
    listed = said("EC002", changed((ONLY, text)))
    assert len(listed) == found
    if found:
        assert listed[0].line == changed((ONLY, text)).document.text.split(text)[0].count("\n") + 1
        assert listed[0].column == text.index("250") + 1


@pytest.mark.parametrize(("expected", "found"), [("1.66", 0), ("1.55", 0), ("1.67", 1), ("-1.6", 1)])
def test_a_claim_may_differ_by_its_last_decimal(expected: str, found: int) -> None:
    checked = changed(("low: 0.6, expected: 1.6", f"low: -3, expected: {expected}"))
    listed = said("EC003", checked, percent={"sample-month": (-3.0, 1.6, 3.1)})
    assert [one.field.rpartition(".")[2] for one in listed] == ["expected"] * found


def test_one_percent_of_a_large_claim_is_no_fault() -> None:
    claim = ("{low: 0.6, expected: 1.6, high: 3.1}", "{low: 60, expected: 70, high: 80}")
    assert said("EC003", changed(claim), percent={"sample-month": (60.5, 70.6, 80.7)}) == []
    assert len(said("EC003", changed(claim), percent={"sample-month": (60.7, 70.6, 80.7)})) == 1


def test_the_replayed_figures_are_written_and_nothing_else() -> None:
    checked = changed()
    percent = {"sample-month": (-0.004, 0.0996, 12.849)}
    once = mended("EC003", checked, percent=percent)
    assert "savings_percent: {low: -0.004, expected: 0.1, high: 12.8}" in once
    assert once.replace("{low: -0.004, expected: 0.1, high: 12.8}", "{low: 0.6, expected: 1.6, high: 3.1}") == (
        checked.document.text
    )
    assert said("EC003", draft(once), percent=percent) == []
    assert mended("EC003", draft(once), percent=percent) == once


def test_a_template_that_stays_silent_claims_nothing() -> None:
    listed = said("EC003", changed(), percent={"sample-month": None})
    assert len(listed) == 3
    assert "{low: 0, expected: 0, high: 0}" in mended("EC003", changed(), percent={"sample-month": None})


def test_nothing_is_said_of_what_was_not_replayed() -> None:
    assert said("EC003", changed()) == []
    assert said("EC003", changed(), percent={}) == []
    assert said("EC003", changed(("hours: 8", "hours: eight")), percent={"sample-month": (9.0, 9.0, 9.0)}) == []


def test_an_unknown_baseline_is_told_once_and_with_the_known_ones() -> None:
    checked = changed(("workload: sample-month", "workload: sample-moth"))
    (found,) = said("EC004", checked)
    assert "'sample-moth'" in found.message
    assert found.fix == "did you mean sample-month?"
    assert checked.document.line("economics.claim.workload") == (found.line, found.column)
    assert said("FM004", checked) == []


@pytest.mark.parametrize(
    ("text", "fix"),
    [
        ("12 %", "write 12"),
        ("$200", "write 200"),
        ("USD 1,200", "write 1200"),
        ("EUR 5", "write the amount in US dollars, as a number without quotes"),
        ("8 hours", "write 8"),
        ("1.200,50 €", "write the amount in US dollars, as a number without quotes"),
        ("$1,200.50", "write one number without quotes, unit or separators of thousands"),
    ],
)
def test_a_number_with_a_unit_is_told_apart_from_other_text(text: str, fix: str) -> None:
    checked = changed(("hours: 8", f'hours: "{text}"'))
    (found,) = said("EC005", checked)
    assert (found.field, found.fix) == ("economics.implementation.hours", fix)
    assert said("FM004", checked) == []


@pytest.mark.parametrize("text", ["eight", "8", "8 apples", "USD", "%", "x" * 50])
def test_other_text_is_none(text: str) -> None:
    assert unit(text) is None
    checked = changed(("hours: 8", f'hours: "{text}"'))
    assert said("EC005", checked) == []
    assert len(said("FM004", checked)) == 1


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("It costs about EUR 20 a month.", 16),
        ("It costs €20 a month.", 10),
        ("It costs EUR 20 (USD 22) a month.", 0),
        ("It costs `EUR 20` in the file.", 0),
        ("EUROPE is cheap.", 0),
    ],
)
def test_another_currency_needs_dollars_beside_it(text: str, column: int) -> None:
    listed = said("EC005", changed((ONLY, f"{text}\n\nOther words.")))
    assert [one.column for one in listed] == ([column] if column else [])


def test_a_model_without_a_price_is_named_with_what_there_is() -> None:
    (found,) = said(
        "EC006",
        crossing(("model: claude-haiku-4-5}", "model: whisper-1}"), ("provider: anthropic", "provider: openai")),
    )
    assert found.field == "economics.levers[0].options.to"
    assert "2026-10-01" in found.message
    assert "no token price" in found.fix
    assert said("EC006", crossing(("model: claude-haiku-4-5}", "model: no-such-model}"))) == []  # MD001 tells


@pytest.mark.parametrize(
    ("today", "new", "severities"),
    [
        (date(2026, 12, 30), False, []),
        (date(2026, 12, 31), False, ["warning"]),
        (date(2027, 3, 30), True, ["warning"]),
        (date(2027, 3, 31), True, ["error"]),
        (date(2027, 3, 31), False, ["warning"]),
    ],
)
def test_prices_age(today: date, new: bool, severities: list[str]) -> None:
    added = frozenset({Path("templates/application-layer/shorter-prompts.md")} if new else ())
    listed = said("EC007", changed(), today=today, new=added)
    assert [one.severity for one in listed] == severities
    assert all(one.field == "verified_on" for one in listed)


@pytest.mark.parametrize(
    ("old", "new", "field"),
    [
        ("hours: 8", "hours: 0", "hours"),
        ("hours: 8", "hours: 0.0", "hours"),
        ("hourly_rate_usd: 200", "hourly_rate_usd: 0", "hourly_rate_usd"),
        ("monthly_running_usd: 20", "monthly_running_usd: 0", None),
    ],
)
def test_work_is_not_free(old: str, new: str, field: str | None) -> None:
    listed = [one.field for one in said("EC008", changed((old, new)))]
    assert listed == ([f"economics.implementation.{field}"] if field else [])


def test_a_judge_is_counted_by_its_parameter_or_by_the_month() -> None:
    free = ("monthly_running_usd: 150", "monthly_running_usd: 0")
    assert said("EC008", crossing(free)) == []  # verifier_usd counts it
    (found,) = said("EC008", crossing(free, ("expected: 0.0005, high: 0.002", "expected: 0, high: 0.002")))
    assert found.field == "economics.implementation.monthly_running_usd"
    assert "a judge" in found.message


def test_quality_and_latency_are_told_at_the_heading() -> None:
    quality = "Answers may lose a detail that a deleted sentence asked for; the golden tasks of T1 and T2 must hold. "
    checked = changed((quality + "Latency falls a\nlittle with the shorter input.", "Nothing is known."))
    listed = said("EC009", checked)
    assert [one.message.rpartition(" ")[2] for one in listed] == ["quality", "latency"]
    heading = checked.document.text[: checked.document.text.index("## Quality and risk")].count("\n") + 1
    assert {(one.line, one.column) for one in listed} == {(heading, 1)}


@pytest.mark.parametrize(
    ("tier", "source", "found"),
    [
        ("measured", "Read on our dashboard.", 1),
        ("measured", "Read at https://example.org/benchmark.py and noted.", 1),
        ("measured", "Run `vllm bench serve` on one GPU.", 0),
        ("measured", "tests/benchmarks/test_speed.py of the engine.", 0),
        ("measured", "python measure.py --rows 1000", 0),
        ("reported", "A colleague told us so.", 1),
        ("reported", "Table 2 of https://arxiv.org/abs/2310.05736.", 0),
        ("assumed", "Judged.", 0),
    ],
)
def test_a_tier_is_carried_by_its_source(tier: str, source: str, found: int) -> None:
    old = 'evidence: assumed, source: "Judged from three prompts that were read line by line."'
    listed = said("EC010", changed((old, f'evidence: {tier}, source: "{source}"')))
    assert [one.field for one in listed] == ["economics.levers[0].parameters.input_reduction.source"] * found


def test_a_file_of_this_repository_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "tests").mkdir()
    measured = (ASSUMED, 'evidence: measured, source: "tests/speed.py, from')
    (found,) = said("EC010", changed(measured), root=tmp_path)
    assert "there is no file tests/speed.py" in found.message
    (tmp_path / "tests" / "speed.py").touch()
    assert said("EC010", changed(measured), root=tmp_path) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A proven saving of 30 %.", 1),
        ("We measured 30 % less.", 1),
        ("Savings are validated in production.", 1),
        ("Exact repeats are measured from your events.", 0),
        ("None of the 30 % is proven: nothing was measured.", 0),
        ("Take the share that you measured. It was 30 % elsewhere.", 0),
    ],
)
def test_words_of_evidence_need_some(text: str, found: int) -> None:
    listed = said("EC010", changed((ONLY, text)))
    assert len(listed) == found
    if found:
        words = ("proven", "measured", "validated")
        assert listed[0].column == min(text.find(word) for word in words if word in text) + 1


def test_reported_implementations_carry_words(tmp_path: Path) -> None:
    checked = changed(("title: Shorter prompts", "title: Proven shorter prompts"))
    (found,) = said("EC010", checked, root=tmp_path)
    assert (found.field, found.column) == ("title", 8)
    folder = tmp_path / "validations" / "shorter-prompts"
    folder.mkdir(parents=True)
    entry = (
        "# Implementations of shorter-prompts\n\n## octocat-1.0.0\n\n- octocat-1.0.0 day: 2026-11-01\n"
        "- octocat-1.0.0 organisation: software\n- octocat-1.0.0 evidence: reported\n"
    )
    (folder / "implementations.md").write_text(entry)
    assert said("EC010", checked, root=tmp_path) == []
    (folder / "implementations.md").write_text(entry + "- octocat-1.0.0 sample: true\n")
    assert len(said("EC010", checked, root=tmp_path)) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("30 % + 20 % = 50 %", 1),
        ("Trimming saves 30%, and 20% come from the cache: together 50%.", 1),
        ("- headers: 30 %\n- examples: 15.5 %\n\nCombined: 45.5 %", 1),
        ("| headers | 30 % |\n| examples | 20 % |\n| total | 50 % |", 1),
        ("30 % + 20 % are 44 % in all", 1),
        ("30 % and then 20 % of what is left: 44 % together.", 0),
        ("40 % + 60 % = 100 %", 0),
        ("30 % + 20 % of the calls are short.", 0),
        ("`30 % + 20 % = 50 %`", 0),
        ("p95 rises by 30 % or 20 % in 50 % of the nights.", 0),
    ],
)
def test_savings_do_not_add_up(text: str, found: int) -> None:
    listed = said("EC011", changed((f"{ONLY} It costs", f"{text}\n\nIt costs")))
    assert [one.severity for one in listed] == ["warning"] * found
    assert all("44 %" in one.message or "41 %" in one.message for one in listed)


def test_a_hostile_wall_of_percentages_is_read_quickly() -> None:
    text = "1 % + " * 3000 + "total 5 % " * 500
    checked = changed((ONLY, text))
    for rule in ("EC002", "EC005", "EC009", "EC010", "EC011"):
        assert len(said(rule, checked)) <= 2
