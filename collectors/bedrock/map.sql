-- One record is one call. Numbers from within the bodies were picked out by the manifest's aliases.
WITH record AS (
    SELECT
        *,
        TRY_CAST(TRY_CAST(requestMetadata AS JSON) AS MAP(VARCHAR, VARCHAR)) AS metadata,
        TRY_CAST(TRY_CAST(getvariable('profiles') AS JSON) AS MAP(VARCHAR, VARCHAR)) AS profiles,
        regexp_extract(modelId, '([^/]+)$', 1) AS profile,
        CASE
            WHEN coalesce(schemaType, 'ModelInvocationLog') <> 'ModelInvocationLog'
                THEN 'not a record of a model invocation'
            WHEN schemaType IS NULL AND requestId IS NULL AND modelId IS NULL
                AND regexp_matches(_file, '(^|/)data/[^/]*$')
                THEN 'body of a call, kept beside the record'
        END AS left_out
    FROM source
),

named AS (
    SELECT
        *,
        coalesce(nullif(profiles[modelId], ''), nullif(profiles[profile], ''), nullif(modelId, '')) AS model
    FROM record
)

SELECT
    _file,
    _line,
    nullif(requestId, '') AS id,
    timestamp AS ts,
    metadata[getvariable('intent_key')] AS intent,
    'bedrock' AS provider,
    model,
    inputTokenCount AS input_tokens,
    CASE
        -- an embedding generates nothing
        WHEN outputTokenCount IS NULL AND inputTokenCount IS NOT NULL AND contains(lower(model), 'embed') THEN '0'
        ELSE outputTokenCount
    END AS output_tokens,
    cacheReadInputTokenCount AS cache_read_input_tokens,
    cacheWriteInputTokenCount AS cache_creation_input_tokens,
    cacheWrite1hInputTokenCount AS cache_creation_1h_input_tokens,
    latencyMs AS latency_ms,
    firstByteMs AS ttft_ms,
    CAST(NULL AS VARCHAR) AS cost_usd,
    'bedrock-runtime.' || coalesce(nullif(region, ''), nullif(inferenceRegion, '')) || '.amazonaws.com' AS endpoint,
    coalesce(nullif(inferenceRegion, ''), region) AS region,
    coalesce(nullif(metadata[getvariable('tenant_key')], ''), accountId) AS tenant,
    identityArn AS user_id,
    metadata[getvariable('session_key')] AS session_id,
    metadata[getvariable('task_key')] AS task_id,
    operation,
    coalesce(nullif(errorCode, ''), 'ok') AS status,
    left_out AS _filter,
    CASE
        WHEN left_out IS NOT NULL THEN NULL
        WHEN schemaType IS NULL AND requestId IS NULL AND modelId IS NULL
            THEN 'no schemaType, requestId or modelId: not a record of a model invocation; of CloudWatch Logs give the texts of `message`'
        WHEN modelId IS NULL THEN 'modelId is missing'
        WHEN getvariable('profiles') <> '' AND profiles IS NULL
            THEN 'the setting profiles is not a JSON object of texts'
    END AS _reject,
    CASE WHEN left_out IS NULL THEN nullif(requestId, '') END AS _duplicate_key,
    CASE WHEN latencyMs IS NULL THEN 0 ELSE 1 END AS _rank
FROM named
