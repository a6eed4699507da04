-- One row of LiteLLM_SpendLogs is one request to the proxy. `metadata` is parsed once, for all that is read from it.
WITH logged AS (
    SELECT
        *,
        lower(coalesce(custom_llm_provider, '')) AS named,
        lower(split_part(model, '/', 1)) AS head,
        TRY(json_extract_string(
            -- some versions store the JSON object as a JSON string
            CASE WHEN starts_with(metadata, '"') THEN json_extract_string(metadata, '$') ELSE metadata END,
            [
                '$.additional_usage_values.cache_read_input_tokens',
                '$.usage_object.cache_read_input_tokens',
                '$.additional_usage_values.prompt_tokens_details.cached_tokens',
                '$.usage_object.prompt_tokens_details.cached_tokens',
                '$.additional_usage_values.cache_creation_input_tokens',
                '$.usage_object.cache_creation_input_tokens',
                '$.additional_usage_values.prompt_tokens_details.cache_creation_tokens',
                '$.usage_object.prompt_tokens_details.cache_creation_tokens',
                '$.additional_usage_values.prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens',
                '$.usage_object.prompt_tokens_details.cache_creation_token_details.ephemeral_1h_input_tokens',
                '$.additional_usage_values.completion_tokens_details.reasoning_tokens',
                '$.usage_object.completion_tokens_details.reasoning_tokens',
                '$.status',
                '$.error_information.error_class',
                '$.error_information.error_code',
                '$.attempted_retries',
                '$.attempted_fallbacks',
                '$.user_api_key_team_alias',
                '$.user_api_key_alias',
                '$.model_map_information.model_map_value.input_cost_per_token',
                '$.model_map_information.model_map_value.output_cost_per_token',
                '$.model_map_information.model_map_value.cache_read_input_token_cost',
                '$.model_map_information.model_map_value.cache_creation_input_token_cost'
            ]
        )) AS said
    FROM source
),

named AS (
    SELECT
        *,
        coalesce(said[1], said[2], said[3], said[4]) AS cache_read,
        coalesce(said[5], said[6], said[7], said[8]) AS cache_write,
        coalesce(said[9], said[10]) AS cache_write_1h,
        coalesce(said[11], said[12]) AS reasoning,
        -- LiteLLM's own prefixes of models; in `meta-llama/…` the first word is the model's maker, not who bills
        CASE
            WHEN named <> '' THEN named
            WHEN head IN (
                'anthropic', 'azure', 'azure_ai', 'bedrock', 'bedrock_converse', 'cerebras', 'cohere', 'cohere_chat',
                'databricks', 'deepinfra', 'deepseek', 'fireworks_ai', 'gemini', 'github_copilot', 'groq', 'hosted_vllm',
                'huggingface', 'lm_studio', 'mistral', 'moonshot', 'ollama', 'ollama_chat', 'openai', 'openrouter',
                'perplexity', 'replicate', 'sagemaker', 'snowflake', 'together_ai', 'vertex_ai', 'vertex_ai_beta', 'voyage',
                'xai'
            ) AND contains(model, '/') THEN head
        END AS provider,
        lower(coalesce(status, said[13], '')) AS outcome,
        CASE
            WHEN starts_with(request_tags, '"') THEN TRY(json_extract_string(request_tags, '$')) ELSE request_tags
        END AS tags,
        'litellm-internal-health-check' IN (coalesce(team_id, ''), coalesce("user", '')) AS health_check
    FROM logged
),

counted AS (
    SELECT
        *,
        CASE
            WHEN starts_with(provider, 'bedrock') THEN regexp_replace(
                model, '^(bedrock/|bedrock_converse/)?(converse/|invoke/)?([a-z]{2}(-[a-z]+)+-\d/)?', ''
            )
            WHEN head = provider AND contains(model, '/') THEN substr(model, length(head) + 2)
            ELSE nullif(model, '')
        END AS served,
        -- the columns default to 0: a request without any token is one whose usage was not recorded
        coalesce(prompt_tokens, '0') IN ('0', '0.0') AND coalesce(completion_tokens, '0') IN ('0', '0.0') AS uncounted,
        coalesce(TRY_CAST(cache_read AS DOUBLE), 0) + coalesce(TRY_CAST(cache_write AS DOUBLE), 0) AS cached,
        CASE
            WHEN contains(tags, '"' || getvariable('intent_tag')) THEN list_filter(
                TRY(from_json(tags, '["VARCHAR"]')),
                lambda tag: starts_with(tag, getvariable('intent_tag')) AND NOT starts_with(tag, 'User-Agent:')
            )[1]
        END AS intent_tag
    FROM named
)

SELECT
    _file,
    _line,
    request_id AS id,
    CASE
        -- Postgres keeps UTC without saying so
        WHEN length("startTime") > 18 AND NOT contains("startTime", 'Z') AND NOT contains(substr("startTime", 12), '+')
            AND NOT contains(substr("startTime", 12), '-') THEN "startTime" || 'Z'
        ELSE "startTime"
    END AS ts,
    CASE WHEN health_check THEN 'health-check' ELSE nullif(substr(intent_tag, length(getvariable('intent_tag')) + 1), '')
    END AS intent,
    provider,
    served AS model,
    CASE WHEN NOT uncounted THEN prompt_tokens END AS input_tokens,
    CASE WHEN NOT uncounted THEN completion_tokens END AS output_tokens,
    CASE WHEN NOT uncounted THEN cache_read END AS cache_read_input_tokens,
    CASE WHEN NOT uncounted THEN cache_write END AS cache_creation_input_tokens,
    CASE WHEN NOT uncounted THEN cache_write_1h END AS cache_creation_1h_input_tokens,
    CASE
        WHEN NOT uncounted AND TRY_CAST(reasoning AS BIGINT) <= TRY_CAST(completion_tokens AS BIGINT) THEN reasoning
    END AS reasoning_output_tokens,
    CASE
        WHEN request_duration_ms <> '' THEN request_duration_ms
        -- older versions did not measure it; a call that took no time at all is one whose end was not noted
        WHEN "endTime" <> "startTime" THEN CAST(
            nullif(greatest(TRY(
                epoch_us(TRY_CAST("endTime" AS TIMESTAMPTZ)) - epoch_us(TRY_CAST("startTime" AS TIMESTAMPTZ))
            ), 0), 0) / 1e3 AS VARCHAR
        )
    END AS latency_ms,
    CASE
        -- of an answer that did not stream, the first token is said to come with the last one
        WHEN "completionStartTime" <> "endTime" AND "completionStartTime" <> "startTime" THEN
            TRY(epoch_us(TRY_CAST("completionStartTime" AS TIMESTAMPTZ)) - epoch_us(TRY_CAST("startTime" AS TIMESTAMPTZ)))
            / 1e3
    END AS ttft_ms,
    CASE WHEN NOT (uncounted AND coalesce(TRY_CAST(spend AS DOUBLE), 0) = 0) THEN spend END AS cost_usd,
    -- the host alone: a path may name a deployment, a query may hold a key
    nullif(split_part(split_part(split_part(
        CASE WHEN contains(api_base, '://') THEN split_part(api_base, '://', 2) ELSE api_base END, '/', 1
    ), '?', 1), '@', -1), '') AS endpoint,
    CASE
        WHEN provider IN ('bedrock', 'bedrock_converse', 'sagemaker', 'vertex_ai', 'vertex_ai_beta') THEN coalesce(
            nullif(regexp_extract(api_base, '(?:runtime|sagemaker)\.([a-z]{2}(?:-[a-z]+)+-\d)\.amazonaws', 1), ''),
            nullif(regexp_extract(api_base, '://([a-z]+-[a-z]+\d+)-aiplatform\.', 1), ''),
            nullif(regexp_extract(model, '(?:^|/)([a-z]{2}(?:-[a-z]+)+-\d)/', 1), '')
        )
    END AS region,
    CASE getvariable('tenant_from')
        WHEN 'team_alias' THEN coalesce(said[18], team_id)
        WHEN 'organization' THEN organization_id
        WHEN 'key_alias' THEN said[19]
        WHEN 'end_user' THEN end_user
        WHEN 'user' THEN "user"
        ELSE team_id
    END AS tenant,
    coalesce(nullif(end_user, ''), "user") AS user_id,
    session_id,
    agent_id,
    call_type AS operation,
    CASE outcome
        WHEN 'success' THEN 'ok'
        WHEN 'failure' THEN coalesce(nullif(said[14], ''), nullif(said[15], ''), 'failure')
        ELSE outcome
    END AS status,
    CAST(TRY_CAST(said[16] AS INTEGER) AS BIGINT) + 1 AS attempt,
    CASE
        WHEN TRY_CAST(said[17] AS BIGINT) IS NOT NULL THEN CAST(said[17] AS BIGINT) > 0
        WHEN coalesce(model_group, '') = '' OR coalesce(served, '') = '' THEN NULL
        WHEN starts_with(served, model_group) OR starts_with(model, model_group) THEN false
        -- an alias such as `fast` says nothing; `gpt-4o` answered by a Claude does
        ELSE nullif(regexp_extract(
            lower(model_group), '(claude|gpt|gemini|gemma|llama|mistral|mixtral|deepseek|qwen|grok|command|nova|kimi|glm)'
        ), '') <> nullif(regexp_extract(
            lower(served), '(claude|gpt|gemini|gemma|llama|mistral|mixtral|deepseek|qwen|grok|command|nova|kimi|glm)'
        ), '')
    END AS fallback_used,
    CASE
        WHEN lower(cache_hit) = 'true' OR contains(request_id, '_cache_hit') THEN true
        WHEN lower(cache_hit) = 'false' THEN false
    END AS cache_hit,
    CASE getvariable('prompt_tokens')
        WHEN 'inclusive' THEN false
        WHEN 'exclusive' THEN true
        ELSE cached > 0 AND NOT uncounted AND (
            -- more cached than all: only possible where the cached ones are not among them
            cached > TRY_CAST(prompt_tokens AS DOUBLE)
            OR TRY_CAST(total_tokens AS DOUBLE)
                = TRY_CAST(prompt_tokens AS DOUBLE) + TRY_CAST(completion_tokens AS DOUBLE) + cached
            -- the rates that the row itself was charged at explain its spend one way and not the other
            OR coalesce(
                said[20] IS NOT NULL
                AND abs(
                    TRY_CAST(prompt_tokens AS DOUBLE) * TRY_CAST(said[20] AS DOUBLE)
                    + TRY_CAST(completion_tokens AS DOUBLE) * TRY_CAST(said[21] AS DOUBLE)
                    + coalesce(TRY_CAST(cache_read AS DOUBLE), 0) * TRY_CAST(coalesce(said[22], said[20]) AS DOUBLE)
                    + coalesce(TRY_CAST(cache_write AS DOUBLE), 0) * TRY_CAST(coalesce(said[23], said[20]) AS DOUBLE)
                    - TRY_CAST(spend AS DOUBLE)
                ) < 0.005 * TRY_CAST(spend AS DOUBLE)
                AND cached * TRY_CAST(said[20] AS DOUBLE) > 0.01 * TRY_CAST(spend AS DOUBLE),
                false
            )
        )
    END AS _exclusive,
    CASE
        WHEN list_contains(string_split(getvariable('not_calls'), ','), call_type)
            THEN call_type || ' is no call of a model'
        WHEN health_check AND getvariable('health_checks') = 'leave-out' THEN 'health check of the proxy itself'
    END AS _filter,
    CASE
        WHEN said IS NULL AND coalesce(metadata, '') NOT IN ('', '{}') THEN 'metadata is not JSON'
        WHEN "startTime" IS NULL THEN 'startTime is missing'
    END AS _reject
FROM counted
