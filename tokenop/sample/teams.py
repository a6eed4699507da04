"""The four teams of the sample month. Each function logs one team's calls; docs/sample-month.md describes them."""

from __future__ import annotations

from datetime import datetime, timedelta

from tokenop.sample import calls
from tokenop.sample.calls import Month
from tokenop.sample.draws import Draws
from tokenop.sample.prompts import BLOCK, Prompt

SUPPORT = "sample-support-chat"
DOCUMENTS = "sample-document-pipeline"
CODING = "sample-coding-agent"
ANALYTICS = "sample-analytics"

# List prices of the two support models in September 2026: this team's gateway reports what a call cost.
OPUS_RATES = ("5", "25")
SMALL_RATES = ("0.75", "4.5")

ANOMALY_FACTOR = 1000


def support(month: Month) -> None:
    """Log the support assistant: short conversations over passages looked up, many asking the same, no caching yet."""
    draws = Draws(month.seed, SUPPORT)
    system = month.prompt(1_700)
    known: list[tuple[Prompt, str]] = []
    for _ in range(160):
        asked = system.grown(_passages(draws))
        known.append((asked, month.prompt_names.new()))
    for start in calls.starts(draws, 860, calls.AROUND_THE_CLOCK, 0.45):
        _conversation(month, draws, start, system, known)
    _tickets(month, draws)


def _passages(draws: Draws) -> int:
    """Return the tokens of a question with the passages that were looked up for it."""
    return draws.tokens(16_500, 0.16, 3_000, 21_000)


def _conversation(month: Month, draws: Draws, at: datetime, system: Prompt, known: list[tuple[Prompt, str]]) -> None:
    session, user = month.session(), f"sample-customer-{draws.whole(1, 900):03d}"
    prompt, name = known[draws.rank(len(known))]
    if not draws.chance(0.42):
        prompt, name = system.grown(_passages(draws)), month.prompt_names.new()
    turns = draws.pick((1, 2, 3, 4, 5, 6), (70, 19, 6, 3, 1, 1))
    for turn in range(turns):
        answer = draws.tokens(440, 0.5, 40, 2200)
        latency = month.add(
            draws,
            calls.OPUS,
            at,
            (prompt.tokens, answer),
            tenant=SUPPORT,
            intent="answer_question",
            session_id=session,
            user_id=user,
            domain="customer-support",
            prompt_hash=name,
            prefix_hashes=prompt.hashes,
            quality_score=calls.quality(draws, 0.12, 0.90),
            cost_usd=calls.usd(prompt.tokens, answer, OPUS_RATES),
            cost_source="reported",
        )
        if turn + 1 < turns:
            at += timedelta(milliseconds=round(latency) + draws.tokens(55_000, 0.9, 4_000, 1_500_000))
            prompt, name = prompt.grown(answer + draws.whole(20, 260)), month.prompt_names.new()


def _tickets(month: Month, draws: Draws) -> None:
    instructions = month.prompt(480)
    anomaly = draws.whole(800, 1800)
    recent = [(month.prompt_names.new(), 900, 12)]
    for number, at in enumerate(calls.starts(draws, 90, calls.AROUND_THE_CLOCK, 0.45)):
        ticket = (month.prompt_names.new(), instructions.tokens + draws.tokens(260, 0.6, 30, 530), draws.whole(8, 24))
        # The ticket system delivers some tickets twice or more: the same prompt, soon after.
        name, tokens_in, tokens_out = draws.pick(recent[-40:]) if draws.chance(0.24) else ticket
        recent.append((name, tokens_in, tokens_out))
        factor = ANOMALY_FACTOR if number == anomaly else 1
        month.add(
            draws,
            calls.GPT_SMALL,
            at,
            (tokens_in, tokens_out),
            tenant=SUPPORT,
            intent="classify_ticket",
            domain="customer-support",
            prompt_hash=name,
            quality_score=calls.quality(draws, 0.05, 0.93),
            # One call is reported with a thousand times its price: what `discover` must notice.
            cost_usd=calls.usd(tokens_in * factor, tokens_out * factor, SMALL_RATES),
            cost_source="reported",
        )


def documents(month: Month) -> None:
    """Log the document pipeline: contracts by night and claims by day on the dearest model, an index in batches."""
    draws = Draws(month.seed, DOCUMENTS)
    # Its jobs run on a lakehouse and call models through that platform's gateway.
    common = {"tenant": DOCUMENTS, "domain": "documents", "endpoint": "sample-workspace.databricks.example"}
    for at in calls.starts(draws, 500, calls.NIGHT, 0.1):
        sizes = (draws.tokens(215_000, 0.25, 9_000, 247_000), draws.tokens(2_000, 0.4, 300, 6_000))
        score = calls.quality(draws, 0.06, 0.91)
        month.add(
            draws, calls.GPT_LARGE, at, sizes, intent="nightly_summarise_contracts", quality_score=score, **common
        )
    for at in calls.starts(draws, 475, calls.OFFICE, 0.1):
        sizes = (draws.tokens(195_000, 0.3, 9_000, 244_000), draws.tokens(1_600, 0.4, 300, 5_000))
        score = calls.quality(draws, 0.05, 0.90)
        month.add(draws, calls.GPT_LARGE, at, sizes, intent="summarise_claim_file", quality_score=score, **common)
    for at in calls.starts(draws, 290, calls.OFFICE, 0.1):
        sizes = (draws.tokens(120_000, 0.4, 9_000, 240_000), draws.tokens(800, 0.35, 80, 2_400))
        score = calls.quality(draws, 0.08, 0.93)
        month.add(draws, calls.GPT_LARGE, at, sizes, intent="extract_claim_data", quality_score=score, **common)
    form = month.prompt(3 * BLOCK)
    for at in calls.starts(draws, 90, calls.OFFICE, 0.08):
        prompt = form.grown(draws.tokens(2_600, 0.5, 500, 20_000))
        month.add(
            draws,
            calls.SONNET,
            at,
            (prompt.tokens, draws.tokens(420, 0.35, 60, 1_800)),
            intent="extract_invoice_fields",
            prefix_hashes=prompt.hashes,
            quality_score=calls.quality(draws, 0.1, 0.94),
            **common,
        )
    for at in calls.starts(draws, 70, calls.NIGHT, 0.6):
        sizes = (draws.tokens(7_500, 0.4, 1_000, 40_000), draws.tokens(380, 0.3, 60, 1_500))
        month.add(draws, calls.HAIKU, at, sizes, intent="nightly_index_pages", batch=True, **common)


def analytics(month: Month) -> None:
    """Log the analysts: SQL over a long schema, charts explained, feedback tagged by their own model; one bad day."""
    draws = Draws(month.seed, ANALYTICS)
    schema = month.prompt(22 * BLOCK)
    last: datetime | None = None
    times = sorted(calls.starts(draws, 110, calls.OFFICE, 0.15))
    times += [at + timedelta(seconds=20 * n) for at in times if at.date() == calls.SPIKE_DAY for n in range(1, 6)]
    for at in sorted(times):
        prompt = schema.grown(draws.tokens(1_900, 0.8, 80, 30_000))
        # OpenAI caches by itself, for minutes and not on every machine: about half of what could hit does.
        warm = last is not None and at - last < timedelta(minutes=6) and draws.chance(0.5)
        last = at
        month.add(
            draws,
            calls.GPT_MEDIUM,
            at,
            (prompt.tokens, draws.tokens(640, 0.6, 60, 4_000)),
            tenant=ANALYTICS,
            intent="generate_sql",
            user_id=f"sample-analyst-{draws.whole(1, 25):02d}",
            domain="analytics",
            cache_read_input_tokens=schema.tokens if warm else 0,
            prefix_hashes=prompt.hashes,
            quality_score=calls.quality(draws, 0.08, 0.88),
        )
    for at in calls.starts(draws, 60, calls.OFFICE, 0.2):
        sizes = (draws.tokens(2_400, 0.5, 300, 12_000), draws.tokens(310, 0.4, 60, 1_200))
        user = f"sample-analyst-{draws.whole(1, 25):02d}"
        month.add(
            draws, calls.LLAMA, at, sizes, tenant=ANALYTICS, intent="explain_chart", user_id=user, domain="analytics"
        )
    for at in calls.starts(draws, 50, calls.AROUND_THE_CLOCK, 0.8):
        # No price list knows what the company's own GPUs cost a token, and a few calls lost the name of their model.
        lost = draws.chance(0.03)
        sizes = (draws.tokens(800, 0.4, 120, 4_000), draws.whole(6, 30))
        month.add(
            draws, calls.UNKNOWN if lost else calls.QWEN, at, sizes, tenant=ANALYTICS, intent="tag_feedback",
            domain="analytics",
        )  # fmt: skip
