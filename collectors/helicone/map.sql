-- One row is one request that went through Helicone.
WITH requested AS (
    SELECT
        *,
        lower(coalesce(nullif(provider, ''), 'unknown')) AS named,
        coalesce(nullif(request_properties, ''), properties) AS property_text,
        coalesce(nullif(response_model, ''), nullif(model_override, ''), nullif(request_model, ''), nullif(model, ''))
            AS served,
        coalesce(nullif(response_status, ''), status) AS http,
        -- failed requests are stored with zeros
        coalesce(prompt_tokens, '0') IN ('', '0', '0.0') AND coalesce(completion_tokens, '0') IN ('', '0', '0.0')
            AND coalesce(prompt_cache_read_tokens, '0') IN ('', '0', '0.0') AS uncounted,
        coalesce(TRY_CAST(prompt_cache_read_tokens AS DOUBLE), 0)
            + coalesce(TRY_CAST(prompt_cache_write_tokens AS DOUBLE), 0) AS cached,
        nullif(reasoning_tokens, '') AS reasoning_text,
        -- the id of the stored answer; all zeros where there was none
        CASE
            WHEN replace(replace(cache_reference_id, '0', ''), '-', '') <> '' THEN true
            WHEN cache_reference_id <> '' THEN false
        END AS hit
    FROM source
),

counted AS (
    SELECT
        *,
        TRY(json_extract_string(coalesce(property_text, '{}'), [
            '$."Helicone-Session-Id"',
            '$."' || coalesce(nullif(replace(getvariable('intent_property'), '"', ''), ''), '-') || '"',
            '$."' || coalesce(nullif(replace(getvariable('tenant_property'), '"', ''), ''), '-') || '"'
        ])) AS said,
        CASE
            WHEN regexp_full_match(reasoning_text, '\d{1,15}(\.0+)?') THEN TRY_CAST(reasoning_text AS BIGINT)
        END AS reasoning
    FROM requested
)

SELECT
    _file,
    _line,
    request_id AS id,
    CASE
        -- tables keep UTC without saying so
        WHEN length(request_created_at) > 18 AND NOT contains(request_created_at, 'Z')
            AND NOT contains(substr(request_created_at, 12), '+') AND NOT contains(substr(request_created_at, 12), '-')
            THEN request_created_at || 'Z'
        ELSE request_created_at
    END AS ts,
    said[2] AS intent,
    CASE named WHEN 'unknown' THEN NULL ELSE named END AS provider,
    served AS model,
    CASE WHEN NOT uncounted THEN prompt_tokens END AS input_tokens,
    CASE
        WHEN uncounted THEN NULL
        WHEN reasoning > 0 AND getvariable('reasoning') = 'beside'
            AND regexp_full_match(completion_tokens, '\d{1,15}(\.0+)?')
            THEN CAST(TRY_CAST(completion_tokens AS BIGINT) + reasoning AS VARCHAR)
        ELSE completion_tokens
    END AS output_tokens,
    CASE WHEN NOT uncounted THEN prompt_cache_read_tokens END AS cache_read_input_tokens,
    CASE WHEN NOT uncounted THEN prompt_cache_write_tokens END AS cache_creation_input_tokens,
    CASE WHEN NOT uncounted THEN reasoning END AS reasoning_output_tokens,
    nullif(delay_ms, '0') AS latency_ms,
    nullif(time_to_first_token, '0') AS ttft_ms,
    CASE
        WHEN uncounted AND coalesce(TRY_CAST(coalesce("costUSD", cost) AS DOUBLE), 0) = 0 THEN NULL
        WHEN "costUSD" <> '' THEN "costUSD"
        -- the column of the table counts in billionths of a dollar: whole numbers
        WHEN getvariable('cost_unit') = 'billionths'
            OR getvariable('cost_unit') = 'auto' AND regexp_full_match(cost, '[1-9]\d*(\.0+)?')
            THEN CASE
                WHEN TRY_CAST(cost AS DECIMAL(28, 9)) IS NULL THEN cost
                ELSE CAST(CAST(TRY_CAST(cost AS DECIMAL(28, 9)) AS DECIMAL(38, 18)) * 0.000000001 AS VARCHAR)
            END
        WHEN getvariable('cost_unit') <> 'ignore' THEN cost
    END AS cost_usd,
    nullif(split_part(split_part(split_part(
        CASE WHEN contains(target_url, '://') THEN split_part(target_url, '://', 2) ELSE target_url END, '/', 1
    ), '?', 1), '@', -1), '') AS endpoint,
    said[3] AS tenant,
    coalesce(nullif(request_user_id, ''), user_id) AS user_id,
    said[1] AS session_id,
    CASE WHEN http LIKE '2__' THEN 'ok' ELSE http END AS status,
    hit AS cache_hit,
    CASE getvariable('prompt_tokens')
        WHEN 'inclusive' THEN false
        WHEN 'exclusive' THEN true
        -- Helicone's own pricing takes them as beside each other
        ELSE cached > 0
    END AS _exclusive,
    CASE
        WHEN request_created_at IS NULL THEN 'request_created_at is missing'
        WHEN said IS NULL THEN 'request_properties are not JSON'
        WHEN reasoning_text IS NOT NULL AND reasoning IS NULL THEN 'reasoning_tokens is not a whole number'
    END AS _reject,
    CASE WHEN request_id <> '' THEN request_id END AS _duplicate_key,
    CASE WHEN uncounted THEN 0.0 ELSE 1.0 END AS _rank
FROM counted
