"""Rows that tell of a call that another row tells of already."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tokenop.collect.manifest import Manifest
from tokenop.database import identifier
from tokenop.events.hashing import row_text
from tokenop.events.schema import EVENT, Record, types

if TYPE_CHECKING:
    import duckdb

# Rows are ordered by where they stand and, where one line holds several, by what they hold.
ORDER = "_file, _line, _digest"
RULE = "EV-UNIQUE"


def within(connection: duckdb.DuckDBPyConnection, manifest: Manifest, relation: str, *, keyed: bool) -> str | None:
    """Return a SELECT of `relation`'s rows with their final ids and `_status`; None where all are final already.

    `relation` holds judged candidates: `_status` is `event` for the sound ones. Of the sound rows with equal
    `_duplicate_key` the one of highest `_rank` is an event and the others are duplicates; so for rows that are equal in
    all columns of the manifest's `dedupe`. Ids of ours end in `1`: here they get the number of the occurrence, so that
    two equal rows are two calls and keep their ids when the file grows. `keyed` says whether the mapping returns
    `_duplicate_key`.
    """
    columns = [identifier(name) for name in manifest.dedupe]
    same = (
        f"row_number() OVER (PARTITION BY _sound, {', '.join(columns)} ORDER BY {ORDER}) > 1 "
        f"AND {' AND '.join(f'{column} IS NOT NULL' for column in columns)}"
        if columns
        else "false"
    )
    # Without keys the window would sort all rows as one partition, for nothing.
    second = (
        f"_duplicate_key IS NOT NULL AND row_number() OVER (PARTITION BY _sound, _duplicate_key "
        f"ORDER BY _rank DESC NULLS LAST, {ORDER}) > 1"
        if keyed
        else "false"
    )
    derived = "_derived AND _status = 'event'"
    repeated = f"SELECT _digest FROM {relation} WHERE {derived} GROUP BY _digest HAVING count(*) > 1"
    if not keyed and not columns and not connection.execute(f"{repeated} LIMIT 1").fetchone():
        return None
    # Few rows are equal to another: only those go through the window, which would carry each whole row along.
    return f"""
        WITH repeated AS NOT MATERIALIZED ({repeated}),
        numbered AS NOT MATERIALIZED (
            SELECT *, 1 AS _n FROM {relation} ANTI JOIN repeated USING (_digest)
            UNION ALL
            SELECT *, row_number() OVER (PARTITION BY {derived}, _digest ORDER BY {ORDER}) AS _n
            FROM {relation} SEMI JOIN repeated USING (_digest)
        ),
        sound AS NOT MATERIALIZED (SELECT *, _status = 'event' AS _sound FROM numbered),
        keyed AS NOT MATERIALIZED (SELECT *, {second} AS _second, {same} AS _same FROM sound)
        SELECT * EXCLUDE (_n, _sound, _second, _same) REPLACE (
            CASE WHEN _derived AND _sound THEN left(id, length(id) - 1) || _n ELSE id END AS id,
            CASE WHEN _sound AND (_second OR _same) THEN 'duplicate' ELSE _status END AS _status
        )
        FROM keyed"""


def across(relation: str, record: Record = EVENT) -> str:
    """Return a SELECT of `_collector`, `_number`, `_same`, `_file`, `_line` for every event whose id is taken.

    The first row of an id, by collector, file and line, keeps it. `_same` says whether the other holds the same
    event: then it is a duplicate. An id that stands for two different events is an error of the source (or of the
    mapping), and the second is rejected: counting it as a duplicate would make a call vanish silently.
    """
    text = row_text((name for name in types(record) if name != "id"), record)
    return f"""
        WITH twice AS (SELECT id FROM {relation} WHERE _status = 'event' GROUP BY id HAVING count(*) > 1),
        rivals AS (
            SELECT _collector, _number, id, _file, _line, md5({text}) AS _content,
                row_number() OVER named AS _place,
                first_value(md5({text})) OVER named AS _first,
                first_value(_file || CASE WHEN _line > 0 THEN ':' || _line ELSE '' END) OVER named AS _where
            FROM {relation} SEMI JOIN twice USING (id)
            WHERE _status = 'event'
            WINDOW named AS (PARTITION BY id ORDER BY _collector, {ORDER}, _number)
        )
        SELECT _collector, _number, id, _content = _first AS _same, _where FROM rivals WHERE _place > 1"""
