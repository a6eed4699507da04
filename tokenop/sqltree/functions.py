"""The functions and operators that contributed SQL may use.

A name is listed when its result depends on its arguments alone (no clock, file, setting or chance), and when it makes
nothing out of nothing: `range`, `repeat` and `lpad` turn a number of ten digits into gigabytes. Predicates run in this
process over millions of rows, so theirs is a short list of cheap functions whose result is never larger than their
arguments together (`replace` nested in itself grows without bound).
"""

from __future__ import annotations


def words(text: str) -> frozenset[str]:
    """Return the words of `text` as a set: the form in which the lists below are easiest to review."""
    return frozenset(text.split())


PREDICATE_FUNCTIONS = words("""
    abs ceil ceiling floor greatest least nullif round sign trunc
    char_length contains ends_with instr left length lower ltrim prefix regexp_full_match regexp_matches right rtrim
    split_part starts_with strpos substr substring suffix trim upper
    date_part date_trunc day dayofmonth dayofweek dayofyear epoch hour isodow minute month quarter second timezone week
    weekday year
    array_contains array_length len list_contains list_has list_has_all list_has_any list_value
    """)

PREDICATE_OPERATORS = words("+ - * / // % || ~~ !~~ ~~* !~~* like_escape not_like_escape ilike_escape not_ilike_escape")

SELECT_FUNCTIONS = PREDICATE_FUNCTIONS | words("""
    exp fdiv if isfinite isinf isnan ln log10 log2 mod pow power sqrt
    ascii chr concat concat_ws decode encode from_base64 from_hex hex lcase md5 nfc_normalize regexp_extract
    regexp_extract_all regexp_replace regexp_split_to_array replace reverse sha1 sha256 str_split string_split
    string_to_array strip_accents strlen to_base64 to_hex translate ucase unhex url_decode
    date_add date_diff date_sub datediff datepart datetrunc dayname epoch_ms epoch_ns epoch_us isoyear last_day
    make_date make_timestamp make_timestamp_ms make_timestamp_ns make_timestamptz millisecond microsecond monthname
    strftime strptime time_bucket to_days to_hours to_microseconds to_milliseconds to_minutes to_months to_seconds
    to_timestamp to_weeks to_years try_strptime yearweek
    array_to_string cardinality flatten list_append list_apply list_avg list_concat list_count list_distinct
    list_element list_extract list_filter list_first list_last list_max list_min list_position list_prepend
    list_reverse list_reverse_sort list_slice list_sort list_sum list_transform list_unique list_zip unnest
    element_at map map_contains map_entries map_extract map_extract_value map_from_entries map_keys map_values
    row struct_extract struct_insert struct_pack
    from_json json json_array json_array_length json_contains json_exists json_extract json_extract_path
    json_extract_path_text json_extract_string json_keys json_object json_quote json_transform json_type json_valid
    json_value to_json
    getvariable typeof
    """)

SELECT_OPERATORS = PREDICATE_OPERATORS | words("->> ^ ** & | << >>")

# The second argument of these may be a lambda: it is evaluated once for each element that the data has.
LAMBDA_FUNCTIONS = frozenset({"list_filter", "list_transform", "list_apply"})

# Their arguments may carry names (`struct_pack(a := 1)`, `unnest(x, recursive := true)`).
NAMED_ARGUMENTS = frozenset({"struct_pack", "struct_insert", "unnest"})

AGGREGATES = words("""
    arg_max arg_min argmax argmin avg bool_and bool_or count count_if count_star countif max max_by mean median min
    min_by quantile_cont quantile_disc stddev stddev_pop stddev_samp sum var_pop var_samp
    array_agg group_concat json_group_array list listagg string_agg
    """)

# The order of their input shows in their result, and DuckDB reads in parallel.
ORDERED_AGGREGATES = frozenset({"array_agg", "group_concat", "json_group_array", "list", "listagg", "string_agg"})

WINDOW_FUNCTIONS = words(
    """
    cume_dist dense_rank first_value lag last_value lead nth_value ntile percent_rank rank rank_dense row_number
    """
)

_GENERATORS = words(
    """
    array_resize bar format generate_series generate_subscripts list_reduce list_resize lpad printf range reduce
    repeat repeat_row rpad
    """
)
_BY_NAME = words(
    """
    aggregate apply array_aggr array_aggregate array_reduce invoke list_aggr list_aggregate query query_table
    """
)
_CHANGING = words(
    """
    age ago current_date current_localtime current_localtimestamp current_time current_timestamp gen_random_uuid
    get_current_time get_current_timestamp localtime localtimestamp nextval now random setseed today
    transaction_timestamp uuid uuidv4 uuidv7
    """
)
_UNORDERED = words("any_value arbitrary first last mode reservoir_quantile")

# Names that DuckDB reads as calls without brackets where no column has the name.
VALUE_KEYWORDS = words(
    """
    current_catalog current_date current_role current_schema current_time current_timestamp current_user localtime
    localtimestamp session_user
    """
)


def why_refused(name: str) -> tuple[str, str] | None:
    """Return why the function `name` is kept out and what to write instead; None for a name that is just not listed."""
    if name in _GENERATORS:
        return "makes data out of nothing, so one line of SQL could fill the memory", "compute on the columns only"
    if name in _BY_NAME:
        return "takes what to run as text or as a function", "call the function meant, so that a reader sees it"
    if name in _CHANGING:
        return "gives another answer each time", "use a column of the data; same input must give the same output"
    if name in _UNORDERED:
        return "depends on the order in which rows are read", "use min(), max() or arg_min(value, order_column)"
    if name.startswith(("read_", "parquet_", "sniff_", "glob", "getenv", "duckdb_", "pragma_", "pg_", "json_execute")):
        return "reaches outside the data it is given", "read the columns only"
    return None
