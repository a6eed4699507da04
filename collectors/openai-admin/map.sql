-- A page holds buckets, a bucket holds results; each result is one row out. A line may also be a bucket itself.
WITH page AS (
    SELECT
        _file,
        _line,
        unnest(data) AS bucket
    FROM source
    WHERE len(data) > 0
),

result AS (
    SELECT
        _file,
        _line,
        -- rows of one page, or of one file of buckets, were asked for with the same grouping
        concat(_file, ':', _line) AS report,
        bucket.start_time AS start_text,
        bucket.end_time AS end_text,
        unnest(bucket.results) AS r
    FROM page
    UNION ALL
    SELECT
        _file,
        _line,
        _file AS report,
        start_time AS start_text,
        end_time AS end_text,
        unnest(results) AS r
    FROM source
    WHERE len(results) > 0
),

named AS (
    SELECT
        *,
        coalesce(
            regexp_extract(r.object, '^organization\.(?:usage\.)?([a-z_]+)\.result$', 1),
            CASE WHEN r.amount IS NOT NULL THEN 'costs' ELSE 'completions' END
        ) AS kind,
        TRY_CAST(start_text AS DOUBLE) AS start_seconds,
        TRY_CAST(end_text AS DOUBLE) AS end_seconds
    FROM result
),

timed AS (
    SELECT
        * EXCLUDE (kind),
        CASE WHEN kind = '' THEN 'unknown' ELSE kind END AS kind,
        -- a number outside these bounds counts something else than seconds
        CASE WHEN start_seconds BETWEEN 1e9 AND 1e10 THEN to_timestamp(start_seconds) END AS start_at,
        CASE WHEN end_seconds BETWEEN 1e9 AND 1e10 THEN to_timestamp(end_seconds) END AS end_at,
        CASE getvariable('bucket_width')
            WHEN '1m' THEN INTERVAL 1 MINUTE WHEN '1h' THEN INTERVAL 1 HOUR ELSE INTERVAL 1 DAY
        END AS width
    FROM named
),

grouped AS (
    SELECT
        *,
        concat_ws(
            ',',
            CASE WHEN bool_or(r.model IS NOT NULL) OVER same THEN 'model' END,
            CASE WHEN bool_or(r.project_id IS NOT NULL) OVER same THEN 'project_id' END,
            CASE WHEN bool_or(r.user_id IS NOT NULL) OVER same THEN 'user_id' END,
            CASE WHEN bool_or(r.api_key_id IS NOT NULL) OVER same THEN 'api_key_id' END,
            CASE WHEN bool_or(r.batch IS NOT NULL) OVER same THEN 'batch' END,
            CASE WHEN bool_or(r.service_tier IS NOT NULL) OVER same THEN 'service_tier' END,
            CASE WHEN bool_or(r.line_item IS NOT NULL) OVER same THEN 'line_item' END
        ) AS grouping_key
    FROM timed
    WINDOW same AS (PARTITION BY report, kind)
),

chosen AS (
    SELECT
        *,
        first_value(grouping_key) OVER (
            PARTITION BY kind, start_text, end_text
            ORDER BY len(string_split(grouping_key, ',')) DESC, len(grouping_key) DESC, grouping_key
        ) AS finest
    FROM grouped
)

SELECT
    _file,
    _line,
    concat('openai-admin/', kind) AS source,
    coalesce(CAST(start_at AS VARCHAR), start_text) AS period_start,
    coalesce(CAST(end_at AS VARCHAR), end_text, CAST(start_at + width AS VARCHAR)) AS period_end,
    'openai' AS provider,
    coalesce(
        r.model,
        nullif(regexp_extract(r.line_item, '^([A-Za-z0-9][A-Za-z0-9.:_/-]*), [a-z ]*(?:input|output|cached)', 1), '')
    ) AS model,
    r.line_item AS sku,
    r.project_id AS tenant,
    r.user_id AS user_id,
    r.api_key_id AS api_key_id,
    r.service_tier AS service_tier,
    r.batch AS batch,
    r.num_model_requests AS request_count,
    r.input_tokens AS input_tokens,
    r.output_tokens AS output_tokens,
    r.input_cached_tokens AS cache_read_input_tokens,
    r.input_cache_write_tokens AS cache_creation_input_tokens,
    r.quantity AS quantity,
    CASE WHEN r.quantity IS NOT NULL THEN coalesce(r.quantity_unit, 'units') END AS unit,
    r.amount.value AS cost,
    CASE WHEN r.amount.value IS NOT NULL THEN upper(r.amount.currency) END AS currency,
    CASE WHEN r.amount.value IS NOT NULL THEN 'billed' END AS cost_kind,
    concat_ws(
        '|', kind, start_text, end_text, grouping_key,
        to_json([r.model, r.project_id, r.user_id, r.api_key_id, r.batch, r.service_tier, r.line_item])
    ) AS _duplicate_key,
    coalesce(TRY_CAST(r.input_tokens AS DOUBLE), 0) + coalesce(TRY_CAST(r.output_tokens AS DOUBLE), 0)
        + coalesce(TRY_CAST(r.num_model_requests AS DOUBLE), 0) + coalesce(TRY_CAST(r.amount.value AS DOUBLE), 0) AS _rank,
    CASE
        WHEN kind NOT IN ('completions', 'embeddings', 'moderations', 'costs')
            THEN concat('usage of another kind: ', kind)
        WHEN grouping_key <> finest THEN 'the same usage, grouped otherwise'
    END AS _filter
FROM chosen
