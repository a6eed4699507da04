"""The types that contributed SQL and manifests may name."""

from __future__ import annotations

import functools
from typing import Any

from tokenop.sqltree import bench
from tokenop.sqltree.functions import words
from tokenop.sqltree.problem import Problem, did_you_mean

PLAIN = words("""
    BIGINT BLOB BOOLEAN DATE DECIMAL DOUBLE FLOAT HUGEINT INTEGER INTERVAL NUMERIC REAL SMALLINT TIME TIMESTAMP
    TIMESTAMP_MS TIMESTAMP_NS TIMESTAMP_S TIMESTAMPTZ TINYINT UBIGINT UINTEGER USMALLINT UTINYINT VARCHAR
    INT INT4 INT8 INT64 INT32 LONG FLOAT4 FLOAT8 STRING TEXT CHAR BPCHAR BOOL DATETIME UUID
    """) | {"TIMESTAMP WITH TIME ZONE"}
NESTED = frozenset({"LIST", "ARRAY", "STRUCT", "MAP", "JSON"})


@functools.lru_cache(maxsize=512)
def check_type(type_name: str) -> Problem | None:
    """Return why a manifest may not declare the type `type_name` (`BIGINT`, `STRUCT(a INT)[]`); None where it may."""
    if len(type_name) > 4000 or type_name.count("(") > 60 or type_name.count("(") != type_name.count(")"):
        return Problem("this is not a type", 0, "name one such as VARCHAR, BIGINT or STRUCT(a BIGINT)[]")
    prefix = "SELECT CAST(NULL AS "
    statements, problem = bench.parse(type_name + "\n)", prefix)
    if problem:
        return problem
    node = statements[0].get("node", {}) if len(statements) == 1 else {}
    columns = node.get("select_list", [])
    plain = node.get("type") == "SELECT_NODE" and node.get("from_table", {}).get("type") == "EMPTY"
    if not plain or len(columns) != 1 or columns[0].get("class") != "CAST" or columns[0].get("alias"):
        return Problem("this is not a type", 0, "name one such as VARCHAR, BIGINT or STRUCT(a BIGINT)[]")
    return refused(columns[0]["type_expr"])


def refused(node: dict[str, Any], nested: bool = True) -> Problem | None:
    """Return why the type tree `node` is not allowed, or None; `nested` tells whether lists and structs are."""
    name = str(node.get("type_name", "")).upper()
    allowed = PLAIN | NESTED if nested else PLAIN
    if node.get("class") != "TYPE" or node.get("catalog") or node.get("schema") or name not in allowed:
        return Problem(f"the type {name or '?'} is not allowed here", None, did_you_mean(name, allowed))
    for child in node.get("children", []):
        if child.get("class") == "CONSTANT":
            if child.get("literal", {}).get("kind") != "INTEGER":
                return Problem(f"the type {name} takes whole numbers only", None, "write for example DECIMAL(38, 12)")
        elif problem := refused(child, nested):
            return problem
    return None
