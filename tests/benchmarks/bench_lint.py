"""How long all rules take over thousands of templates, against check-jsonschema over their frontmatter alone.

Run it with `python -m tests.benchmarks.bench_lint [--templates 2000] [--runs 3]` from the repository. The templates are
the shipped ones and variations of them, no two with the same id, expressions or text. Both programs run as child
processes on the same files in turn; medians are compared. The claim is a ratio, not a time: it holds on two cores or
more. The second figure is a run over one changed template of that repository, as a pre-commit hook does it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tokenop import documents, settings
from tokenop.catalogue import schema
from tokenop.catalogue.places import find

LINT = [sys.executable, "-m", "tokenop", "templates", "lint", "--today", "2026-11-22"]
BASELINE = [sys.executable, "-m", "check_jsonschema", "--schemafile", str(schema.SCHEMA_FILE)]
LEAST_RATIO, MOST_SECONDS = 5.0, 1.0
WORDS = ("usual", "late", "early", "plain", "heavy", "small", "large", "steady", "rare", "common", "simple", "former")


def varied(document: documents.Document, number: int) -> tuple[str, str]:
    """Return id and text of a template like `document`, but with an id, expressions and text of its own."""
    draw = random.Random(number)
    identity = f"{document.meta['id'][:50]}-{number:05d}"
    levers = document.meta["economics"]["levers"]
    expressions = ["applies_when", *(f"economics.levers[{index}].where" for index in range(len(levers)))]
    replaced = {"id": identity, "supersedes": "[]", "requires": "[]", "conflicts": "[]"}
    for path in expressions:
        limit = f"calls >= {number}" if path == "applies_when" else f"input_tokens <> {number + 500_000}"
        if path != "applies_when" and "capacity" in str(document.value(path.replace("where", "kind"))):
            limit = f"total <> {number + 500_000}"
        replaced[path] = json.dumps(f"({document.value(path)}) AND {limit}", ensure_ascii=False)
    front = document.text
    for path, text in sorted(replaced.items(), key=lambda one: -document.spans[one[0]].start):
        span = document.spans[path]
        end = front.index("]", span.start) + 1 if text == "[]" else span.end
        front = front[: span.start] + text + ("\n" if front[end - 1] == "\n" else "") + front[end:]
    head, body = front.split("\n---\n", 1)
    lines, fenced = [], False
    for line in body.split("\n"):
        fenced ^= line.startswith("```")
        if len(line) > 30 and not fenced and not line.startswith(("#", "|", "```")):
            line = re.sub(r"\b(the|a) (?=[a-z])", lambda found: f"{found[0]}{draw.choice(WORDS)} ", line)
            line = re.sub(r"\b(and|or) (?=[a-z])", lambda found: f"{found[0]}{draw.choice(WORDS)} ", line)
        lines.append(line)
    return identity, f"{head}\n---\n" + "\n".join(lines)


def generate(root: Path, number: int) -> list[Path]:
    """Write a repository of `number` templates, the frontmatter of each beside it; return the files of frontmatter."""
    shipped = [documents.load(path) for path in find(settings.content("templates"))]
    listed = [(document.meta["layer"], document.meta["id"], document.text) for document in shipped]
    for count in range(number - len(shipped)):
        document = shipped[count % len(shipped)]
        listed.append((document.meta["layer"], *varied(document, count)))
    fronts = []
    for layer, identity, text in listed:
        path, front = root / "templates" / layer / f"{identity}.md", root / "front" / f"{identity}.yaml"
        for one, content in ((path, text), (front, text.split("\n---\n")[0].removeprefix("---\n") + "\n")):
            one.parent.mkdir(parents=True, exist_ok=True)
            one.write_text(content, encoding="utf-8")
        fronts.append(front)
    return fronts


def seconds(command: list[str], home: Path) -> tuple[float, float, str]:
    """Return wall time and processor time of a child process and its own children, and what it printed."""
    environment = {**os.environ, "HOME": str(home), "NO_COLOR": "1"}
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    spent, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    if ran.returncode not in (0, 1) or "Traceback" in ran.stderr:
        raise SystemExit(ran.stderr)
    return spent, worked, ran.stdout


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--templates", type=int, default=2_000)
    parser.add_argument("--runs", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="tokenop-bench-") as folder:
        root = Path(folder)
        fronts = [str(path) for path in generate(root, asked.templates)]
        one = next((root / "templates" / "serving-layer").glob("*-0*.md"))
        times: dict[str, list[tuple[float, float]]] = {"ours": [], "theirs": [], "one": []}
        for _ in range(asked.runs):
            times["theirs"].append(seconds([*BASELINE, *fronts], root)[:2])
            *spent, printed = seconds([*LINT, "--json", str(root / "templates")], root)
            times["ours"].append((spent[0], spent[1]))
            times["one"].append(seconds([*LINT, str(one)], root)[:2])
    told = json.loads(printed)
    lint, schema_only, single = (
        statistics.median(wall for wall, _ in times[name]) for name in ("ours", "theirs", "one")
    )
    worked, schema_worked = (statistics.median(cpu for _, cpu in times[name]) for name in ("ours", "theirs"))
    figures = {
        "templates": told["files"],
        "errors": told["errors"],
        "warnings": told["warnings"],
        "lint_s": round(lint, 2),
        "lint_ms_a_file": round(lint / asked.templates * 1000, 2),
        "check_jsonschema_s": round(schema_only, 2),
        "check_jsonschema_ms_a_file": round(schema_only / asked.templates * 1000, 2),
        "times_as_fast": round(schema_only / lint, 2),
        # Where others work on the same machine, the processor's time is what can be trusted.
        "lint_cpu_s": round(worked, 2),
        "check_jsonschema_cpu_s": round(schema_worked, 2),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "one_changed_s": round(single, 2),
        "met": schema_only / lint >= LEAST_RATIO and single < MOST_SECONDS,
    }
    sys.stdout.write(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
