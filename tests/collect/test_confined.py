from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from tokenop import sqltree
from tokenop.collect.confined import run_map
from tokenop.errors import FindingsError, InputError

pytestmark = pytest.mark.usefixtures("confined_process")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.parquet"
    duckdb.connect().execute(
        "COPY (SELECT i AS id, 'model-' || i % 7 AS model, i * 3 AS n, ['a', 'b'] AS tags,"
        " CAST('{\"a\": {\"b\": 5}}' AS JSON) AS usage, '2026-01-01T00:00:00Z' AS ts, md5(i::VARCHAR) AS digest"
        f" FROM range(20000) t(i)) TO '{path}' (FORMAT parquet)"
    )
    return path


@pytest.fixture
def unchecked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the first wall away, to see whether the second one stands alone."""
    monkeypatch.setattr(sqltree, "check_select", lambda *_: ())


def _left_behind(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir() if entry.name != "source.parquet")


def test_the_rows_of_the_select_become_the_output(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "mapped" / "out.parquet"
    sql = """SELECT id, usage->>'$.a.b' AS b, getvariable('tenant') AS tenant, TRY_CAST(ts AS TIMESTAMPTZ) AS at,
        list_filter(tags, lambda tag: tag = 'b')[1] AS tag FROM source WHERE id < 3; -- done"""
    mapped = run_map(sql, {"source": source}, output, {"tenant": "o'neill"})
    assert mapped.rows == 3
    assert mapped.columns["at"] == "TIMESTAMP WITH TIME ZONE"
    rows = duckdb.connect().execute(f"SELECT id, b, tenant, tag FROM '{output}' ORDER BY id").fetchall()
    assert rows == [(number, "5", "o'neill", "b") for number in range(3)]
    assert _left_behind(output.parent) == ["out.parquet"]


def test_several_inputs_can_be_joined(source: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.parquet"
    duckdb.connect().execute(f"COPY (SELECT 'model-1' AS model, 'one' AS name) TO '{names}' (FORMAT parquet)")
    sql = "SELECT name, count(*) AS n FROM source JOIN names USING (model) GROUP BY ALL"
    run_map(sql, {"source": source, "names": names}, tmp_path / "out.parquet", {})
    assert duckdb.connect().execute(f"FROM '{tmp_path}/out.parquet'").fetchall() == [("one", 2857)]


def test_no_hostile_query_starts_a_process(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    corpus = Path(__file__).resolve().parents[1] / "data" / "hostile_selects.txt"
    lines = corpus.read_text(encoding="utf-8").splitlines()
    hostile = [line for line in lines if line and not line.startswith("#") and "\\u" not in line]
    assert len(hostile) > 150
    for sql in hostile:
        with pytest.raises(FindingsError) as caught:
            run_map(sql, {"source": source}, tmp_path / "out.parquet", {"tenant": "x"}, name="x/map.sql")
        assert all(finding.file == "x/map.sql" and finding.fix for finding in caught.value.findings)
    assert _left_behind(tmp_path) == []


@pytest.mark.parametrize(
    ("sql", "rule", "line", "says"),
    [
        ("SELECT id,\n  modl\nFROM source", "sql-binder", 2, '"modl" not found'),
        ("SELECT id,\n\n  CAST(model AS BIGINT) AS x FROM source", "sql-conversion", 3, "Could not convert"),
        ("SELECT id\nFROM source, read_text('x')", "sql-not-allowed", 2, "read_text"),
    ],
)
def test_an_error_of_the_query_names_line_and_fix(
    sql: str, rule: str, line: int, says: str, source: Path, tmp_path: Path
) -> None:
    with pytest.raises(FindingsError) as caught:
        run_map(sql, {"source": source}, tmp_path / "out.parquet", {}, name="x/map.sql")
    (finding,) = caught.value.findings
    assert (finding.file, finding.line, finding.rule) == ("x/map.sql", line, rule)
    assert says in finding.message
    assert finding.fix
    assert "Traceback" not in str(caught.value)
    assert _left_behind(tmp_path) == []


def test_a_failure_leaves_an_older_output_as_it_was(source: Path, tmp_path: Path) -> None:
    output = tmp_path / "out.parquet"
    run_map("SELECT 1 AS old", {"source": source}, output, {})
    before = output.read_bytes()
    with pytest.raises(FindingsError):
        run_map("SELECT CAST(model AS BIGINT) AS x FROM source", {"source": source}, output, {})
    assert output.read_bytes() == before
    assert _left_behind(tmp_path) == ["out.parquet"]


def test_the_wall_clock_kills_a_query_that_takes_too_long(source: Path, tmp_path: Path) -> None:
    sql = "SELECT sum(a.n * b.n % 7 + c.n) AS s FROM source a, source b, source c WHERE a.n + b.n <> c.n"
    with pytest.raises(InputError, match=r"stopped after 1 s .*`seconds`"):
        run_map(sql, {"source": source}, tmp_path / "out.parquet", {}, seconds=1)
    assert _left_behind(tmp_path) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces an address-space limit")
def test_a_query_that_needs_too_much_memory_is_told_so(source: Path, tmp_path: Path) -> None:
    sql = "SELECT list(a.digest || b.digest ORDER BY a.id) AS l FROM source a JOIN source b ON b.id < 2000"
    with pytest.raises(InputError, match=r"more than 1536 MB .*`memory_mb`"):
        run_map(sql, {"source": source}, tmp_path / "out.parquet", {}, memory_mb=1536)
    assert _left_behind(tmp_path) == []


def test_a_limit_below_what_duckdb_needs_is_refused(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at least 1536"):
        run_map("SELECT 1 AS x", {"source": source}, tmp_path / "out.parquet", {}, memory_mb=100)


def test_an_input_that_is_missing_or_no_parquet_is_named(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.parquet"):
        run_map("SELECT 1 AS x", {"source": tmp_path / "nowhere.parquet"}, tmp_path / "out.parquet", {})
    broken = tmp_path / "broken.parquet"
    broken.write_text("not parquet")
    with pytest.raises(InputError, match=r"broken\.parquet"):
        run_map("SELECT 1 AS x", {"source": broken}, tmp_path / "out.parquet", {})


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT content FROM read_text('{secret}')",
        "SELECT * FROM '{secret}'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_parquet('https://example.org/x.parquet')",
        "SELECT query('SELECT 1')",
        "SELECT 1) TO '{folder}/evil.csv' (FORMAT csv); COPY (SELECT 1",
        "SELECT 1) TO '{folder}/evil.csv' (FORMAT csv) --",
        "SELECT 1); ATTACH '{folder}/evil.db' AS evil; COPY (SELECT 1",
        "SELECT 1); SET enable_external_access = true; COPY (SELECT * FROM read_text('{secret}')",
        "SELECT 1); INSTALL httpfs; COPY (SELECT 1",
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_the_child_alone_reaches_no_other_file(sql: str, source: Path, tmp_path: Path) -> None:
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    secret = folder / "secret.csv"
    secret.write_text("hidden\ntreasure\n")
    with pytest.raises((FindingsError, InputError)) as caught:
        run_map(
            sql.format(secret=secret, folder=folder),
            {"source": source},
            tmp_path / "out" / "out.parquet",
            {},
            seconds=30,
        )
    assert "treasure" not in str(caught.value)
    assert [entry.name for entry in folder.iterdir()] == ["secret.csv"]
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux enforces an address-space limit")
@pytest.mark.usefixtures("unchecked")
def test_the_child_alone_stops_what_grows_out_of_nothing(source: Path, tmp_path: Path) -> None:
    for sql in ("SELECT len(range(2000000000)) AS x", "SELECT len(repeat('x', 4000000000)) AS x"):
        with pytest.raises(InputError, match="memory"):
            run_map(sql, {"source": source}, tmp_path / "out.parquet", {}, seconds=30)


@pytest.mark.usefixtures("unchecked")
def test_the_child_alone_stops_what_only_sleeps(source: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="stopped after"):
        run_map("SELECT sleep_ms(60000) AS x", {"source": source}, tmp_path / "out.parquet", {}, seconds=1)


@pytest.mark.usefixtures("unchecked")
def test_no_process_stays_behind(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    real = subprocess.Popen

    def remember(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        child: subprocess.Popen[bytes] = real(*arguments, **options)
        started.append(child)
        return child

    monkeypatch.setattr(subprocess, "Popen", remember)
    with pytest.raises(InputError):
        run_map("SELECT sleep_ms(60000) AS x", {"source": source}, tmp_path / "out.parquet", {}, seconds=0.7)
    (child,) = started
    assert child.returncode is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(child.pid, 0)


def test_the_child_gets_none_of_the_environment(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    seen: list[dict[str, str]] = []
    real = subprocess.Popen

    def remember(*arguments: object, **options: object) -> subprocess.Popen[bytes]:
        seen.append(dict(options["env"]))
        return real(*arguments, **options)

    monkeypatch.setattr(subprocess, "Popen", remember)
    run_map("SELECT 1 AS x", {"source": source}, tmp_path / "out.parquet", {})
    assert "sk-secret" not in str(seen)
    assert "PYTHONPATH" not in seen[0]
