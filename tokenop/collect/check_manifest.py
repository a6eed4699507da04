"""What a manifest says of licence, hosts and rights, held against what is sensible."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tokenop import documents
from tokenop.collect.manifest import Manifest
from tokenop.errors import Finding

LICENCE_RULE, TRUST_RULE = "COLLECTOR-LICENCE", "COLLECTOR-TRUST"

# SPDX identifiers under which a sample may be shipped in an Apache-2.0 project and run in anyone's tests.
LICENCES = (
    "Apache-2.0",
    "MIT",
    "MIT-0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "0BSD",
    "ISC",
    "CC0-1.0",
    "CC-BY-4.0",
    "CDLA-Permissive-2.0",
    "ODC-By-1.0",
    "PDDL-1.0",
    "Unlicense",
)
# Rights that a reader of logs has no use for. `USE`, `SELECT`, `USAGE`, `MONITOR` and roles pass.
_WRITES = re.compile(
    r"\bGRANT\s+(.*?\b)?(ALL|INSERT|UPDATE|DELETE|MODIFY|MANAGE|OWNERSHIP|CREATE|WRITE|TRUNCATE|DROP|ACCOUNTADMIN|SYSADMIN)\b"
    r"|:(Put|Delete|Create)|\w:\*|/(write|delete|action)(\s|$)",
    re.IGNORECASE,
)
_HAND_WRITTEN = re.compile(r"written by hand|invented|made up|own words", re.IGNORECASE)


def problems(collector: Manifest, extracts: bool) -> Iterator[Finding]:
    """Yield what is wrong with the licence, the hosts and the rights of a manifest whose shape is sound.

    `extracts` says whether this program has an extractor for the collector.
    """
    document = documents.load(collector.readme)
    for path, message, fix in (*_licence(document), *_trust(collector, extracts)):
        line, column = document.line(path)
        rule = LICENCE_RULE if path == "sample_license" else TRUST_RULE
        yield Finding(str(document.path), line, path, rule, "error", message, column=column, fix=fix)


def _licence(document: documents.Document) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with `sample_license`: an SPDX identifier, perhaps `; ` and where the sample is from."""
    said = str(document.meta["sample_license"])
    identifier = said.partition(";")[0].strip()
    if identifier in LICENCES:
        return
    if _HAND_WRITTEN.search(said):
        yield "sample_license", f"{said!r} names no licence", 'write "Apache-2.0; written by hand for this project"'
    else:
        listed = ", ".join(LICENCES)
        fix = f"one of {listed}; other rows must be written anew, by hand"
        yield "sample_license", f"{identifier!r} is not a licence under which samples are taken", fix


def _trust(collector: Manifest, extracts: bool) -> Iterator[tuple[str, str, str]]:
    """Yield what does not fit between network step, hosts and rights."""
    if collector.extract is None:
        if collector.egress:
            yield "egress", "names hosts, but there is no `extract`: files are read", "leave it empty: []"
    else:
        if not extracts:
            yield "extract", "has no extractor in this program", "export to files and read those; extractors are code"
        if not collector.grants:
            message = "is empty, but extracting needs a right"
            yield "grants", message, "state the exact GRANTs, or the least scope of the key"
    for index, grant in enumerate(collector.grants):
        if _WRITES.search(grant):
            yield f"grants[{index}]", f"asks for more than reading: {grant}", "name the least right that reads"
