"""Read JSON-lines and CSV logs: the fast way where they are clean, the exact way where they are not."""

from __future__ import annotations

from tokenop.errors import Finding
from tokenop.events import exact, exact_csv, exact_judge, hashing, log_fast, schema, sql
from tokenop.events.log_job import Ingested, Job, header_findings, judged, refused, surveyed


def read_jsonl(job: Job) -> Ingested:
    """Read a JSON-lines log."""
    return fast_jsonl(job) or exact_jsonl(job)


def fast_jsonl(job: Job) -> Ingested | None:
    """Return the result for a clean JSON-lines log; None where the exact pass must look."""
    converted = log_fast.convert_jsonl(job.connection, job.path, job.scratch)
    if converted is None:
        return None
    target, forms, count = converted
    found = surveyed(job, target, dict.fromkeys(forms, "typed"))
    return found if found is not None and found.rows == count else None


def exact_jsonl(job: Job) -> Ingested:
    """Return the result for any JSON-lines log, each finding with its line."""
    import duckdb

    copy = job.scratch / "numbered.jsonl"
    for each_line in (False, True):
        numbered = exact.number_jsonl(job.path, copy, each_line)
        forms: dict[str, sql.Form] = {name: "token" for name in schema.types() if name in numbered.fields}
        try:
            return judged(job, numbered, exact_judge.numbered_source(copy, forms), forms)
        except duckdb.Error:
            # A key that stands twice stops DuckDB; looking at each line finds and leaves out its line.
            if each_line:
                raise
        finally:
            copy.unlink()
    raise AssertionError("the second round returns or raises")


def read_csv(job: Job) -> Ingested:
    """Read a CSV log."""
    names = exact_csv.header(job.path)
    if not names:
        return Ingested(0, 0, hashing.combine(0, 0, 0), (), 0, "", ())
    wrong = header_findings(job.path, names)
    return (None if wrong else fast_csv(job, names)) or exact_csv_log(job, names, wrong)


def fast_csv(job: Job, names: list[str]) -> Ingested | None:
    """Return the result for a clean CSV log with the header `names`; None where the exact pass must look."""
    converted = log_fast.convert_csv(job.connection, job.path, job.scratch, names)
    if converted is None:
        return None
    target, forms = converted
    return surveyed(job, target, dict.fromkeys(forms, "typed"))


def exact_csv_log(job: Job, names: list[str], wrong: list[Finding]) -> Ingested:
    """Return the result for any CSV log, each finding with its line; `wrong` is what the header lacks."""
    copy = job.scratch / "numbered.jsonl"
    try:
        numbered = exact_csv.number_csv(job.path, copy, names)
        if wrong:
            return refused(numbered.rows, wrong)
        forms: dict[str, sql.Form] = dict.fromkeys(names, "text")
        return judged(job, numbered, exact_judge.numbered_source(copy, forms), forms)
    finally:
        copy.unlink()
