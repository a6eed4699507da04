"""What is checked in a template, as data: stable identifiers, what each means and why it matters."""

from __future__ import annotations

from dataclasses import dataclass

from tokenop.documents import Document, Place
from tokenop.errors import Finding, Severity


@dataclass(frozen=True, slots=True)
class Rule:
    """One check. Its identifier never changes meaning."""

    id: str
    severity: Severity
    what: str
    why: str


RULES: dict[str, Rule] = {
    rule.id: rule
    for rule in (
        Rule("FM001", "error", "Frontmatter is strict YAML.", "Parsers disagree on the rest, and aliases can explode."),
        Rule("FM002", "error", "Required keys are there.", "The engine takes no defaults for money, risk or rollback."),
        Rule("FM003", "error", "No unknown keys.", "A misspelt key would silently do nothing."),
        Rule("FM004", "error", "Values have the right type and are within bounds.", "So that nothing is guessed."),
        Rule("FM006", "error", "Dates are real days in order.", "Freshness is judged by them."),
        Rule("FM099", "error", "Not all findings of a file are listed.", "A list that nobody reads helps nobody."),
        Rule("ID001", "error", "The id is a slug.", "It names files, folders and links."),
        Rule("ID002", "error", "The id is the file's name.", "A template is found by its id."),
        Rule("ID003", "error", "The layer is the folder.", "The layer is read off the path."),
        Rule("ID004", "error", "The id is unique.", "Results are kept by id."),
        Rule("ID007", "error", "The file is a regular file with a plain name.", "A link could point anywhere."),
        Rule("EC001", "error", "low <= expected <= high.", "Otherwise the range says nothing."),
        Rule("EX001", "error", "Expressions are safe predicates over known columns.", "They run on people's data."),
        Rule("LV001", "error", "Parameters and options belong to the lever's kind.", "The engine would ignore others."),
        Rule("LV002", "error", "Required parameters and options are given.", "The engine guesses none."),
        Rule("LV003", "error", "Parameters and options are within bounds.", "A share above 1 is not a share."),
        Rule("LV004", "error", "A cross-layer template has levers of at least two kinds.", "One kind is one layer."),
        Rule("PT001", "error", "Patch targets stay inside the repository.", "A patch must not reach other files."),
        Rule("PT002", "error", "Patch content fits its merge rule.", "What cannot be parsed cannot be merged."),
        Rule("SC001", "error", "The body has every section.", "Readers find the same answers in the same place."),
        Rule("SC002", "warning", "Sections are in order.", "Readers find the same answers in the same place."),
        Rule("SC003", "error", "No section is empty.", "A heading is not an answer."),
        Rule("SC004", "error", "Rollback has trigger, numbered steps and verification.", "It is read in a hurry."),
        Rule("SC005", "error", "Monitoring names metric and threshold.", "Otherwise nobody knows when to act."),
        Rule("GR001", "error", "Templates that are named exist.", "A dangling name never takes effect."),
        Rule("GR002", "error", "Requirements do not go in a circle.", "Nothing in the circle could be chosen first."),
        Rule("GR004", "error", "Nothing is both required and in conflict.", "It could never be chosen."),
    )
}


def finding(
    document: Document, rule: str, field: str, message: str, fix: str = "", *, place: Place | None = None
) -> Finding:
    """Return a finding of `rule` at the value of `field`, or at `place`."""
    line, column = place or document.line(field)
    return Finding(str(document.path), line, field, rule, RULES[rule].severity, message, column, fix)
