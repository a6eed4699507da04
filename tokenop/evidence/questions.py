"""The seven areas of a review, as the seed of this project names them, each with what to look at."""

from __future__ import annotations

from typing import NamedTuple


class Question(NamedTuple):
    """One area: its field in reviews.md, what it is called, and what a reviewer is asked."""

    id: str
    title: str
    prompts: tuple[str, ...]


QUESTIONS: tuple[Question, ...] = (
    Question(
        "technical",
        "Technical accuracy across the layers",
        (
            "Is each setting named as the product names it, with a value that works today?",
            "Is it said where the change does not help, and what it costs there?",
            "Does what is said of one layer hold for the layers it touches?",
        ),
    ),
    Question(
        "economics",
        "Economic model and realistic projections",
        (
            "Is each parameter's range one that you would defend, and is its source worth its evidence tier?",
            "Is everything paid for that the change costs: write premiums, second calls, idle machines, running cost?",
            "Would you expect the claimed saving on a workload that you know?",
        ),
    ),
    Question(
        "implementation",
        "Implementation clarity and dependencies",
        (
            "Could somebody who does not know the technique follow the steps?",
            "Is everything named that must be there first, in `requires` or in the text?",
            "Are the hours honest?",
        ),
    ),
    Question(
        "coordination",
        "Coordination and integration across layers",
        (
            "Does it work beside the templates it does not conflict with, in the order they would be applied?",
            "Does a change in one layer undo what another one gains, such as a warm cache?",
            "Is it said who must act together?",
        ),
    ),
    Question(
        "risk",
        "Risk and rollback",
        (
            "What is the worst that happens, and is it named?",
            "Would somebody woken at night find trigger, steps and verification?",
            "Do the monitored figures fall before users notice?",
        ),
    ),
    Question(
        "format",
        "Format of the template",
        (
            "Does the linter find nothing?",
            "Does the text say what the frontmatter says, no more and no less?",
            "Are the sources there, and do they say what they are cited for?",
        ),
    ),
    Question(
        "collectors",
        "Collectors and the canonical event",
        (
            "Do the columns in `where` and `applies_when` come from the collectors that its readers have?",
            "Does it stay silent where those columns are empty?",
            "Can the effect be seen afterwards in events alone?",
        ),
    ),
)

IDS: tuple[str, ...] = tuple(question.id for question in QUESTIONS)
