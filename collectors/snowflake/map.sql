-- Rows of several views, told apart by their columns.
WITH typed AS (
    SELECT
        * EXCLUDE (METRICS, TOKENS_GRANULAR),
        METRICS AS metrics_text,
        TRY_CAST(TRY_CAST(METRICS AS JSON) AS STRUCT(key STRUCT(metric VARCHAR, unit VARCHAR), value VARCHAR)[]) AS metrics,
        TOKENS_GRANULAR AS granular_text,
        TRY_CAST(TRY_CAST(TOKENS_GRANULAR AS JSON) AS MAP(VARCHAR, VARCHAR)) AS granular,
        TRY_CAST(TRY_CAST(QUERY_TAG AS JSON) AS MAP(VARCHAR, VARCHAR)) AS tags,
        CASE
            WHEN METRICS IS NOT NULL OR (FUNCTION_NAME IS NOT NULL AND START_TIME IS NOT NULL) THEN 'functions'
            WHEN USAGE_TIME IS NOT NULL THEN 'aisql'
            WHEN REQUEST_COUNT IS NOT NULL THEN 'analyst'
            WHEN coalesce(
                "TIMESTAMP", APPLICATION_CONTEXT, MODEL_PROVIDER, INPUT_TOKEN_COUNT, OUTPUT_TOKEN_COUNT, RESPONSE_TIME_MS
            ) IS NOT NULL THEN 'own'
            WHEN AGENT_NAME IS NOT NULL THEN 'agent'
            WHEN REQUEST_ID IS NOT NULL AND coalesce(TOKENS, TOKENS_GRANULAR, START_TIME) IS NOT NULL THEN 'rest'
        END AS kind
    FROM source
),

newer AS (
    SELECT DISTINCT QUERY_ID AS query FROM typed WHERE kind = 'functions' AND QUERY_ID IS NOT NULL
),

measured AS (
    SELECT
        typed.*,
        newer.query IS NOT NULL AS in_newer,
        list_filter(metrics, lambda m: starts_with(lower(m.key.unit), 'token')) AS token_metrics,
        -- Snowflake's default writes `2026-08-25 10:00:00.000 -0700`
        regexp_replace(
            regexp_replace(
                CASE kind WHEN 'aisql' THEN USAGE_TIME WHEN 'own' THEN "TIMESTAMP" ELSE START_TIME END, ' Z$', 'Z'
            ),
            ' ([+-]\d\d):?(\d\d)$', '\1:\2'
        ) AS ts,
        CASE
            WHEN kind = 'functions' THEN nullif(getvariable('usd_per_credit_ai_functions'), '')
            WHEN kind = 'aisql' THEN nullif(getvariable('usd_per_credit_aisql'), '')
            WHEN kind = 'agent' THEN nullif(getvariable('usd_per_credit_agent'), '')
        END AS own_rate,
        CASE WHEN kind = 'functions' THEN CREDITS WHEN kind IN ('aisql', 'agent') THEN TOKEN_CREDITS END AS used_credits
    FROM typed
    LEFT JOIN newer ON typed.kind = 'aisql' AND typed.QUERY_ID = newer.query
),

summed AS (
    SELECT
        *,
        coalesce(own_rate, nullif(getvariable('usd_per_credit'), '')) AS rate,
        coalesce(len(list_filter(token_metrics, lambda m: TRY_CAST(m.value AS DECIMAL(38, 3)) IS NULL)), 0) > 0
            AS unreadable,
        CAST(list_sum(list_transform(
            list_filter(token_metrics, lambda m: lower(m.key.metric) IN ('input', 'input_tokens', 'prompt')),
            lambda m: TRY_CAST(m.value AS DECIMAL(38, 3))
        )) AS VARCHAR) AS metric_input,
        CAST(list_sum(list_transform(
            list_filter(token_metrics, lambda m: lower(m.key.metric) IN ('output', 'output_tokens', 'completion')),
            lambda m: TRY_CAST(m.value AS DECIMAL(38, 3))
        )) AS VARCHAR) AS metric_output,
        CAST(list_sum(list_transform(
            list_filter(token_metrics, lambda m: lower(m.key.metric) IN ('total', 'total_tokens')),
            lambda m: TRY_CAST(m.value AS DECIMAL(38, 3))
        )) AS VARCHAR) AS metric_total,
        coalesce(granular['cache_read_input'], granular['cache_read_input_tokens']) AS cache_read,
        coalesce(granular['cache_write_input'], granular['cache_write_input_tokens'], granular['cache_creation_input'])
            AS cache_write
    FROM measured
),

stated AS (
    SELECT
        *,
        CASE kind
            WHEN 'functions' THEN metric_input
            WHEN 'own' THEN INPUT_TOKEN_COUNT
            ELSE granular['input']
        END AS stated_input,
        CASE kind
            WHEN 'functions' THEN metric_output
            WHEN 'own' THEN OUTPUT_TOKEN_COUNT
            ELSE granular['output']
        END AS stated_output,
        CASE WHEN kind = 'functions' THEN metric_total WHEN kind <> 'own' THEN TOKENS END AS total,
        coalesce(contains(lower(FUNCTION_NAME), 'embed'), false) AS embedding
    FROM summed
),

split AS (
    SELECT
        *,
        stated_input IS NULL AND stated_output IS NULL AND total IS NOT NULL AS only_total,
        CASE
            WHEN stated_input IS NOT NULL OR stated_output IS NOT NULL THEN stated_input
            WHEN embedding OR getvariable('total_as') = 'input' THEN total
        END AS input,
        CASE
            WHEN stated_output IS NOT NULL THEN stated_output
            WHEN embedding AND coalesce(stated_input, total) IS NOT NULL THEN '0'
            WHEN stated_input IS NULL AND total IS NOT NULL AND getvariable('total_as') = 'input' THEN '0'
        END AS output,
        CASE
            WHEN kind IN ('functions', 'aisql') THEN concat_ws(
                '|', coalesce(QUERY_ID, ''), coalesce(FUNCTION_NAME, ''), coalesce(MODEL_NAME, ''),
                coalesce(strftime(TRY_CAST(ts AS TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%SZ'), ts)
            )
            ELSE nullif(REQUEST_ID, '')
        END AS call
    FROM stated
)

SELECT
    _file,
    _line,
    call AS id,
    ts,
    CASE WHEN kind = 'own' THEN APPLICATION_CONTEXT ELSE tags[getvariable('intent_tag')] END AS intent,
    CASE WHEN kind = 'own' THEN MODEL_PROVIDER ELSE 'snowflake' END AS provider,
    MODEL_NAME AS model,
    input AS input_tokens,
    output AS output_tokens,
    CASE WHEN kind = 'own' THEN CACHE_READ_INPUT_TOKENS ELSE cache_read END AS cache_read_input_tokens,
    CASE WHEN kind = 'own' THEN CACHE_CREATION_INPUT_TOKENS ELSE cache_write END AS cache_creation_input_tokens,
    total AS total_tokens,
    CASE
        WHEN only_total AND NOT embedding AND input IS NOT NULL THEN 'estimated'
    END AS usage_source,
    RESPONSE_TIME_MS AS latency_ms,
    CASE
        WHEN kind = 'own' THEN COST_USD
        ELSE CAST(TRY_CAST(used_credits AS DECIMAL(22, 12)) * TRY_CAST(rate AS DECIMAL(14, 6)) AS VARCHAR)
    END AS cost_usd,
    CASE
        WHEN kind <> 'own' AND rate IS NOT NULL AND TRY_CAST(used_credits AS DECIMAL(22, 12)) IS NOT NULL THEN 'priced'
    END AS cost_source,
    CASE
        WHEN kind <> 'own' AND rate IS NOT NULL AND TRY_CAST(used_credits AS DECIMAL(22, 12)) IS NOT NULL
            THEN 'snowflake/credit/' || rate
    END AS price_id,
    CASE
        WHEN kind = 'own' THEN regexp_replace(regexp_replace(ENDPOINT_URL, '[?#].*$', ''), '//[^/@]*@', '//')
        ELSE 'cortex'
    END AS endpoint,
    CASE WHEN kind = 'own' THEN REGION ELSE INFERENCE_REGION END AS region,
    left(CASE
        WHEN kind = 'own' THEN WORKSPACE
        ELSE coalesce(
            nullif(tags[getvariable('tenant_tag')], ''),
            -- a tag that is a JSON object without the key names no tenant; a plain number does
            CASE WHEN tags IS NULL THEN nullif(trim(QUERY_TAG, '"'), '') END,
            nullif(json_extract_string(TRY_CAST(ROLE_NAMES AS JSON), '$[0]'), '')
        )
    END, 512) AS tenant,
    USER_ID AS user_id,
    SESSION_ID AS session_id,
    CASE
        WHEN kind IN ('functions', 'aisql') THEN QUERY_ID
        WHEN kind = 'agent' THEN coalesce(PARENT_REQUEST_ID, REQUEST_ID)
    END AS task_id,
    CASE WHEN kind = 'agent' THEN PARENT_REQUEST_ID END AS parent_id,
    AGENT_NAME AS agent_id,
    CASE kind WHEN 'functions' THEN FUNCTION_NAME WHEN 'aisql' THEN FUNCTION_NAME WHEN 'rest' THEN 'REST' WHEN 'agent'
        THEN 'AGENT' END AS operation,
    CASE WHEN kind = 'own' THEN STATUS END AS status,
    CASE
        WHEN kind <> 'own' THEN NULL
        WHEN PROMPT_HASH IS NOT NULL THEN PROMPT_HASH
        WHEN getvariable('prompts') <> 'none' THEN sha256(PROMPT)
    END AS prompt_hash,
    CASE WHEN kind = 'own' AND getvariable('prompts') = 'text' THEN PROMPT END AS prompt,
    -- where the total says that nothing was left out, cached tokens are part of the input already
    kind IN ('rest', 'agent', 'aisql') AND NOT coalesce(
        TRY_CAST(TOKENS AS DECIMAL(38, 3)) = TRY_CAST(stated_input AS DECIMAL(38, 3))
            + TRY_CAST(stated_output AS DECIMAL(38, 3)),
        false
    ) AS _exclusive,
    CASE
        WHEN kind = 'analyst' THEN 'Cortex Analyst: a count of requests without tokens'
        WHEN kind = 'aisql' AND in_newer THEN 'also in CORTEX_AI_FUNCTIONS_USAGE_HISTORY'
        WHEN kind = 'functions' AND len(metrics) > 0 AND len(token_metrics) = 0 THEN 'counted in other units than tokens'
    END AS _filter,
    CASE
        WHEN kind IS NULL THEN 'a row of none of the views that are read'
        WHEN kind = 'functions' AND metrics_text IS NOT NULL AND metrics IS NULL THEN 'METRICS is not a list of measures'
        WHEN unreadable THEN 'a value in METRICS is not a number'
        WHEN granular_text IS NOT NULL AND TRY_CAST(granular_text AS JSON) IS NULL THEN 'TOKENS_GRANULAR is not JSON'
        WHEN kind IN ('functions', 'aisql') AND QUERY_ID IS NULL AND FUNCTION_NAME IS NULL
            THEN 'neither QUERY_ID nor FUNCTION_NAME'
        WHEN rate IS NOT NULL AND TRY_CAST(rate AS DECIMAL(14, 6)) IS NULL
            THEN 'the setting usd_per_credit is not an amount: ' || rate
        WHEN used_credits IS NOT NULL AND TRY_CAST(used_credits AS DECIMAL(22, 12)) IS NULL THEN 'credits are not a number'
    END AS _reject,
    CASE WHEN call IS NOT NULL THEN kind || '|' || call END AS _duplicate_key,
    -- a row of the running hour grows until the hour is over
    coalesce(TRY_CAST(used_credits AS DOUBLE), 0) * 1e6 + coalesce(TRY_CAST(total AS DOUBLE), 0)
        + coalesce(TRY_CAST(input AS DOUBLE), 0) + coalesce(TRY_CAST(output AS DOUBLE), 0) AS _rank
FROM split
