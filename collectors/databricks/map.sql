-- Rows of four tables, told apart by their columns: calls of the gateway, calls of classic endpoints, and two that are
-- joined to the latter and left out themselves.
WITH typed AS (
    SELECT
        * EXCLUDE (event_time, request_time),
        -- system tables are in UTC; what a notebook writes of them does not say so
        CASE
            WHEN getvariable('naive_times') = 'utc' AND regexp_full_match(event_time, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?')
                THEN event_time || 'Z'
            ELSE event_time
        END AS event_time,
        CASE
            WHEN getvariable('naive_times') = 'utc' AND regexp_full_match(request_time, '\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?')
                THEN request_time || 'Z'
            ELSE request_time
        END AS request_time,
        coalesce(nullif(request_tags, ''), usage_context) AS tag_text,
        CASE
            WHEN coalesce(invocation_id, event_time) IS NOT NULL THEN 'gateway'
            WHEN change_time IS NOT NULL THEN 'entity'
            WHEN execution_duration_ms IS NOT NULL THEN 'inference'
            WHEN databricks_request_id IS NOT NULL THEN 'classic'
        END AS kind
    FROM source
),

-- of each entity the latest change; times of one spelling sort as text where they do not parse
entity AS (
    SELECT
        served_entity_id AS entity,
        arg_max(endpoint_name, change) AS endpoint,
        arg_max(entity_name, change) AS name,
        arg_max(entity_type, change) AS type,
        arg_max(task, change) AS task,
        arg_max(coalesce(external_model_config, '{}'), change) AS external,
        arg_max(coalesce(foundation_model_config, '{}'), change) AS foundation
    FROM (
        SELECT
            *,
            coalesce(strftime(TRY_CAST(change_time AS TIMESTAMPTZ), '%Y-%m-%dT%H:%M:%S.%f'), change_time) AS change
        FROM typed
    )
    WHERE kind = 'entity' AND served_entity_id IS NOT NULL
    GROUP BY served_entity_id
),

inference AS (
    SELECT
        databricks_request_id AS request,
        max(TRY_CAST(execution_duration_ms AS DOUBLE)) AS duration
    FROM typed
    WHERE kind = 'inference' AND databricks_request_id IS NOT NULL
    GROUP BY databricks_request_id
),

classic AS (
    SELECT DISTINCT databricks_request_id AS request
    FROM typed
    WHERE kind = 'classic'
),

in_gateway AS (
    SELECT DISTINCT request_id AS request
    FROM typed
    WHERE kind = 'gateway' AND request_id IS NOT NULL
),

placed AS (
    SELECT
        _file,
        _line,
        dense_rank() OVER (PARTITION BY request_id ORDER BY event_time, invocation_id) AS attempt
    FROM typed
    WHERE kind = 'gateway' AND request_id IS NOT NULL AND NOT contains(upper(coalesce(service_type, '')), 'MCP')
),

joined AS (
    SELECT
        typed.*,
        TRY_CAST(TRY_CAST(CASE
            -- pandas writes maps the way Python shows them: {'team': 'support'} or [('team', 'support')]
            WHEN typed.tag_text LIKE '{''%' THEN replace(replace(typed.tag_text, '''', '"'), ': None', ': null')
            WHEN typed.tag_text LIKE '[(''%' OR typed.tag_text LIKE '[["%' THEN '{' || regexp_replace(
                regexp_replace(
                    regexp_replace(replace(typed.tag_text, '''', '"'), '[(\[]"([^"]*)", ?', '"\1": ', 'g'),
                    '[)\]], ?"', ', "', 'g'
                ),
                '^\[|[)\]]\]$', '', 'g'
            ) || '}'
            ELSE typed.tag_text
        END AS JSON) AS MAP(VARCHAR, VARCHAR)) AS tags,
        TRY_CAST(typed.token_details AS JSON) AS details,
        regexp_full_match(typed.token_details, '(?:Row\(|\{'')[a-z_'' =:,.0-9None]*[)}]') AS details_of_python,
        upper(coalesce(typed.destination_type, entity.type, '')) AS destination,
        entity.endpoint AS entity_endpoint,
        entity.name AS entity_model,
        entity.task AS entity_task,
        TRY_CAST(entity.external AS JSON) AS external,
        TRY_CAST(entity.foundation AS JSON) AS foundation,
        inference.duration,
        placed.attempt,
        classic.request IS NOT NULL AS has_usage,
        in_gateway.request IS NOT NULL AS is_in_gateway
    FROM typed
    LEFT JOIN entity ON typed.kind = 'classic' AND typed.served_entity_id = entity.entity
    LEFT JOIN inference ON typed.kind = 'classic' AND typed.databricks_request_id = inference.request
    LEFT JOIN classic ON typed.kind = 'inference' AND typed.databricks_request_id = classic.request
    LEFT JOIN in_gateway ON typed.kind = 'classic' AND typed.databricks_request_id = in_gateway.request
    LEFT JOIN placed ON typed._file = placed._file AND typed._line = placed._line
),

named AS (
    SELECT
        *,
        coalesce(
            json_extract_string(external, '$.provider'), json_extract_string(external, '$.Provider')
        ) AS external_provider,
        coalesce(
            json_extract_string(external, '$.name'), json_extract_string(external, '$.Name'),
            json_extract_string(external, '$.model')
        ) AS external_model,
        contains(destination, 'PROVISIONED') OR coalesce(
            TRY_CAST(json_extract_string(foundation, '$.max_provisioned_throughput') AS DOUBLE),
            TRY_CAST(json_extract_string(foundation, '$.min_provisioned_throughput') AS DOUBLE), 0
        ) > 0 AS provisioned,
        contains(destination, 'CUSTOM') AS custom,
        contains(destination, 'EXTERNAL') AS is_external,
        coalesce(
            TRY_CAST(input_token_count AS BIGINT) = (CAST(TRY_CAST(input_character_count AS BIGINT) AS HUGEINT) + 1) // 4
            AND TRY_CAST(output_token_count AS BIGINT) = (CAST(TRY_CAST(output_character_count AS BIGINT) AS HUGEINT) + 1) // 4,
            false
        ) AS estimated
    FROM joined
),

called AS (
    SELECT
        *,
        CASE
            WHEN provisioned THEN 'databricks.provisioned_throughput'
            WHEN custom THEN 'databricks.custom_model'
            WHEN kind = 'gateway' AND is_external
                -- the unified API of MLflow and the gateway's own say nothing about who answers
                THEN nullif(nullif(nullif(split_part(api_type, '/', 1), 'mlflow'), 'databricks'), '')
            WHEN kind = 'classic' AND is_external THEN lower(external_provider)
            WHEN destination <> '' OR starts_with(coalesce(destination_name, entity_model, ''), 'system.ai.')
                THEN 'databricks'
        END AS biller,
        CASE
            WHEN kind = 'gateway' AND is_external THEN destination_model
            WHEN kind = 'gateway' THEN coalesce(regexp_replace(destination_name, '^system\.ai\.', ''), destination_model)
            ELSE coalesce(external_model, regexp_replace(entity_model, '^system\.ai\.', ''))
        END AS answered
    FROM named
)

SELECT
    _file,
    _line,
    CASE WHEN kind = 'gateway' THEN invocation_id ELSE databricks_request_id END AS id,
    CASE WHEN kind = 'gateway' THEN event_time ELSE request_time END AS ts,
    tags[getvariable('intent_tag')] AS intent,
    biller AS provider,
    answered AS model,
    CASE WHEN kind = 'gateway' THEN input_tokens ELSE input_token_count END AS input_tokens,
    CASE WHEN kind = 'gateway' THEN output_tokens ELSE output_token_count END AS output_tokens,
    CASE WHEN kind = 'gateway' THEN total_tokens END AS total_tokens,
    coalesce(
        json_extract_string(details, '$.cache_read_input_tokens'),
        nullif(regexp_extract(CASE WHEN details_of_python THEN token_details END, 'cache_read_input_tokens''?[=:] ?(\d+)', 1), '')
    ) AS cache_read_input_tokens,
    coalesce(
        json_extract_string(details, '$.cache_creation_input_tokens'),
        nullif(regexp_extract(CASE WHEN details_of_python THEN token_details END, 'cache_creation_input_tokens''?[=:] ?(\d+)', 1), '')
    ) AS cache_creation_input_tokens,
    coalesce(
        json_extract_string(details, '$.output_reasoning_tokens'),
        nullif(regexp_extract(CASE WHEN details_of_python THEN token_details END, 'output_reasoning_tokens''?[=:] ?(\d+)', 1), '')
    ) AS reasoning_output_tokens,
    CASE
        WHEN estimated AND input_token_count IS NOT NULL AND output_token_count IS NOT NULL THEN 'estimated'
    END AS usage_source,
    CASE WHEN kind = 'gateway' THEN latency_ms ELSE CAST(duration AS VARCHAR) END AS latency_ms,
    time_to_first_byte_ms AS ttft_ms,
    CAST(NULL AS VARCHAR) AS cost_usd,
    coalesce(endpoint_name, entity_endpoint) AS endpoint,
    coalesce(nullif(tags[getvariable('tenant_tag')], ''), workspace_id) AS tenant,
    requester AS user_id,
    tags[getvariable('task_tag')] AS task_id,
    tags[getvariable('agent_tag')] AS agent_id,
    tags[getvariable('session_tag')] AS session_id,
    coalesce(
        nullif(tags[getvariable('operation_tag')], ''), CASE WHEN kind = 'gateway' THEN api_type ELSE entity_task END
    ) AS operation,
    status_code AS status,
    -- `least` alone would make 1000 of what is unknown
    CASE WHEN attempt IS NOT NULL THEN least(attempt, 1000) END AS attempt,
    attempt > 1 AS fallback_used,
    CASE
        WHEN kind = 'entity' THEN 'served entity, joined for the name of its endpoint'
        WHEN kind = 'inference' AND has_usage THEN 'inference table, joined for its latency'
        WHEN kind = 'inference' THEN 'inference table without a row of endpoint_usage'
        WHEN kind = 'gateway' AND contains(upper(coalesce(service_type, '') || '|' || coalesce(destination_type, '')), 'MCP')
            THEN 'MCP server, no tokens of a model'
        WHEN kind = 'classic' AND is_in_gateway THEN 'also in system.ai_gateway.usage'
        WHEN kind = 'classic' AND destination = 'FEATURE_SPEC' THEN 'feature serving, not a model'
    END AS _filter,
    CASE
        WHEN kind IS NULL THEN 'a row of none of the tables that are read'
        WHEN kind = 'gateway' AND invocation_id IS NULL THEN 'invocation_id is missing'
        WHEN kind = 'gateway' AND token_details <> '' AND details IS NULL AND NOT details_of_python
            THEN 'token_details is not JSON'
    END AS _reject,
    CASE
        WHEN kind = 'gateway' THEN 'invocation|' || invocation_id
        WHEN kind = 'classic' THEN 'request|' || databricks_request_id
    END AS _duplicate_key
FROM called
