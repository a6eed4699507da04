-- A page holds buckets with results, or entries of the Claude Code report with models. Each is one row out.
WITH entry AS (
    SELECT
        _file,
        _line,
        -- rows of one page, or of one file of buckets, were asked for with the same grouping
        concat(_file, ':', _line) AS report,
        unnest(data) AS e
    FROM source
    WHERE len(data) > 0
),

bucket AS (
    SELECT _file, _line, report, e.starting_at AS start_text, e.ending_at AS end_text, unnest(e.results) AS r FROM entry
    UNION ALL
    SELECT _file, _line, _file AS report, starting_at AS start_text, ending_at AS end_text, unnest(results) AS r
    FROM source
),

grouped AS (
    SELECT
        *,
        CASE WHEN r.amount IS NOT NULL OR r.cost_type IS NOT NULL THEN 'cost_report' ELSE 'messages' END AS kind,
        -- years of other than four digits overflow
        CASE WHEN regexp_matches(start_text, '^[12]\d{3}-') THEN TRY_CAST(start_text AS TIMESTAMPTZ) END + CASE getvariable('bucket_width')
            WHEN '1m' THEN INTERVAL 1 MINUTE WHEN '1h' THEN INTERVAL 1 HOUR ELSE INTERVAL 1 DAY
        END AS usual_end
    FROM bucket
),

keyed AS (
    SELECT
        *,
        concat_ws(
            ',',
            CASE WHEN bool_or(r.model IS NOT NULL) OVER same THEN 'model' END,
            CASE WHEN bool_or(r.workspace_id IS NOT NULL) OVER same THEN 'workspace_id' END,
            CASE WHEN bool_or(r.api_key_id IS NOT NULL) OVER same THEN 'api_key_id' END,
            CASE WHEN bool_or(r.service_tier IS NOT NULL) OVER same THEN 'service_tier' END,
            CASE WHEN bool_or(r.context_window IS NOT NULL) OVER same THEN 'context_window' END,
            CASE WHEN bool_or(r.inference_geo IS NOT NULL) OVER same THEN 'inference_geo' END,
            CASE WHEN bool_or(r.description IS NOT NULL) OVER same THEN 'description' END
        ) AS grouping_key
    FROM grouped
    WINDOW same AS (PARTITION BY report, kind)
),

chosen AS (
    SELECT
        *,
        first_value(grouping_key) OVER (
            PARTITION BY kind, start_text, end_text
            ORDER BY len(string_split(grouping_key, ',')) DESC, len(grouping_key) DESC, grouping_key
        ) AS finest,
        coalesce(CAST(TRY_CAST(r.cache_creation.ephemeral_5m_input_tokens AS BIGINT) AS HUGEINT), 0)
            + coalesce(CAST(TRY_CAST(r.cache_creation.ephemeral_1h_input_tokens AS BIGINT) AS HUGEINT), 0) AS written
    FROM keyed
),

-- Days of which the messages report tells: what Claude Code used through the API is in it.
covered AS (
    SELECT DISTINCT left(start_text, 10) AS day FROM chosen WHERE kind = 'messages'
),

person AS (
    SELECT _file, _line, e.date AS day_text, e.actor AS actor, e.customer_type AS customer_type,
        e.terminal_type AS terminal_type, unnest(e.model_breakdown) AS m
    FROM entry
    UNION ALL
    SELECT _file, _line, date AS day_text, actor, customer_type, terminal_type, unnest(model_breakdown) AS m FROM source
)

SELECT
    _file,
    _line,
    concat('anthropic-admin/', kind) AS source,
    start_text AS period_start,
    coalesce(end_text, CAST(usual_end AS VARCHAR)) AS period_end,
    'anthropic' AS provider,
    r.model AS model,
    r.cost_type AS service,
    r.description AS sku,
    nullif(r.inference_geo, 'not_available') AS region,
    r.workspace_id AS tenant,
    NULL AS user_id,
    r.api_key_id AS api_key_id,
    r.service_tier AS service_tier,
    r.service_tier = 'batch' AS batch,
    r.uncached_input_tokens AS input_tokens,
    r.output_tokens AS output_tokens,
    r.cache_read_input_tokens AS cache_read_input_tokens,
    CASE
        WHEN kind <> 'messages' OR r.cache_creation IS NULL THEN NULL
        -- what is no count is left to be refused
        WHEN r.cache_creation.ephemeral_5m_input_tokens IS NOT NULL
            AND NOT regexp_full_match(r.cache_creation.ephemeral_5m_input_tokens, '\d{1,18}')
            THEN r.cache_creation.ephemeral_5m_input_tokens
        ELSE CAST(written AS VARCHAR)
    END AS cache_creation_input_tokens,
    r.cache_creation.ephemeral_1h_input_tokens AS cache_creation_1h_input_tokens,
    coalesce(
        CAST(CAST(TRY_CAST(r.amount AS DECIMAL(26, 10)) * CAST(0.01 AS DECIMAL(3, 2)) AS DECIMAL(38, 12)) AS VARCHAR),
        r.amount
    ) AS cost,
    CASE WHEN r.amount IS NOT NULL THEN upper(r.currency) END AS currency,
    CASE WHEN r.amount IS NOT NULL THEN 'billed' END AS cost_kind,
    concat_ws(
        '|', kind, start_text, end_text, grouping_key,
        to_json([
            r.model, r.workspace_id, r.api_key_id, r.service_tier, r.context_window, r.inference_geo, r.description,
            r.cost_type, r.token_type
        ])
    ) AS _duplicate_key,
    coalesce(TRY_CAST(r.uncached_input_tokens AS DOUBLE), 0) + coalesce(TRY_CAST(r.output_tokens AS DOUBLE), 0)
        + coalesce(TRY_CAST(r.cache_read_input_tokens AS DOUBLE), 0) + written
        + coalesce(TRY_CAST(r.amount AS DOUBLE), 0) AS _rank,
    CASE WHEN grouping_key <> finest THEN 'the same usage, grouped otherwise' END AS _filter
FROM chosen
UNION ALL
SELECT
    _file,
    _line,
    'anthropic-admin/claude_code' AS source,
    coalesce(
        CASE WHEN regexp_full_match(day_text, '\d{4}-\d{2}-\d{2}') THEN concat(day_text, 'T00:00:00Z') END, day_text
    ) AS period_start,
    CAST(
        CASE WHEN regexp_matches(day_text, '^[12]\d{3}-') THEN TRY_CAST(day_text AS TIMESTAMPTZ) END + INTERVAL 1 DAY
        AS VARCHAR
    ) AS period_end,
    'anthropic' AS provider,
    m.model AS model,
    'claude-code' AS service,
    NULL AS sku,
    NULL AS region,
    NULL AS tenant,
    actor.email_address AS user_id,
    actor.api_key_name AS api_key_id,
    customer_type AS service_tier,
    NULL AS batch,
    m.tokens.input AS input_tokens,
    m.tokens.output AS output_tokens,
    m.tokens.cache_read AS cache_read_input_tokens,
    m.tokens.cache_creation AS cache_creation_input_tokens,
    NULL AS cache_creation_1h_input_tokens,
    coalesce(
        CAST(
            CAST(TRY_CAST(m.estimated_cost.amount AS DECIMAL(26, 10)) * CAST(0.01 AS DECIMAL(3, 2)) AS DECIMAL(38, 12))
            AS VARCHAR
        ),
        m.estimated_cost.amount
    ) AS cost,
    CASE WHEN m.estimated_cost.amount IS NOT NULL THEN upper(m.estimated_cost.currency) END AS currency,
    CASE WHEN m.estimated_cost.amount IS NOT NULL THEN 'estimated' END AS cost_kind,
    concat_ws('|', 'claude_code', day_text, to_json([actor.email_address, actor.api_key_name, customer_type, terminal_type, m.model]))
        AS _duplicate_key,
    coalesce(TRY_CAST(m.tokens.input AS DOUBLE), 0) + coalesce(TRY_CAST(m.tokens.output AS DOUBLE), 0)
        + coalesce(TRY_CAST(m.tokens.cache_read AS DOUBLE), 0) AS _rank,
    CASE
        WHEN customer_type = 'api' AND left(day_text, 10) IN (SELECT day FROM covered)
            THEN 'also in the messages report'
    END AS _filter
FROM person
