"""The document pipeline: a publisher's archive read by night, forms by day; long prompts, and most of it can wait.

No conversation, no agent, nothing asked twice, no two prompts that begin alike.
"""

from __future__ import annotations

from tokenop.sample import calls, files
from tokenop.sample.calls import Month
from tokenop.sample.draws import Draws
from tokenop.sample.prompts import BLOCK

ARCHIVE = "sample-archive"
ACCOUNTS = "sample-accounts"
DAYS = 14
COMMON = {"domain": "documents"}
# The forms are read where the tables are, through that warehouse's own functions.
WAREHOUSE = "sample-account.snowflake.example"


def events(seed: int) -> list[dict[str, object]]:
    """Return the calls in order of time, each a dict of event fields."""
    made = Month(seed)
    draws = Draws(seed, "document-pipeline")
    _archive(made, draws)
    _forms(made, draws)
    return files.finished(made, DAYS)


def _archive(made: Month, draws: Draws) -> None:
    """Log the nightly work on long documents, what is in batches already, and what an editor waits for."""
    for at in calls.starts(draws, 210, calls.NIGHT, 0.4, DAYS):
        sizes = (draws.tokens(150_000, 0.3, 9_000, 240_000), draws.tokens(1_900, 0.35, 300, 5_000))
        score = calls.quality(draws, 0.06, 0.91)
        made.add(draws, calls.GPT_LARGE, at, sizes, tenant=ARCHIVE, intent="nightly_summarise_volumes",
                 quality_score=score, **COMMON)  # fmt: skip
    for at in calls.starts(draws, 60, calls.OFFICE, 0.05, DAYS):
        sizes = (draws.tokens(70_000, 0.4, 5_000, 200_000), draws.tokens(1_200, 0.4, 200, 4_000))
        score = calls.quality(draws, 0.08, 0.90)
        made.add(draws, calls.GPT_LARGE, at, sizes, tenant=ARCHIVE, intent="summarise_for_editor",
                 quality_score=score, **COMMON)  # fmt: skip
    for at in calls.starts(draws, 90, calls.NIGHT, 1.0, DAYS):
        sizes = (draws.tokens(6_500, 0.4, 800, 30_000), draws.tokens(5_200, 0.4, 600, 16_000))
        made.add(draws, calls.LLAMA, at, sizes, tenant=ARCHIVE, intent="backfill_translate_pages", **COMMON)
    for at in calls.starts(draws, 80, calls.NIGHT, 1.5, DAYS):
        sizes = (draws.tokens(8_000, 0.4, 1_000, 40_000), draws.tokens(350, 0.3, 60, 1_500))
        made.add(draws, calls.HAIKU, at, sizes, tenant=ARCHIVE, intent="nightly_index_pages", batch=True, **COMMON)


def _forms(made: Month, draws: Draws) -> None:
    """Log the fields taken out of invoices and contracts, in an answer that a program can check.

    Each prompt begins with the document and ends with the form: no two begin alike, and no provider's cache can help.
    """
    form, clauses = 3 * BLOCK + 200, 4 * BLOCK
    for at in calls.starts(draws, 150, calls.OFFICE, 0.1, DAYS):
        prompt = made.prompt(draws.tokens(2_400, 0.5, 400, 16_000) + form)
        made.add(
            draws,
            calls.SONNET,
            at,
            (prompt.tokens, draws.tokens(400, 0.35, 60, 1_600)),
            tenant=ACCOUNTS,
            intent="extract_invoice_fields",
            endpoint=WAREHOUSE,
            prefix_hashes=prompt.hashes,
            quality_score=calls.quality(draws, 0.1, 0.94),
            **COMMON,
        )
    for at in calls.starts(draws, 70, calls.NIGHT, 0.2, DAYS):
        sizes = (draws.tokens(24_000, 0.5, 2_000, 120_000) + clauses, draws.tokens(700, 0.4, 100, 2_400))
        score = calls.quality(draws, 0.1, 0.92)
        made.add(draws, calls.SONNET, at, sizes, tenant=ACCOUNTS, intent="nightly_extract_clauses",
                 endpoint=WAREHOUSE, quality_score=score, **COMMON)  # fmt: skip
    for at in calls.starts(draws, 120, calls.OFFICE, 0.1, DAYS):
        sizes = (draws.tokens(1_100, 0.4, 200, 4_000), draws.whole(8, 40))
        made.add(draws, calls.GPT_MEDIUM, at, sizes, tenant=ACCOUNTS, intent="classify_document", **COMMON)
