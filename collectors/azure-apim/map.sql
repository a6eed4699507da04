-- Rows of two tables: the calls (LLM log) and what the gateway measured of them, joined by CorrelationId.
WITH typed AS (
    SELECT
        * EXCLUDE (SequenceNumber),
        nullif(CorrelationId, '') AS correlation,
        TRY_CAST(SequenceNumber AS BIGINT) AS part,
        coalesce(
            TimeGenerated,
            -- the portal's CSV says the zone in the name of the column
            CAST(try_strptime(TimeGeneratedUtc, ['%m/%d/%Y, %I:%M:%S.%f %p', '%m/%d/%Y, %I:%M:%S %p']) AS VARCHAR) || 'Z',
            TimeGeneratedUtc || CASE WHEN regexp_matches(TimeGeneratedUtc, '(Z|[+-]\d\d:?\d\d)$') THEN '' ELSE 'Z' END
        ) AS ts,
        CASE
            WHEN regexp_matches(lower(coalesce(Type, '')), 'llmlog') THEN 'call'
            WHEN regexp_matches(lower(coalesce(Type, '')), 'gatewaylogs') THEN 'gateway'
            WHEN lower(Type) IN ('requestresponse', 'audit', 'trace', 'azureopenairequestusage') THEN 'azure openai'
            WHEN coalesce(PromptTokens, CompletionTokens, TotalTokens, ModelName, DeploymentName) IS NOT NULL THEN 'call'
            WHEN coalesce(TotalTime, ResponseCode, BackendUrl, ApimSubscriptionId, ApiId) IS NOT NULL THEN 'gateway'
        END AS kind
    FROM source
),

gateway AS (
    SELECT
        correlation,
        max(TRY_CAST(TotalTime AS DOUBLE)) AS total_time,
        max(ResponseCode) AS response_code,
        max(Cache) AS cache,
        max(BackendUrl) AS backend,
        max(ApimSubscriptionId) AS subscription,
        max(ProductId) AS product,
        max(ApiId) AS api,
        max(OperationId) AS operation,
        max(UserId) AS person,
        max(Region) AS region
    FROM typed
    WHERE kind = 'gateway' AND correlation IS NOT NULL
    GROUP BY correlation
),

called AS (
    SELECT
        correlation,
        min(nullif(RequestId, '')) AS request,
        min(nullif(RequestId, '')) IS DISTINCT FROM max(nullif(RequestId, '')) AS several,
        max(nullif(ModelName, '')) AS model,
        max(nullif(DeploymentName, '')) AS deployment
    FROM typed
    WHERE kind = 'call' AND correlation IS NOT NULL
    GROUP BY correlation
),

joined AS (
    SELECT
        typed.*,
        called.correlation IS NOT NULL AS is_called,
        coalesce(nullif(typed.RequestId, ''), called.request) AS request,
        coalesce(called.several, false) AS several,
        coalesce(nullif(typed.ModelName, ''), nullif(typed.DeploymentName, ''), called.model, called.deployment) AS model,
        -- a query that joined the two tables itself has both in one row
        -- the gateway's time covers all tries together, so it is nobody's where there are several
        coalesce(TRY_CAST(typed.TotalTime AS DOUBLE), CASE WHEN NOT called.several THEN gateway.total_time END) AS latency,
        coalesce(typed.ResponseCode, gateway.response_code) AS status,
        coalesce(typed.Cache, gateway.cache) AS response_cache,
        coalesce(typed.BackendUrl, gateway.backend) AS backend,
        coalesce(typed.ApimSubscriptionId, gateway.subscription) AS subscription,
        coalesce(typed.ProductId, gateway.product) AS product,
        coalesce(typed.ApiId, gateway.api) AS api,
        coalesce(typed.OperationId, gateway.operation) AS gateway_operation,
        coalesce(typed.UserId, gateway.person) AS person,
        coalesce(typed.Region, gateway.region) AS place,
        coalesce(TRY_CAST(typed.PromptTokens AS DOUBLE), 0) + coalesce(TRY_CAST(typed.CompletionTokens AS DOUBLE), 0)
            AS tokens,
        TRY_CAST(typed.PromptTokens AS DOUBLE) = 0 AND TRY_CAST(typed.CompletionTokens AS DOUBLE) = 0 AS unread
    FROM typed
    LEFT JOIN gateway ON typed.correlation = gateway.correlation
    LEFT JOIN called ON typed.correlation = called.correlation
)

SELECT
    _file,
    _line,
    CASE WHEN several THEN concat_ws('|', correlation, request) ELSE correlation END AS id,
    ts,
    getvariable('provider') AS provider,
    model,
    CASE WHEN NOT coalesce(unread, false) THEN PromptTokens END AS input_tokens,
    CASE WHEN NOT coalesce(unread, false) THEN CompletionTokens END AS output_tokens,
    CASE WHEN NOT coalesce(unread, false) THEN TotalTokens END AS total_tokens,
    latency AS latency_ms,
    CAST(NULL AS VARCHAR) AS cost_usd,
    nullif(regexp_extract(backend, '^[a-z]+://([^/:?]+)', 1), '') AS endpoint,
    place AS region,
    CASE getvariable('tenant_from')
        WHEN 'product' THEN product
        WHEN 'api' THEN api
        WHEN 'user' THEN person
        ELSE subscription
    END AS tenant,
    person AS user_id,
    gateway_operation AS operation,
    status,
    CASE WHEN lower(response_cache) = 'hit' THEN true END AS cache_hit,
    CASE
        WHEN kind = 'gateway' AND is_called THEN 'gateway log, joined for its latency'
        WHEN kind = 'gateway' THEN 'gateway log of a request without tokens'
        WHEN kind = 'azure openai' THEN 'log of Azure OpenAI, which holds no tokens'
    END AS _filter,
    CASE
        WHEN kind IS NULL THEN 'neither a row of ApiManagementGatewayLlmLog nor of ApiManagementGatewayLogs'
        WHEN kind = 'call' AND correlation IS NULL THEN 'CorrelationId is missing'
    END AS _reject,
    CASE WHEN kind = 'call' AND correlation IS NOT NULL THEN concat_ws('|', correlation, request) END AS _duplicate_key,
    -- of the parts of one message the one that has its tokens; among equals the first
    tokens * 1000 - coalesce(part, 0) AS _rank
FROM joined
