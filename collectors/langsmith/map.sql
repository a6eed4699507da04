-- One row is one run; only runs of type `llm` are calls. The runs above them sum up what is below.
WITH traced AS (
    SELECT
        * EXCLUDE (extra, metadata, prompt_token_details, completion_token_details, parent_run_ids),
        list_contains(string_split(lower(getvariable('run_types')), ','), lower(coalesce(run_type, ''))) AS is_call,
        coalesce(nullif(parent_run_id, ''), TRY(json_extract_string(parent_run_ids, '$[#-1]'))) AS parent,
        TRY(json_extract_string(
            CASE WHEN starts_with(extra, '"') THEN TRY(json_extract_string(extra, '$')) ELSE extra END,
            ['$.metadata', '$.invocation_params.model', '$.invocation_params.model_name']
        )) AS more,
        metadata AS own_metadata,
        TRY(json_extract_string(coalesce(nullif(prompt_token_details, ''), '{}'), [
            '$.cache_read',
            '$.priority_cache_read',
            '$.flex_cache_read',
            '$.cache_read_over_200k',
            '$.cache_creation',
            '$.cache_write',
            '$.ephemeral_5m_input_tokens',
            '$.ephemeral_1h_input_tokens'
        ])) AS prompt_details,
        TRY(json_extract_string(
            coalesce(nullif(completion_token_details, ''), '{}'),
            ['$.reasoning', '$.priority_reasoning', '$.flex_reasoning']
        )) AS completion_details,
        -- runs that ended in an error report 0 where they know nothing
        coalesce(prompt_tokens, '0') IN ('', '0', '0.0') AND coalesce(completion_tokens, '0') IN ('', '0', '0.0')
            AS uncounted,
        lower(coalesce(status, '')) AS outcome
    FROM source
),

described AS (
    SELECT
        *,
        TRY(json_extract_string(coalesce(nullif(own_metadata, ''), more[1]), [
            '$.ls_provider',
            '$.ls_model_name',
            '$.ls_model_type',
            '$.thread_id',
            '$.session_id',
            '$.conversation_id',
            '$."' || coalesce(nullif(replace(getvariable('intent_metadata'), '"', ''), ''), '-') || '"',
            '$."' || coalesce(nullif(replace(getvariable('tenant_metadata'), '"', ''), ''), '-') || '"',
            '$."' || coalesce(nullif(replace(getvariable('user_metadata'), '"', ''), ''), '-') || '"'
        ])) AS said,
        CASE WHEN contains(tags, '"' || getvariable('intent_tag')) AND getvariable('intent_tag') <> '' THEN list_filter(
            TRY(from_json(tags, '["VARCHAR"]')), lambda tag: starts_with(tag, getvariable('intent_tag'))
        )[1] END AS intent_tag,
        coalesce(id IN (
            SELECT inside.parent FROM traced AS inside WHERE inside.is_call AND NOT inside.uncounted AND inside.parent <> ''
        ), false) AS wraps,
        TRY_CAST(TRY(json_extract_string(
            feedback_stats, '$."' || coalesce(nullif(replace(getvariable('feedback'), '"', ''), ''), '-') || '".avg'
        )) AS DOUBLE) AS score,
        CASE WHEN length(start_time) > 18 THEN TRY_CAST(start_time AS TIMESTAMPTZ) END AS started,
        CASE WHEN length(end_time) > 18 THEN TRY_CAST(end_time AS TIMESTAMPTZ) END AS ended,
        CASE WHEN length(first_token_time) > 18 THEN TRY_CAST(first_token_time AS TIMESTAMPTZ) END AS first_token
    FROM traced
),

counted AS (
    SELECT
        *,
        CASE WHEN list_count(prompt_details[1:4]) > 0 THEN list_sum(list_transform(
            prompt_details[1:4], lambda part: coalesce(TRY_CAST(part AS BIGINT), 0)
        )) END AS cache_read,
        -- an integration names the lifetimes and leaves the sum of both at 0
        CASE WHEN list_count(prompt_details[5:8]) > 0 THEN greatest(
            CAST(coalesce(TRY_CAST(coalesce(prompt_details[5], prompt_details[6]) AS BIGINT), 0) AS HUGEINT),
            CAST(coalesce(TRY_CAST(prompt_details[7] AS BIGINT), 0) AS HUGEINT) + coalesce(TRY_CAST(prompt_details[8] AS BIGINT), 0)
        ) END AS cache_write,
        CASE WHEN list_count(completion_details) > 0 THEN list_sum(list_transform(
            completion_details, lambda part: coalesce(TRY_CAST(part AS BIGINT), 0)
        )) END AS reasoning,
        list_count(list_filter(
            list_concat(prompt_details, completion_details), lambda part: NOT regexp_full_match(part, '\d{1,15}(\.0+)?')
        )) > 0 AS odd_details
    FROM described
)

SELECT
    _file,
    _line,
    id,
    CASE
        -- exports keep UTC without saying so
        WHEN length(start_time) > 18 AND NOT contains(start_time, 'Z') AND NOT contains(substr(start_time, 12), '+')
            AND NOT contains(substr(start_time, 12), '-') THEN start_time || 'Z'
        ELSE start_time
    END AS ts,
    coalesce(said[7], nullif(substr(intent_tag, length(getvariable('intent_tag')) + 1), '')) AS intent,
    lower(said[1]) AS provider,
    coalesce(said[2], more[2], more[3]) AS model,
    CASE WHEN NOT uncounted THEN prompt_tokens END AS input_tokens,
    CASE WHEN NOT uncounted THEN completion_tokens END AS output_tokens,
    CASE WHEN NOT uncounted THEN cache_read END AS cache_read_input_tokens,
    CASE WHEN NOT uncounted THEN cache_write END AS cache_creation_input_tokens,
    CASE WHEN NOT uncounted THEN prompt_details[8] END AS cache_creation_1h_input_tokens,
    CASE WHEN reasoning <= TRY_CAST(completion_tokens AS BIGINT) THEN reasoning END AS reasoning_output_tokens,
    CASE WHEN ended > started THEN TRY(epoch_us(ended) - epoch_us(started)) / 1e3 END AS latency_ms,
    CASE WHEN first_token > started THEN TRY(epoch_us(first_token) - epoch_us(started)) / 1e3 END AS ttft_ms,
    CASE
        WHEN uncounted AND coalesce(TRY_CAST(total_cost AS DOUBLE), 0) = 0 THEN NULL
        WHEN total_cost <> '' THEN total_cost
        ELSE CAST(TRY_CAST(prompt_cost AS DECIMAL(20, 12)) + TRY_CAST(completion_cost AS DECIMAL(20, 12)) AS VARCHAR)
    END AS cost_usd,
    -- `session_id` of a run is the project that it was traced to
    coalesce(said[8], nullif(project_id, ''), session_id) AS tenant,
    CASE WHEN score BETWEEN 0 AND 1 THEN score END AS quality_score,
    said[9] AS user_id,
    coalesce(nullif(thread_id, ''), said[4], said[5], said[6]) AS session_id,
    trace_id AS task_id,
    parent AS parent_id,
    CASE lower(run_type)
        WHEN 'llm' THEN CASE said[3] WHEN 'llm' THEN 'text_completion' ELSE 'chat' END
        WHEN 'embedding' THEN 'embeddings'
        ELSE lower(run_type)
    END AS operation,
    CASE outcome WHEN 'success' THEN 'ok' ELSE outcome END AS status,
    getvariable('input_excludes_cache') = 'true' AS _exclusive,
    CASE
        WHEN coalesce(run_type, '') = '' THEN NULL
        WHEN NOT is_call THEN 'run of type ' || lower(run_type) || ' is no call of a model'
        WHEN outcome = 'pending' THEN 'run had not ended when it was exported'
        WHEN wraps THEN 'run sums up the call inside it'
    END AS _filter,
    CASE
        WHEN coalesce(run_type, '') = '' THEN 'run_type is missing'
        WHEN start_time IS NULL THEN 'start_time is missing'
        WHEN prompt_details IS NULL OR completion_details IS NULL OR odd_details THEN
            'prompt_token_details or completion_token_details are not counts of tokens'
        WHEN getvariable('input_excludes_cache') <> 'true' AND NOT uncounted
            AND coalesce(cache_read, 0) + coalesce(cache_write, 0) > TRY_CAST(prompt_tokens AS DOUBLE) THEN
            'more cached than prompt tokens; if your instrumentation leaves them out: --setting input_excludes_cache=true'
    END AS _reject,
    CASE WHEN is_call AND outcome <> 'pending' THEN id END AS _duplicate_key,
    -- of two exports of a run, the one that knows its end
    CASE WHEN ended IS NOT NULL THEN 2.0 ELSE 0.0 END + CASE WHEN uncounted THEN 0.0 ELSE 1.0 END AS _rank
FROM counted
