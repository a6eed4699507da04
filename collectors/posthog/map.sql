-- One row is one PostHog event; generations and embeddings are calls. `properties` is parsed once, and only by name.
WITH sent AS (
    SELECT
        _file,
        _line,
        coalesce(nullif(uuid, ''), nullif(id, '')) AS uuid,
        event,
        distinct_id,
        timestamp AS sent_at,
        event IN ('$ai_generation', '$ai_embedding') AS is_call,
        CASE
            WHEN event NOT IN ('$ai_generation', '$ai_embedding') THEN NULL
            -- a few exports hold the JSON object as a JSON string
            WHEN starts_with(properties, '"') THEN TRY(json_extract_string(properties, '$'))
            ELSE properties
        END AS properties
    FROM source
),

parsed AS (
    SELECT
        * EXCLUDE (properties),
        TRY(json_extract_string(properties, [
            '$."$ai_model"',
            '$."$ai_provider"',
            '$."$ai_input_tokens"',
            '$."$ai_output_tokens"',
            '$."$ai_cache_read_input_tokens"',
            '$."$ai_cache_creation_input_tokens"',
            '$."$ai_cache_creation_1h_input_tokens"',
            '$."$ai_cache_creation_5m_input_tokens"',
            '$."$ai_reasoning_tokens"',
            '$."$ai_cache_reporting_exclusive"',
            '$."$ai_latency"',
            '$."$ai_time_to_first_token"',
            '$."$ai_total_cost_usd"',
            '$."$ai_http_status"',
            '$."$ai_is_error"',
            '$."$ai_base_url"',
            '$."$ai_trace_id"',
            '$."$ai_session_id"',
            '$."$ai_parent_id"',
            '$."$ai_span_name"',
            '$."$ai_framework"'
        ])) AS said,
        CASE
            WHEN getvariable('intent_property') <> '' THEN TRY(json_extract_string(
                properties, '$."' || coalesce(nullif(replace(getvariable('intent_property'), '"', ''), ''), '-') || '"'
            ))
        END AS intent,
        CASE
            WHEN getvariable('tenant_property') <> '' THEN TRY(json_extract_string(
                properties, '$."' || coalesce(nullif(replace(getvariable('tenant_property'), '"', ''), ''), '-') || '"'
            ))
        END AS tenant
    FROM sent
),

named AS (
    SELECT
        *,
        nullif(said[1], '') AS model,
        lower(nullif(said[2], '')) AS provider,
        said[3] AS input_text,
        CASE WHEN event = '$ai_embedding' AND said[3] IS NOT NULL THEN coalesce(said[4], '0') ELSE said[4] END AS output_text,
        said[5] AS cache_read,
        coalesce(said[6], CAST(
            coalesce(
                CAST(TRY_CAST(said[7] AS BIGINT) AS HUGEINT) + coalesce(TRY_CAST(said[8] AS BIGINT), 0), TRY_CAST(said[8] AS BIGINT)
            ) AS VARCHAR
        )) AS cache_write,
        lower(said[10]) AS flag,
        coalesce(lower(said[15]) IN ('true', '1'), false) AS failed
    FROM parsed
),

counted AS (
    SELECT
        *,
        coalesce(TRY_CAST(cache_read AS DOUBLE), 0) + coalesce(TRY_CAST(cache_write AS DOUBLE), 0) AS cached,
        -- SDKs write zeros where a failed call reported nothing
        failed AND coalesce(TRY_CAST(input_text AS DOUBLE), 0) = 0 AND coalesce(TRY_CAST(output_text AS DOUBLE), 0) = 0
            AS uncounted,
        coalesce(provider = 'anthropic' OR contains(lower(model), 'anthropic') OR starts_with(lower(model), 'claude'), false)
            AS by_anthropic
    FROM named
)

SELECT
    _file,
    _line,
    uuid AS id,
    CASE
        -- tables of a warehouse keep UTC without saying so
        WHEN length(sent_at) > 18 AND NOT contains(sent_at, 'Z') AND NOT contains(substr(sent_at, 12), '+')
            AND NOT contains(substr(sent_at, 12), '-') THEN sent_at || 'Z'
        ELSE sent_at
    END AS ts,
    coalesce(nullif(intent, ''), said[20]) AS intent,
    provider,
    model,
    CASE WHEN NOT uncounted THEN input_text END AS input_tokens,
    CASE WHEN NOT uncounted THEN output_text END AS output_tokens,
    CASE WHEN NOT uncounted THEN cache_read END AS cache_read_input_tokens,
    CASE WHEN NOT uncounted THEN cache_write END AS cache_creation_input_tokens,
    CASE WHEN NOT uncounted THEN said[7] END AS cache_creation_1h_input_tokens,
    CASE WHEN TRY_CAST(said[9] AS BIGINT) <= TRY_CAST(output_text AS BIGINT) THEN said[9] END AS reasoning_output_tokens,
    1000 * CAST(nullif(TRY_CAST(said[11] AS DECIMAL(18, 9)), 0) AS DOUBLE) AS latency_ms,
    1000 * CAST(nullif(TRY_CAST(said[12] AS DECIMAL(18, 9)), 0) AS DOUBLE) AS ttft_ms,
    CASE WHEN NOT (uncounted AND coalesce(TRY_CAST(said[13] AS DOUBLE), 0) = 0) THEN said[13] END AS cost_usd,
    -- the host alone: a path may name a deployment, a query may hold a key
    nullif(split_part(split_part(split_part(
        CASE WHEN contains(said[16], '://') THEN split_part(said[16], '://', 2) ELSE said[16] END, '/', 1
    ), '?', 1), '@', -1), '') AS endpoint,
    tenant,
    -- without a user, SDKs send the trace's id as the person's
    CASE WHEN distinct_id IS DISTINCT FROM said[17] THEN distinct_id END AS user_id,
    said[18] AS session_id,
    said[17] AS task_id,
    said[19] AS parent_id,
    CASE event WHEN '$ai_generation' THEN 'chat' WHEN '$ai_embedding' THEN 'embeddings' END AS operation,
    CASE
        WHEN failed THEN CASE WHEN said[14] LIKE '2__' THEN 'error' ELSE coalesce(said[14], 'error') END
        WHEN said[14] LIKE '2__' OR said[14] IS NULL AND said[15] IS NOT NULL THEN 'ok'
        ELSE said[14]
    END AS status,
    CASE
        WHEN flag IN ('true', '1') THEN true
        WHEN flag IN ('false', '0') THEN false
        WHEN getvariable('missing_flag') = 'inclusive' THEN false
        WHEN getvariable('missing_flag') = 'exclusive' THEN true
        -- what PostHog itself takes an event without the flag for
        WHEN by_anthropic AND NOT (provider = 'gateway' AND lower(coalesce(said[21], '')) = 'vercel') THEN true
        ELSE cached > TRY_CAST(input_text AS DOUBLE)
    END AS _exclusive,
    CASE WHEN NOT coalesce(is_call, false) THEN 'event ' || coalesce(event, 'without name') || ' is no call of a model' END
        AS _filter,
    CASE
        WHEN NOT coalesce(is_call, false) THEN NULL
        WHEN said IS NULL THEN 'properties are missing or not JSON; export them as one column, not one for each'
        WHEN sent_at IS NULL THEN 'timestamp is missing'
        WHEN said[11] IS NOT NULL AND TRY_CAST(said[11] AS DECIMAL(18, 9)) IS NULL THEN '$ai_latency is not a number'
    END AS _reject,
    CASE WHEN is_call THEN uuid END AS _duplicate_key
FROM counted
