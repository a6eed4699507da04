"""The chat assistant: a shop's customers ask much the same, in short conversations, and read what they get.

Many small calls, a third of them asked word for word before, long answers for their input, nothing that can wait.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from tokenop.sample import calls, files
from tokenop.sample.calls import Month
from tokenop.sample.draws import Draws
from tokenop.sample.prompts import BLOCK, Prompt

SHOP = "sample-shop"
PARTNERS = "sample-partner-shops"
DAYS = 14
COMMON = {"domain": "retail"}
# Questions that come again and again: delivery, returns, sizes.
KNOWN_QUESTIONS = 240
REPEATED = 0.6


def events(seed: int) -> list[dict[str, object]]:
    """Return the calls in order of time, each a dict of event fields."""
    made = Month(seed)
    draws = Draws(seed, "chat-assistant")
    _answers(made, draws)
    _replies(made, draws)
    _recommendations(made, draws)
    _small(made, draws)
    return files.finished(made, DAYS)


def _answers(made: Month, draws: Draws) -> None:
    """Log conversations: the first question is often one that was asked before, follow-ups never are."""
    system = made.prompt(2 * BLOCK + 300)
    known: list[tuple[Prompt, str]] = []
    for _ in range(KNOWN_QUESTIONS):
        asked = system.grown(draws.tokens(900, 0.4, 200, 3_000))
        known.append((asked, made.prompt_names.new()))
    for at in calls.starts(draws, 300, calls.AROUND_THE_CLOCK, 1.2, DAYS):
        prompt, name = known[draws.rank(len(known))]
        if not draws.chance(REPEATED):
            prompt, name = system.grown(draws.tokens(900, 0.4, 200, 3_000)), made.prompt_names.new()
        _conversation(made, draws, at, prompt, name)


def _conversation(made: Month, draws: Draws, at: datetime, prompt: Prompt, name: str) -> None:
    session, user = made.session(), f"sample-customer-{draws.whole(1, 999):03d}"
    europe = draws.chance(0.4)
    turns = draws.pick((1, 2, 3, 4, 5), (58, 24, 11, 5, 2))
    for turn in range(turns):
        answer = draws.tokens(430, 0.45, 40, 1_800)
        latency = made.add(
            draws,
            calls.OPUS,
            at,
            (prompt.tokens, answer),
            tenant=SHOP,
            intent="answer_customer",
            session_id=session,
            user_id=user,
            region="eu-west-1" if europe else "us-east-1",
            prompt_hash=name,
            prefix_hashes=prompt.hashes,
            quality_score=calls.quality(draws, 0.06, 0.91),
            **COMMON,
        )
        if turn + 1 < turns:
            at += timedelta(milliseconds=round(latency) + draws.tokens(45_000, 0.9, 3_000, 1_200_000))
            prompt, name = prompt.grown(answer + draws.whole(20, 200)), made.prompt_names.new()


def _replies(made: Month, draws: Draws) -> None:
    """Log drafts of letters to customers: more output than anything else here."""
    guide = made.prompt(BLOCK + 400)
    for at in calls.starts(draws, 110, calls.OFFICE, 0.3, DAYS):
        prompt = guide.grown(draws.tokens(700, 0.5, 100, 4_000))
        made.add(
            draws,
            calls.OPUS,
            at,
            (prompt.tokens, draws.tokens(950, 0.4, 200, 3_500)),
            tenant=SHOP,
            intent="draft_letter",
            prefix_hashes=prompt.hashes,
            quality_score=calls.quality(draws, 0.08, 0.90),
            **COMMON,
        )


def _recommendations(made: Month, draws: Draws) -> None:
    """Log advice in the shops of partners, on another vendor's large model and in Europe."""
    for at in calls.starts(draws, 95, calls.AROUND_THE_CLOCK, 1.4, DAYS):
        sizes = (draws.tokens(5_200, 0.35, 1_200, 16_000), draws.tokens(320, 0.4, 40, 1_200))
        score = calls.quality(draws, 0.06, 0.89)
        made.add(draws, calls.GPT_LARGE, at, sizes, tenant=PARTNERS, intent="recommend_products",
                 quality_score=score, **COMMON)  # fmt: skip


def _small(made: Month, draws: Draws) -> None:
    """Log the tiny calls around each conversation: which kind of question it is, and which order is meant."""
    for at in calls.starts(draws, 210, calls.AROUND_THE_CLOCK, 1.2, DAYS):
        sizes = (draws.tokens(380, 0.4, 80, 1_500), draws.whole(4, 12))
        made.add(draws, calls.GPT_SMALL, at, sizes, tenant=SHOP, intent="classify_message", **COMMON)
    for at in calls.starts(draws, 110, calls.AROUND_THE_CLOCK, 1.2, DAYS):
        sizes = (draws.tokens(1_300, 0.3, 400, 4_000), draws.tokens(80, 0.4, 16, 300))
        score = calls.quality(draws, 0.05, 0.94)
        made.add(draws, calls.GPT_MEDIUM, at, sizes, tenant=SHOP, intent="find_order", quality_score=score, **COMMON)
