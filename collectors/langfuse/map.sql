-- One row is one observation; generations and embeddings are calls. Usage comes in buckets whose names are open.
WITH observed AS (
    SELECT
        _file,
        _line,
        id,
        upper(coalesce(type, '')) AS type,
        coalesce(start_time, "startTime") AS start_text,
        coalesce(end_time, "endTime") AS end_text,
        coalesce(completion_start_time, "completionStartTime") AS first_text,
        coalesce(updated_at, "updatedAt") AS updated_text,
        nullif(coalesce(provided_model_name, "providedModelName", model), '') AS model,
        nullif(coalesce(usage_details, "usageDetails", usage), '') AS usage_text,
        nullif(coalesce(cost_details, "costDetails"), '') AS costs_text,
        nullif(coalesce(total_cost, "totalCost", "calculatedTotalCost"), '') AS total_cost,
        latency,
        coalesce(time_to_first_token, "timeToFirstToken") AS first_token,
        coalesce(trace_id, "traceId") AS trace,
        coalesce(parent_observation_id, "parentObservationId") AS parent,
        coalesce(user_id, "userId") AS user_id,
        coalesce(session_id, "sessionId") AS session,
        nullif(coalesce(trace_name, "traceName"), '') AS trace_name,
        nullif(name, '') AS name,
        nullif(coalesce(prompt_name, "promptName"), '') AS prompt_name,
        coalesce(project_id, "projectId") AS project,
        environment,
        upper(coalesce(level, '')) AS level
    FROM source
),

opened AS (
    SELECT
        *,
        type IN ('GENERATION', 'EMBEDDING') AS is_call,
        CASE WHEN type IN ('GENERATION', 'EMBEDDING') THEN list_transform(
            map_entries(TRY(CAST(TRY_CAST(coalesce(usage_text, '{}') AS JSON) AS MAP(VARCHAR, VARCHAR)))),
            lambda entry: {
                'key': CASE lower(entry.key)
                    WHEN 'prompt_tokens' THEN 'input'
                    WHEN 'prompttokens' THEN 'input'
                    WHEN 'completion_tokens' THEN 'output'
                    WHEN 'completiontokens' THEN 'output'
                    WHEN 'total_tokens' THEN 'total'
                    WHEN 'totaltokens' THEN 'total'
                    ELSE lower(entry.key)
                END,
                'value': entry.value
            }
        ) END AS buckets,
        CASE WHEN type IN ('GENERATION', 'EMBEDDING') THEN map_entries(
            TRY(CAST(TRY_CAST(coalesce(costs_text, '{}') AS JSON) AS MAP(VARCHAR, VARCHAR)))
        ) END AS costs,
        CASE WHEN length(start_text) > 18 THEN TRY_CAST(start_text AS TIMESTAMPTZ) END AS started,
        CASE WHEN length(end_text) > 18 THEN TRY_CAST(end_text AS TIMESTAMPTZ) END AS ended,
        CASE WHEN length(first_text) > 18 THEN TRY_CAST(first_text AS TIMESTAMPTZ) END AS first
    FROM observed
),

sorted AS (
    SELECT
        *,
        list_filter(buckets, lambda b: b.value IS NOT NULL AND b.key = 'input') AS plain_input,
        list_filter(buckets, lambda b: b.value IS NOT NULL AND b.key <> 'input' AND NOT contains(b.key, 'output')
            AND (contains(b.key, 'input') OR starts_with(b.key, 'cache'))) AS other_input,
        list_filter(buckets, lambda b: b.value IS NOT NULL AND b.key = 'output') AS plain_output,
        list_filter(buckets, lambda b: b.value IS NOT NULL AND b.key <> 'output' AND contains(b.key, 'output'))
            AS other_output,
        list_filter(buckets, lambda b: b.value IS NOT NULL AND b.key = 'total') AS totals,
        list_filter(buckets, lambda b: b.value IS NOT NULL AND b.key <> 'total'
            AND regexp_full_match(b.value, '\d{1,15}(\.0+)?')) AS numbers
    FROM opened
),

summed AS (
    SELECT
        *,
        list_sum(list_transform(plain_input, lambda b: TRY_CAST(b.value AS BIGINT))) AS input,
        coalesce(list_sum(list_transform(other_input, lambda b: TRY_CAST(b.value AS BIGINT))), 0) AS inputs,
        list_sum(list_transform(plain_output, lambda b: TRY_CAST(b.value AS BIGINT))) AS output,
        coalesce(list_sum(list_transform(other_output, lambda b: TRY_CAST(b.value AS BIGINT))), 0) AS outputs,
        list_sum(list_transform(totals, lambda b: TRY_CAST(b.value AS BIGINT))) AS total,
        list_sum(list_transform(numbers, lambda b: TRY_CAST(b.value AS BIGINT))) AS everything,
        len(plain_input) + len(other_input) > 0 AS any_input,
        len(plain_output) + len(other_output) > 0 AS any_output,
        list_sum(list_transform(
            list_filter(other_input, lambda b: contains(b.key, 'cach')
                AND NOT contains(b.key, 'creation') AND NOT contains(b.key, 'write')),
            lambda b: TRY_CAST(b.value AS BIGINT)
        )) AS cache_read,
        list_sum(list_transform(
            list_filter(other_input, lambda b: contains(b.key, 'cach')
                AND (contains(b.key, 'creation') OR contains(b.key, 'write'))),
            lambda b: TRY_CAST(b.value AS BIGINT)
        )) AS cache_write,
        list_sum(list_transform(
            list_filter(other_input, lambda b: contains(b.key, 'cach') AND contains(b.key, '1h')
                AND (contains(b.key, 'creation') OR contains(b.key, 'write'))),
            lambda b: TRY_CAST(b.value AS BIGINT)
        )) AS cache_write_1h,
        list_sum(list_transform(
            list_filter(other_output, lambda b: contains(b.key, 'reasoning')), lambda b: TRY_CAST(b.value AS BIGINT)
        )) AS reasoning,
        len(list_filter(
            list_concat(list_concat(plain_input, other_input), list_concat(list_concat(plain_output, other_output), totals)),
            lambda b: NOT regexp_full_match(b.value, '\d{1,15}(\.0+)?')
        )) > 0 AS odd,
        list_filter(buckets, lambda b: b.key = 'unit')[1].value AS unit,
        list_sum(list_transform(
            list_filter(costs, lambda c: lower(c.key) <> 'total'),
            lambda c: TRY_CAST(TRY_CAST(c.value AS DOUBLE) AS DECIMAL(20, 12))
        )) AS cost_of_parts,
        list_filter(costs, lambda c: lower(c.key) = 'total')[1].value AS cost_of_all
    FROM sorted
),

read AS (
    SELECT
        *,
        -- Buckets leave each other out by contract, but what a client sends is stored unchecked. Where a total was sent
        -- too, it says which of them hold others.
        CASE
            -- a failed call is stored without buckets or with empty ones
            WHEN coalesce(input, 0) + inputs + coalesce(output, 0) + outputs + coalesce(total, 0) = 0 THEN 'none'
            WHEN NOT any_input AND total IS NOT NULL THEN 'no input'
            WHEN total IS NULL OR total = everything THEN 'apart'
            WHEN total = coalesce(input, 0) + inputs + coalesce(output, 0) + outputs THEN 'apart'
            WHEN input IS NOT NULL AND total = input + coalesce(output, 0) + outputs THEN 'input holds all'
            WHEN output IS NOT NULL AND total = coalesce(input, 0) + inputs + output THEN 'output holds all'
            WHEN input IS NOT NULL AND output IS NOT NULL AND total = input + output THEN 'both hold all'
            WHEN NOT any_output THEN 'no output'
            ELSE 'unclear'
        END AS shape
    FROM summed
)

SELECT
    _file,
    _line,
    id,
    CASE
        -- exports keep UTC without saying so
        WHEN length(start_text) > 18 AND NOT contains(start_text, 'Z') AND NOT contains(substr(start_text, 12), '+')
            AND NOT contains(substr(start_text, 12), '-') THEN start_text || 'Z'
        ELSE start_text
    END AS ts,
    CASE getvariable('intent_from')
        WHEN 'name' THEN coalesce(name, trace_name)
        WHEN 'prompt_name' THEN prompt_name
        ELSE coalesce(trace_name, name)
    END AS intent,
    CASE
        WHEN getvariable('provider') <> 'by-model' THEN getvariable('provider')
        WHEN regexp_matches(lower(model), '^((us|eu|apac|global|jp|au)\.)?(anthropic|amazon|meta|mistral|cohere|ai21|deepseek)\.')
            THEN 'aws.bedrock'
        WHEN contains(model, '/') AND lower(split_part(model, '/', 1)) IN (
            'anthropic', 'azure', 'bedrock', 'cohere', 'deepseek', 'fireworks_ai', 'gemini', 'google', 'groq', 'mistral',
            'ollama', 'openai', 'openrouter', 'perplexity', 'together_ai', 'vertex_ai', 'xai'
        ) THEN lower(split_part(model, '/', 1))
        WHEN regexp_matches(lower(model), '^(gpt|chatgpt|o[134]($|-)|text-embedding-(3|ada)|ft:gpt|codex)') THEN 'openai'
        WHEN starts_with(lower(model), 'claude') THEN 'anthropic'
        WHEN regexp_matches(lower(model), '^(models/)?(gemini|text-embedding-00)') THEN 'google'
        WHEN regexp_matches(lower(model), '^(mistral-(large|medium|small)|ministral|codestral|magistral|pixtral)') THEN 'mistral'
        WHEN regexp_matches(lower(model), '^(command|embed-|rerank)') THEN 'cohere'
        WHEN regexp_matches(lower(model), '^deepseek-(chat|reasoner)') THEN 'deepseek'
        WHEN starts_with(lower(model), 'grok') THEN 'xai'
    END AS provider,
    model,
    CASE
        WHEN shape IN ('apart', 'output holds all', 'no output') THEN coalesce(input, 0) + inputs
        WHEN shape IN ('input holds all', 'both hold all') THEN input
        WHEN shape = 'no input' THEN total - coalesce(output, 0) - outputs
    END AS input_tokens,
    CASE
        WHEN shape IN ('output holds all', 'both hold all') THEN output
        WHEN shape = 'no output' THEN total - coalesce(input, 0) - inputs
        WHEN shape = 'none' THEN NULL
        WHEN any_output THEN coalesce(output, 0) + outputs
        WHEN type = 'EMBEDDING' THEN 0
    END AS output_tokens,
    CASE WHEN shape <> 'none' THEN cache_read END AS cache_read_input_tokens,
    CASE WHEN shape <> 'none' THEN cache_write END AS cache_creation_input_tokens,
    CASE WHEN shape <> 'none' THEN cache_write_1h END AS cache_creation_1h_input_tokens,
    CASE WHEN shape <> 'none' THEN reasoning END AS reasoning_output_tokens,
    CASE
        WHEN TRY_CAST(latency AS DECIMAL(18, 9)) > 0 THEN 1000 * CAST(TRY_CAST(latency AS DECIMAL(18, 9)) AS DOUBLE)
        WHEN ended > started THEN TRY(epoch_us(ended) - epoch_us(started)) / 1e3
    END AS latency_ms,
    CASE
        WHEN TRY_CAST(first_token AS DECIMAL(18, 9)) > 0 THEN 1000 * CAST(TRY_CAST(first_token AS DECIMAL(18, 9)) AS DOUBLE)
        WHEN first > started THEN TRY(epoch_us(first) - epoch_us(started)) / 1e3
    END AS ttft_ms,
    CASE
        WHEN shape = 'none' AND coalesce(TRY_CAST(total_cost AS DOUBLE), 0) = 0 THEN NULL
        ELSE coalesce(total_cost, cost_of_all, CAST(cost_of_parts AS VARCHAR))
    END AS cost_usd,
    CASE getvariable('tenant_from') WHEN 'environment' THEN environment WHEN 'user' THEN user_id ELSE project END AS tenant,
    user_id,
    session AS session_id,
    trace AS task_id,
    parent AS parent_id,
    CASE type WHEN 'GENERATION' THEN 'chat' WHEN 'EMBEDDING' THEN 'embeddings' END AS operation,
    CASE WHEN level = 'ERROR' THEN 'error' WHEN level <> '' THEN 'ok' END AS status,
    CASE
        WHEN type <> '' AND NOT is_call THEN 'observation of type ' || type || ' is no call of a model'
    END AS _filter,
    CASE
        WHEN type = '' THEN 'type is missing'
        WHEN NOT is_call THEN NULL
        WHEN start_text IS NULL THEN 'start_time is missing'
        WHEN buckets IS NULL THEN 'usage_details is not a JSON object'
        WHEN odd THEN 'usage_details holds something else than counts'
        WHEN upper(coalesce(unit, 'TOKENS')) <> 'TOKENS' THEN 'usage is counted in ' || lower(unit) || ', not in tokens'
        WHEN shape = 'unclear' THEN 'usage_details do not add up to their total: which bucket holds which cannot be told'
        WHEN latency <> '' AND TRY_CAST(latency AS DECIMAL(18, 9)) IS NULL THEN 'latency is not a number'
    END AS _reject,
    CASE WHEN is_call AND id <> '' THEN concat_ws('|', project, id) END AS _duplicate_key,
    -- of two exports of an observation, the later one
    coalesce(epoch(TRY_CAST(updated_text AS TIMESTAMPTZ)), 0.0) + CASE WHEN ended IS NOT NULL THEN 0.5 ELSE 0.0 END AS _rank
FROM read
