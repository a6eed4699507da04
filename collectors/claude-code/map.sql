-- One line of a transcript is one content block; the lines of one message are one call.
-- The engine keeps, of each _duplicate_key, the row with the highest _rank.
WITH line AS (
    SELECT
        _file,
        _line,
        type,
        coalesce(nullif(message.id, ''), nullif(requestId, ''), nullif(uuid, '')) AS call,
        coalesce(message.id, '') AS message_id,
        nullif(message.model, '') AS model,
        requestId,
        nullif(sessionId, '') AS session,
        coalesce(nullif(agentId, ''), nullif(regexp_extract(_file, '(?:^|/)agent-([^/]+)\.jsonl$', 1), '')) AS agent,
        coalesce(isSidechain, 'false') = 'true' AS sidechain,
        coalesce(isApiErrorMessage, 'false') = 'true' AS failed,
        replace(coalesce(cwd, ''), '\', '/') AS folder,
        -- `projects/-home-ana-shop/…`: the project's path with every other character written as a hyphen
        regexp_extract(_file, '(?:^|/)(-[^/]+)/', 1) AS project,
        CASE
            WHEN regexp_full_match(timestamp, '\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)')
                THEN TRY_CAST(timestamp AS TIMESTAMPTZ)
        END AS ts,
        message.usage.input_tokens AS fresh_text,
        message.usage.output_tokens AS output_text,
        coalesce(message.usage.cache_read_input_tokens, '0') AS read_text,
        message.usage.cache_creation_input_tokens AS write_text,
        coalesce(message.usage.cache_creation.ephemeral_5m_input_tokens, '0') AS write_5m_text,
        coalesce(message.usage.cache_creation.ephemeral_1h_input_tokens, '0') AS write_1h_text,
        message.usage.service_tier AS service_tier,
        nullif(nullif(message.usage.inference_geo, 'not_available'), '') AS geography,
        costUSD AS cost
    FROM source
),

counted AS (
    SELECT
        *,
        CASE WHEN regexp_full_match(fresh_text, '\d{1,12}') THEN TRY_CAST(fresh_text AS BIGINT) END AS fresh,
        CASE WHEN regexp_full_match(output_text, '\d{1,12}') THEN TRY_CAST(output_text AS BIGINT) END AS output,
        CASE WHEN regexp_full_match(read_text, '\d{1,12}') THEN TRY_CAST(read_text AS BIGINT) END AS cache_read,
        CASE WHEN regexp_full_match(write_1h_text, '\d{1,12}') THEN TRY_CAST(write_1h_text AS BIGINT) END AS write_1h,
        CASE
            WHEN write_text IS NULL
                THEN TRY_CAST(write_5m_text AS BIGINT) + TRY_CAST(write_1h_text AS BIGINT)
            WHEN regexp_full_match(write_text, '\d{1,12}') THEN TRY_CAST(write_text AS BIGINT)
        END AS cache_write,
        CASE
            WHEN coalesce(type, '') <> 'assistant' THEN 'not an answer of a model'
            WHEN fresh_text IS NULL AND output_text IS NULL THEN 'answer without usage'
            WHEN model = '<synthetic>' THEN 'synthetic answer, never sent to a model'
            WHEN failed THEN 'API error, nothing was billed'
        END AS left_out
    FROM line
)

SELECT
    _file,
    _line,
    call AS id,
    CASE
        WHEN left_out IS NULL AND call IS NOT NULL THEN min(ts) OVER (PARTITION BY left_out, call)
        ELSE ts
    END AS ts,
    CASE
        WHEN getvariable('intent') <> '' THEN getvariable('intent')
        WHEN starts_with(coalesce(agent, ''), 'acompact') THEN 'compaction'
        WHEN agent IS NOT NULL OR sidechain THEN 'sub-agent'
        ELSE 'main-agent'
    END AS intent,
    CASE
        WHEN getvariable('provider') <> '' THEN getvariable('provider')
        WHEN starts_with(message_id, 'msg_bdrk_') THEN 'aws.bedrock'
        WHEN starts_with(message_id, 'msg_vrtx_') THEN 'gcp.vertex_ai'
        WHEN starts_with(model, 'claude') THEN 'anthropic'
        ELSE 'unknown'
    END AS provider,
    coalesce(model, 'unknown') AS model,
    fresh AS input_tokens,
    output AS output_tokens,
    cache_read AS cache_read_input_tokens,
    cache_write AS cache_creation_input_tokens,
    write_1h AS cache_creation_1h_input_tokens,
    CAST(NULL AS DOUBLE) AS latency_ms,
    cost AS cost_usd,
    CASE
        WHEN starts_with(message_id, 'msg_bdrk_') OR starts_with(message_id, 'msg_vrtx_') THEN 'unknown'
        WHEN starts_with(coalesce(requestId, ''), 'req_') AND starts_with(model, 'claude') THEN 'api.anthropic.com'
        ELSE 'unknown'
    END AS endpoint,
    coalesce(geography, 'unknown') AS region,
    CASE
        WHEN getvariable('tenant') <> '' THEN getvariable('tenant')
        -- a session that went into a sub-folder still belongs to its project
        WHEN project <> '' AND regexp_replace(left(folder, length(project)), '[^A-Za-z0-9]', '-', 'g') = project
            THEN coalesce(nullif(regexp_extract(left(folder, length(project)), '([^/]+)/*$', 1), ''), 'unknown')
        ELSE coalesce(nullif(regexp_extract(folder, '([^/]+)/*$', 1), ''), 'unknown')
    END AS tenant,
    session AS session_id,
    coalesce(agent, session) AS task_id,
    agent AS agent_id,
    'chat' AS operation,
    CASE WHEN service_tier = 'batch' THEN true END AS batch,
    left_out AS _filter,
    CASE
        WHEN left_out IS NOT NULL THEN NULL
        WHEN ts IS NULL THEN 'timestamp is missing or has no time zone'
        WHEN fresh IS NULL THEN 'message.usage.input_tokens is not a whole number'
        WHEN output IS NULL THEN 'message.usage.output_tokens is not a whole number'
        WHEN cache_read IS NULL THEN 'message.usage.cache_read_input_tokens is not a whole number'
        WHEN cache_write IS NULL THEN 'message.usage.cache_creation_input_tokens is not a whole number'
        WHEN write_1h IS NULL THEN 'message.usage.cache_creation.ephemeral_1h_input_tokens is not a whole number'
    END AS _reject,
    CASE WHEN left_out IS NULL THEN call END AS _duplicate_key,
    CAST(fresh + output + cache_read + cache_write AS DOUBLE) + CASE WHEN sidechain THEN 0 ELSE 1e15 END AS _rank
FROM counted
