-- A line `token_count` tells of one call. Which session and model it belongs to stands on other lines of its file.
WITH line AS (
    SELECT
        _file,
        _line,
        timestamp AS stamp,
        CASE
            WHEN regexp_full_match(timestamp, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)')
                THEN TRY_CAST(timestamp AS TIMESTAMPTZ)
        END AS ts,
        type = 'session_meta' AS is_meta,
        coalesce(type = 'event_msg' AND payload.type = 'token_count', false) AS is_usage,
        CASE WHEN type = 'session_meta' THEN nullif(payload.id, '') END AS meta_session,
        CASE WHEN type = 'session_meta' THEN payload.model_provider END AS meta_provider,
        CASE
            WHEN type = 'session_meta' THEN coalesce(
                nullif(payload.forked_from_id, ''),
                json_extract_string(TRY_CAST(payload.source AS JSON), '$.subagent.thread_spawn.parent_thread_id')
            )
        END AS meta_parent,
        coalesce(type = 'session_meta' AND payload.source LIKE '%"subagent"%', false) AS meta_subagent,
        CASE WHEN type IN ('session_meta', 'turn_context') THEN nullif(payload.cwd, '') END AS folder,
        CASE WHEN type = 'turn_context' THEN nullif(payload.turn_id, '') END AS turn,
        nullif(CASE
            WHEN type = 'turn_context' THEN payload.model
            WHEN type = 'event_msg' THEN payload.thread_settings.model
        END, '') AS model,
        CASE WHEN type = 'event_msg' AND payload.type = 'token_count' THEN nullif(payload.info, 'null') END AS info
    FROM source
),

-- The first session_meta of a file is its own; forks copy those of their parents below it, the oldest last.
file AS (
    SELECT
        _file,
        arg_min(meta_session, _line) AS own,
        arg_max(meta_session, _line) AS oldest,
        arg_min(meta_parent, _line) AS parent,
        arg_min(meta_provider, _line) AS provider,
        coalesce(bool_or(meta_subagent) FILTER (_line = first_line), false) AS subagent
    FROM (SELECT *, min(_line) FILTER (is_meta) OVER (PARTITION BY _file) AS first_line FROM line)
    WHERE is_meta
    GROUP BY _file
),

ancestor AS (
    SELECT
        own,
        min(CASE WHEN oldest <> own THEN oldest ELSE parent END) AS above
    FROM file
    GROUP BY own
),

family AS (
    SELECT
        file._file,
        file.own,
        file.provider,
        file.subagent,
        first_up.above IS NOT NULL AS forked,
        coalesce(third_up.above, second_up.above, first_up.above, file.own) AS root
    FROM file
    LEFT JOIN ancestor AS first_up ON file.own = first_up.own
    LEFT JOIN ancestor AS second_up ON first_up.above = second_up.own
    LEFT JOIN ancestor AS third_up ON second_up.above = third_up.own
),

carried AS (
    SELECT
        _file,
        _line,
        stamp,
        ts,
        is_usage,
        info,
        last_value(model IGNORE NULLS) OVER so_far AS model,
        last_value(folder IGNORE NULLS) OVER so_far AS folder,
        last_value(turn IGNORE NULLS) OVER so_far AS turn
    FROM line
    WINDOW so_far AS (PARTITION BY _file ORDER BY _line)
),

parsed AS (
    SELECT
        *,
        TRY_CAST(TRY_CAST(info AS JSON) AS STRUCT(
            last_token_usage STRUCT(input_tokens VARCHAR, cached_input_tokens VARCHAR, cache_write_input_tokens VARCHAR,
                output_tokens VARCHAR, reasoning_output_tokens VARCHAR, total_tokens VARCHAR),
            total_token_usage STRUCT(input_tokens VARCHAR, cached_input_tokens VARCHAR,
                cache_write_input_tokens VARCHAR, output_tokens VARCHAR, reasoning_output_tokens VARCHAR,
                total_tokens VARCHAR),
            model_context_window VARCHAR
        )) AS usage
    FROM carried
),

counted AS (
    SELECT
        * EXCLUDE (usage),
        usage.model_context_window AS context_window,
        usage.last_token_usage AS last,
        usage.total_token_usage AS total,
        coalesce(usage.last_token_usage.input_tokens, usage.last_token_usage.output_tokens) IS NOT NULL AS has_last,
        coalesce(
            regexp_full_match(usage.total_token_usage.input_tokens, '\d{1,18}')
            AND regexp_full_match(usage.total_token_usage.output_tokens, '\d{1,18}'), false
        ) AS has_total
    FROM parsed
),

-- Only where a line has the running total alone: what it grew by is the call.
before AS (
    SELECT
        _file,
        _line,
        lag(total) OVER (PARTITION BY _file ORDER BY _line) AS total_before
    FROM counted
    WHERE has_total
),

called AS (
    SELECT
        counted.*,
        -- the name of a file ends with its session: rollout-2026-09-01T09-00-00-<id>.jsonl
        coalesce(
            family.own,
            nullif(regexp_extract(counted._file, '(?:^|/)rollout-\d{4}-\d\d-\d\dT[\d-]{8}-([^/]+)\.jsonl$', 1), '')
        ) AS own,
        family.root,
        family.provider,
        coalesce(family.subagent, false) AS subagent,
        coalesce(family.forked, false) AS forked,
        has_total AND NOT has_last AS from_total,
        -- after a reset the total is smaller than before and is all new
        coalesce(TRY_CAST(total.input_tokens AS BIGINT) >= TRY_CAST(before.total_before.input_tokens AS BIGINT), false)
            AS grown,
        before.total_before
    FROM counted
    LEFT JOIN family ON counted._file = family._file
    LEFT JOIN before ON counted._file = before._file AND counted._line = before._line
),

used AS (
    SELECT
        *,
        CASE WHEN from_total AND grown
            THEN CAST(TRY_CAST(total.input_tokens AS BIGINT) - TRY_CAST(total_before.input_tokens AS BIGINT) AS VARCHAR)
            WHEN from_total THEN total.input_tokens ELSE last.input_tokens END AS input,
        CASE WHEN from_total AND grown
            THEN CAST(CAST(TRY_CAST(total.cached_input_tokens AS BIGINT) AS HUGEINT)
                - coalesce(TRY_CAST(total_before.cached_input_tokens AS BIGINT), 0) AS VARCHAR)
            WHEN from_total THEN total.cached_input_tokens ELSE last.cached_input_tokens END AS cached,
        CASE WHEN from_total AND grown
            THEN CAST(CAST(TRY_CAST(total.cache_write_input_tokens AS BIGINT) AS HUGEINT)
                - coalesce(TRY_CAST(total_before.cache_write_input_tokens AS BIGINT), 0) AS VARCHAR)
            WHEN from_total THEN total.cache_write_input_tokens ELSE last.cache_write_input_tokens END AS written,
        CASE WHEN from_total AND grown
            THEN CAST(TRY_CAST(total.output_tokens AS BIGINT) - TRY_CAST(total_before.output_tokens AS BIGINT) AS VARCHAR)
            WHEN from_total THEN total.output_tokens ELSE last.output_tokens END AS output,
        CASE WHEN from_total AND grown
            THEN CAST(CAST(TRY_CAST(total.reasoning_output_tokens AS BIGINT) AS HUGEINT)
                - coalesce(TRY_CAST(total_before.reasoning_output_tokens AS BIGINT), 0) AS VARCHAR)
            WHEN from_total THEN total.reasoning_output_tokens ELSE last.reasoning_output_tokens END AS reasoning,
        CASE
            WHEN has_total THEN concat_ws(
                '|', coalesce(root, own, regexp_extract(_file, '([^/]+)$', 1)), total.input_tokens, coalesce(total.cached_input_tokens, '0'),
                total.output_tokens, coalesce(total.reasoning_output_tokens, '0'), total.total_tokens
            )
        END AS call
    FROM called
)

SELECT
    _file,
    _line,
    'codex-' || md5(call) AS id,
    coalesce(CAST(ts AS VARCHAR), stamp) AS ts,
    CASE
        WHEN getvariable('intent') <> '' THEN getvariable('intent')
        WHEN subagent THEN 'sub-agent'
        ELSE 'main-agent'
    END AS intent,
    CASE
        WHEN getvariable('provider') <> '' THEN getvariable('provider')
        WHEN coalesce(provider, '') <> '' THEN provider
        WHEN regexp_matches(model, '^(gpt|o\d|codex|chatgpt)') THEN 'openai'
        ELSE 'unknown'
    END AS provider,
    coalesce(model, 'unknown') AS model,
    input AS input_tokens,
    output AS output_tokens,
    cached AS cache_read_input_tokens,
    written AS cache_creation_input_tokens,
    reasoning AS reasoning_output_tokens,
    context_window AS context_length,
    CAST(NULL AS DOUBLE) AS latency_ms,
    CAST(NULL AS VARCHAR) AS cost_usd,
    CASE
        WHEN getvariable('tenant') <> '' THEN getvariable('tenant')
        ELSE coalesce(nullif(regexp_extract(replace(folder, '\', '/'), '([^/]+)/*$', 1), ''), 'unknown')
    END AS tenant,
    own AS session_id,
    coalesce(turn, own) AS task_id,
    CASE WHEN subagent THEN own END AS agent_id,
    'chat' AS operation,
    CASE
        WHEN NOT is_usage THEN 'not a count of tokens'
        WHEN info IS NULL THEN 'rate limits only'
        WHEN has_last AND input = '0' AND output = '0' THEN 'no tokens used'
    END AS _filter,
    CASE
        WHEN is_usage AND info IS NOT NULL AND NOT has_last AND NOT has_total THEN 'payload.info holds no usage'
        WHEN is_usage AND info IS NOT NULL AND (input IS NULL OR output IS NULL)
            THEN 'payload.info has no whole number of input or output tokens'
    END AS _reject,
    CASE WHEN is_usage THEN call END AS _duplicate_key,
    CASE WHEN forked THEN 0 ELSE 1e12 END - coalesce(CAST(epoch(ts) AS DOUBLE), 1e11) AS _rank
FROM used
