"""`tokenop submit-implementation`: what somebody says becomes an entry, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Ran
from tokenop.cli.submit_implementation import ORGANISATIONS
from tokenop.evidence import model, read

Cli = Callable[..., Ran]
WHO = ("--by", "octocat", "--organisation", "software", "--day", "2026-11-20")
COSTS = ("--baseline-cost", "3400", "--optimized-cost", "2100")
MEASURED = (
    *COSTS, "--window-before", "2026-09-01/2026-09-30", "--window-after", "2026-10-01 to 2026-10-30",
    "--calls-before", "1000", "--calls-after", "1200", "--quality-before", "0.9", "--quality-after", "0.895",
    "--method", "The bill, by day.", "--implementation-time", "2",
)  # fmt: skip


@pytest.fixture
def submit(run_cli: Cli, tmp_path: Path) -> Callable[..., Ran]:
    """Return a function that runs the command for prompt-caching in an empty folder."""
    return lambda *words: run_cli("submit-implementation", "prompt-caching", *words, cwd=tmp_path)


def written(folder: Path) -> read.EvidenceFile:
    return read.file(folder / "validations" / "prompt-caching" / "implementations.md")


def test_a_full_report_is_measured_and_says_what_it_was_worth(submit: Cli, tmp_path: Path) -> None:
    ran = submit(*WHO, *MEASURED)
    assert ran.exit_code == 0, ran.stderr
    assert "48.5 % a call, at equal traffic (the bill: 38.2 %)" in ran.stdout
    assert "Success: yes" in ran.stdout
    assert "USD 3,200.00 at USD 200.00 an hour, it saves USD 2,008.88 a month at the traffic after" in ran.stdout
    assert "pays back in 48 days; a year nets USD 20,906.50, ROI 653 %" in ran.stdout
    assert "Implementation of prompt-caching 1.0.0: 48.5 % less a call" in ran.stdout
    assert ran.stdout.endswith("Next: tokenop contribute --template prompt-caching\n")
    (entry,) = written(tmp_path).implementations
    assert (entry.evidence, entry.calls_after, entry.hours, entry.sample) == ("measured", 1200, 16, False)
    assert not ran.stderr  # a call that changed may well cost far less than a whole workload is claimed to


def test_what_is_not_given_stays_unknown(submit: Cli, tmp_path: Path) -> None:
    ran = submit(*WHO, *COSTS, "--implementation-time", "2", "--json")
    document = json.loads(ran.stdout)
    assert (document["reduction"], document["quality_drop"], document["success"]) == (None, None, None)
    assert document["spend_reduction"] == pytest.approx(0.382, abs=1e-3)
    assert (document["monthly_saving_usd"], document["equal_traffic"]) == (1300, False)
    assert document["evidence"] == "reported"
    (entry,) = written(tmp_path).implementations
    assert (entry.calls_before, entry.window_after, entry.quality_before, entry.method) == (None, None, None, "")


def test_the_least_that_can_be_said_is_who_and_what_kind_of_organisation(submit: Cli, tmp_path: Path) -> None:
    assert submit(*WHO).exit_code == 0
    (entry,) = written(tmp_path).implementations
    assert (entry.cost_before_usd, entry.hours) == (None, None)


def test_names_addresses_and_keys_leave_the_texts(submit: Cli, tmp_path: Path) -> None:
    ran = submit(*WHO, "--lessons", "Ask jane@corp.example;\nkey sk-ant-abcdef12345")
    assert "[email]" in ran.stderr
    text = written(tmp_path).text + ran.stdout
    assert "jane@" not in text
    assert "sk-ant" not in text
    assert "Ask [email]; key [secret]" in text


def test_all_wrong_values_are_told_at_once_by_the_names_of_the_options(submit: Cli, tmp_path: Path) -> None:
    ran = submit(
        *("--by", "Octo Cat", *WHO[2:], "--baseline-cost", "3,400", "--calls-before", "many", "--window-after", "May"),
        *("--implementation-time", "two", "--version", "1", "--quality-after", "1.2", "--lessons", "x " * 3_000),
    )
    assert ran.exit_code == 2
    told = [line.partition(": ")[0] for line in ran.stderr.splitlines()]
    assert sorted(told) == [
        "--baseline-cost", "--by", "--calls-before", "--implementation-time", "--lessons", "--quality-after",
        "--version", "--window-after",
    ]  # fmt: skip
    assert "a text of 5,999 characters (shorten it to 4,000)" in ran.stderr
    assert not (tmp_path / "validations").exists()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("see <script>alert(1)</script>", "lessons: SE005: holds raw HTML"),
        ("[here](javascript:alert(1))", "lessons: SE005"),
    ],
)
def test_what_the_linter_would_refuse_is_not_written(submit: Cli, tmp_path: Path, text: str, said: str) -> None:
    ran = submit(*WHO, *COSTS, "--lessons", text)
    assert ran.exit_code == 1
    assert f"octocat-1.0.0.{said}" in ran.stderr
    assert not (tmp_path / "validations").exists()


def test_what_nobody_sees_is_taken_out(submit: Cli, tmp_path: Path) -> None:
    ran = submit(*WHO, "--worked", "\x1b[1mone\u202etwo\u200b \U0001f468\u200d\U0001f4bb", "--method", "as\nbilled")
    assert ran.exit_code == 0, ran.stderr
    (entry,) = written(tmp_path).implementations
    assert (entry.worked, entry.method) == ("[1monetwo \U0001f468\u200d\U0001f4bb", "as billed")
    assert "nobody sees" in ran.stderr
    assert "\x1b" not in ran.stdout + ran.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((*COSTS, "--calls-before", "0", "--calls-after", "9"), "at equal traffic unknown, since a side has no calls"),
        (("--baseline-cost", "0", "--optimized-cost", "1"), "Cost reduction: unknown, since nothing was paid before"),
        ((), "measured needs the window before, the window after, the calls before"),
    ],
)
def test_why_a_figure_is_unknown_is_told_as_it_is(submit: Cli, words: tuple[str, ...], said: str) -> None:
    assert said in submit(*WHO, *words).stdout


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (WHO[2:], 2, "--by HANDLE"),
        (WHO[:2], 2, "--organisation"),
        ((*WHO, "--before", "x.jsonl"), 2, "both --before and --after"),
        ((*WHO, "--version", "1"), 2, "--version: '1' is no version"),
        ((*WHO, "--version", "9.0.0"), 1, "has no version 9.0.0"),
        ((*WHO, "--implementation-time", "two"), 2, "no number"),
        ((*WHO[:4], "--day", "2126-01-01"), 1, "in the future"),
        ((*WHO, *MEASURED, "--window-after", "2026-09-15/2026-10-30"), 1, "before the window before it ended"),
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_written(
    submit: Cli, tmp_path: Path, words: tuple[str, ...], code: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
    ran = submit(*words)
    assert ran.exit_code == code, ran.stderr
    assert said in ran.stderr
    assert not (tmp_path / "validations").exists()


def test_an_unknown_template_is_told_with_a_near_one(run_cli: Cli) -> None:
    ran = run_cli("submit-implementation", "promt-caching", *WHO)
    assert ran.exit_code == 1
    assert "did you mean prompt-caching?" in ran.stderr


def test_a_window_that_is_too_short_makes_it_reported(submit: Cli, tmp_path: Path) -> None:
    ran = submit(*WHO, *MEASURED, "--window-after", "2026-10-01/2026-10-05")
    assert "the window after is too short" in ran.stdout
    assert written(tmp_path).implementations[0].evidence == "reported"


def test_reporting_again_replaces_the_entry_and_keeps_the_others(submit: Cli, tmp_path: Path) -> None:
    assert submit("--by", "mona", *WHO[2:]).exit_code == 0
    assert submit(*WHO, *COSTS).exit_code == 0
    ran = submit(*WHO)
    assert "was replaced" in ran.stderr
    assert [entry.entry_id for entry in written(tmp_path).implementations] == ["mona-1.0.0", "octocat-1.0.0"]
    assert written(tmp_path).implementations[1].cost_before_usd is None


def test_a_file_that_is_wrong_is_left_alone(submit: Cli, tmp_path: Path) -> None:
    path = tmp_path / "validations" / "prompt-caching" / "implementations.md"
    path.parent.mkdir(parents=True)
    path.write_text("# Implementations of prompt-caching\n\nstray\n", encoding="utf-8")
    ran = submit(*WHO)
    assert ran.exit_code == 1
    assert "implementations.md:3: line: RP006" in ran.stderr
    assert path.read_text(encoding="utf-8").endswith("stray\n")


def test_git_may_say_who_it_is(submit: Cli, tmp_path: Path) -> None:
    Path.home().joinpath(".gitconfig").write_text("[github]\n\tuser = Mona\n", encoding="utf-8")
    assert submit(*WHO[2:]).exit_code == 0
    assert written(tmp_path).implementations[0].by == "mona"


def log(path: Path, cost: str, calls: int, first: str, quality: str = "null") -> Path:
    """Write a log of calls over eight days; every 40th has a model that has no price, and no cost."""
    rows = []
    for number in range(calls):
        unknown = number % 40 == 39
        day = int(first[-2:]) + number * 8 // calls
        rows.append(
            f'{{"id":"{path.stem}{number}","ts":"{first[:8]}{day:02}T10:00:00.000Z","intent":"chat","provider":"openai",'
            f'"model":"{"nobody-knows" if unknown else "gpt-4o"}","input_tokens":1000,"output_tokens":10,'
            f'"latency_ms":10,"cost_usd":{"null" if unknown else cost},"endpoint":"x","region":"y","tenant":"z",'
            f'"quality_score":{quality}}}'
        )
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_two_event_logs_say_calls_windows_and_costs_themselves(submit: Cli, tmp_path: Path) -> None:
    before = log(tmp_path / "before.jsonl", "0.010", 80, "2026-09-01")
    after = log(tmp_path / "after.jsonl", "0.006", 120, "2026-10-01")
    ran = submit(*WHO, "--before", before, "--after", after, "--quality-before", "0.9", "--quality-after", "0.9")
    assert ran.exit_code == 0, ran.stderr
    assert "2 calls before have no price: left out" in ran.stderr
    (entry,) = written(tmp_path).implementations
    assert (entry.calls_before, entry.calls_after) == (78, 117)
    assert (str(entry.cost_before_usd), str(entry.cost_after_usd)) == ("0.78", "0.70")
    assert entry.window_before is not None
    assert (str(entry.window_before.first), entry.window_before.days) == ("2026-09-01", 8)
    assert entry.evidence == "measured"
    assert "Left out for want of a price: 2 and 3 calls. Content before 80-" in entry.method
    assert entry.success() is True


def test_a_plan_says_what_was_predicted(submit: Cli, tmp_path: Path) -> None:
    plan = tmp_path / "optimization-plan.yaml"
    plan.write_text(
        "baseline_monthly_usd: 1000.00\nchosen:\n  - id: prompt-caching\n"
        "    savings_monthly_usd: {p10: 101, p50: 200, p90: 301.26}\n",
        encoding="utf-8",
    )
    assert submit(*WHO, "--plan", plan).exit_code == 0
    (entry,) = written(tmp_path).implementations
    assert [str(value) for value in entry.predicted_percent or ()] == ["10.1", "20.0", "30.1"]


def test_questions_are_asked_for_what_is_not_given(
    submit: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["octocat", "2026-09-01 to 2026-09-30", "", "", "", "", "", "", "", "", "3", "All of it", ""])
    monkeypatch.setattr("click.prompt", lambda *_, **__: next(answers))
    assert submit("--interactive", "--organisation", "media", "--day", "2026-11-20").exit_code == 0
    (entry,) = written(tmp_path).implementations
    assert (entry.by, entry.hours, entry.worked, entry.lessons) == ("octocat", 24, "All of it", "")


def test_a_slip_is_asked_again_and_costs_no_answer(
    submit: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "Your name": ["Octo Cat", "octocat"],
        "Kind of": ["", "Acme", "media"],
        "Days measured before": ["May", "2026-09-01/2026-09-30"],
        "Days measured after": ["2026-09-15/2026-10-14", "2026-10-01/2026-10-30"],
        "Days of work": ["two", "2"],
        "What worked": ["it <b>all</b> did", "all of it, says jane@corp.example"],
    }
    monkeypatch.setattr(
        "click.prompt",
        lambda text, **_: next((rest.pop(0) for name, rest in said.items() if text.startswith(name)), ""),
    )
    ran = submit("--interactive", "--day", "2026-11-20")
    assert ran.exit_code == 0, ran.stderr
    assert not any(said.values())
    (entry,) = written(tmp_path).implementations
    assert (entry.by, entry.organisation, entry.hours) == ("octocat", "media", 16)
    assert entry.worked == "all of it, says [email]"
    assert "holds raw HTML" in ran.stderr
    assert "leave the days in which both ran out of both" in ran.stderr


def test_the_categories_of_organisations_are_those_of_the_format() -> None:
    assert ORGANISATIONS == model.ORGANISATIONS
