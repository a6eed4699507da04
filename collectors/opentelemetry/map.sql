-- One line holds resources, which hold scopes, which hold spans; a span is one row out.
-- Where a level is empty its row stays (as NULL), so that every line is accounted for.
WITH camel_resource AS (
    SELECT
        _file,
        _line,
        unnest(CASE WHEN len(resourceSpans) > 0 THEN resourceSpans ELSE [NULL] END) AS resource
    FROM source
    WHERE len(coalesce(resource_spans, [])) = 0
),

camel_scope AS (
    SELECT
        _file,
        _line,
        resource.resource.attributes AS shared,
        unnest(CASE WHEN len(resource.scopeSpans) > 0 THEN resource.scopeSpans ELSE [NULL] END) AS scope
    FROM camel_resource
),

camel_span AS (
    SELECT
        _file,
        _line,
        shared,
        unnest(CASE WHEN len(scope.spans) > 0 THEN scope.spans ELSE [NULL] END) AS span
    FROM camel_scope
),

camel_row AS (
    SELECT
        _file,
        _line,
        span.traceId AS trace,
        span.spanId AS span_id,
        span.parentSpanId AS parent,
        span.startTimeUnixNano AS start_text,
        span.endTimeUnixNano AS end_text,
        span.status.code AS code,
        -- what the span itself says comes first, and the first one counts
        list_transform(
            list_concat(span.attributes, shared),
            lambda a: {'key': a.key, 'value': coalesce(a.value.stringValue, a.value.intValue, a.value.doubleValue)}
        ) AS attributes
    FROM camel_span
),

snake_resource AS (
    SELECT
        _file,
        _line,
        unnest(resource_spans) AS resource
    FROM source
    WHERE len(resource_spans) > 0
),

snake_scope AS (
    SELECT
        _file,
        _line,
        resource.resource.attributes AS shared,
        unnest(CASE WHEN len(resource.scope_spans) > 0 THEN resource.scope_spans ELSE [NULL] END) AS scope
    FROM snake_resource
),

snake_span AS (
    SELECT
        _file,
        _line,
        shared,
        unnest(CASE WHEN len(scope.spans) > 0 THEN scope.spans ELSE [NULL] END) AS span
    FROM snake_scope
),

snake_row AS (
    SELECT
        _file,
        _line,
        span.trace_id AS trace,
        span.span_id AS span_id,
        span.parent_span_id AS parent,
        span.start_time_unix_nano AS start_text,
        span.end_time_unix_nano AS end_text,
        span.status.code AS code,
        -- what the span itself says comes first, and the first one counts
        list_transform(
            list_concat(span.attributes, shared),
            lambda a: {'key': a.key, 'value': coalesce(a.value.string_value, a.value.int_value, a.value.double_value)}
        ) AS attributes
    FROM snake_span
),

either AS (
    SELECT * FROM camel_row
    UNION ALL
    SELECT * FROM snake_row
),

keyed AS (
    SELECT
        * EXCLUDE (attributes),
        list_transform(attributes, lambda a: a.key) AS keys,
        list_transform(attributes, lambda a: nullif(a.value, '')) AS texts
    FROM either
),

span AS (
    SELECT
        * EXCLUDE (keys, texts),
        texts[list_position(keys, 'gen_ai.operation.name')] AS operation_name,
        texts[list_position(keys, 'llm.request.type')] AS operation_old,
        coalesce(
            texts[list_position(keys, 'gen_ai.provider.name')],
            texts[list_position(keys, 'gen_ai.system')]
        ) AS provider,
        coalesce(
            texts[list_position(keys, 'gen_ai.response.model')],
            texts[list_position(keys, 'gen_ai.request.model')]
        ) AS model,
        texts[list_position(keys, 'gen_ai.response.id')] AS response_id,
        coalesce(
            texts[list_position(keys, 'gen_ai.conversation.id')],
            texts[list_position(keys, 'session.id')]
        ) AS session,
        coalesce(
            texts[list_position(keys, 'user.id')],
            texts[list_position(keys, 'enduser.id')]
        ) AS user_id,
        coalesce(
            texts[list_position(keys, 'gen_ai.agent.id')],
            texts[list_position(keys, 'gen_ai.agent.name')]
        ) AS agent,
        coalesce(
            texts[list_position(keys, 'gen_ai.usage.input_tokens')],
            texts[list_position(keys, 'gen_ai.usage.prompt_tokens')],
            texts[list_position(keys, 'llm.usage.prompt_tokens')]
        ) AS input_text,
        coalesce(
            texts[list_position(keys, 'gen_ai.usage.output_tokens')],
            texts[list_position(keys, 'gen_ai.usage.completion_tokens')],
            texts[list_position(keys, 'llm.usage.completion_tokens')]
        ) AS output_text,
        coalesce(
            texts[list_position(keys, 'gen_ai.usage.total_tokens')],
            texts[list_position(keys, 'llm.usage.total_tokens')]
        ) AS total,
        coalesce(
            texts[list_position(keys, 'gen_ai.usage.cache_read.input_tokens')],
            texts[list_position(keys, 'gen_ai.usage.cache_read_input_tokens')],
            texts[list_position(keys, 'gen_ai.usage.input_tokens.cached')],
            texts[list_position(keys, 'gen_ai.usage.details.cache_read_tokens')]
        ) AS read_text,
        coalesce(
            texts[list_position(keys, 'gen_ai.usage.cache_creation.input_tokens')],
            texts[list_position(keys, 'gen_ai.usage.cache_write.input_tokens')],
            texts[list_position(keys, 'gen_ai.usage.cache_creation_input_tokens')],
            texts[list_position(keys, 'gen_ai.usage.cache_write_input_tokens')],
            texts[list_position(keys, 'gen_ai.usage.input_tokens.cache_write')],
            texts[list_position(keys, 'gen_ai.usage.details.cache_write_tokens')]
        ) AS write_text,
        coalesce(
            texts[list_position(keys, 'gen_ai.usage.reasoning.output_tokens')],
            texts[list_position(keys, 'gen_ai.usage.reasoning_tokens')],
            texts[list_position(keys, 'gen_ai.usage.output_tokens.reasoning')],
            texts[list_position(keys, 'gen_ai.usage.details.reasoning_tokens')]
        ) AS reasoning_text,
        texts[list_position(keys, 'gen_ai.response.time_to_first_chunk')] AS first_chunk,
        coalesce(
            texts[list_position(keys, 'gen_ai.usage.cost')],
            texts[list_position(keys, 'operation.cost')]
        ) AS cost,
        texts[list_position(keys, 'gen_ai.prompt.name')] AS prompt_name,
        texts[list_position(keys, 'error.type')] AS error_type,
        texts[list_position(keys, 'server.address')] AS server,
        texts[list_position(keys, 'cloud.region')] AS region,
        texts[list_position(keys, 'service.name')] AS service,
        texts[list_position(keys, getvariable('tenant_attribute'))] AS tenant,
        texts[list_position(keys, getvariable('intent_attribute'))] AS intent
    FROM keyed
),

named AS (
    SELECT
        *,
        coalesce(operation_name, CASE operation_old
            WHEN 'completion' THEN 'text_completion'
            WHEN 'embedding' THEN 'embeddings'
            ELSE operation_old
        END) AS operation,
        coalesce(error_type, CASE WHEN code IN ('2', 'STATUS_CODE_ERROR') THEN 'error' ELSE 'ok' END) AS status,
        CASE WHEN regexp_full_match(start_text, '[1-9]\d{12,18}') THEN TRY_CAST(start_text AS BIGINT) END AS start_ns,
        CASE WHEN regexp_full_match(end_text, '[1-9]\d{12,18}') THEN TRY_CAST(end_text AS BIGINT) END AS end_ns
    FROM span
),

counted AS (
    SELECT
        *,
        CASE
            WHEN regexp_full_match(input_text, '\d{1,12}(\.0+)?') THEN TRY_CAST(split_part(input_text, '.', 1) AS BIGINT)
        END AS input,
        CASE
            WHEN output_text IS NULL AND operation = 'embeddings' AND input_text IS NOT NULL THEN 0
            WHEN regexp_full_match(output_text, '\d{1,12}(\.0+)?') THEN TRY_CAST(split_part(output_text, '.', 1) AS BIGINT)
        END AS output,
        CASE
            WHEN regexp_full_match(read_text, '\d{1,12}(\.0+)?') THEN TRY_CAST(split_part(read_text, '.', 1) AS BIGINT)
        END AS cache_read,
        CASE
            WHEN regexp_full_match(write_text, '\d{1,12}(\.0+)?') THEN TRY_CAST(split_part(write_text, '.', 1) AS BIGINT)
        END AS cache_write,
        CASE
            WHEN regexp_full_match(reasoning_text, '\d{1,12}(\.0+)?')
                THEN TRY_CAST(split_part(reasoning_text, '.', 1) AS BIGINT)
        END AS reasoning,
        CASE
            WHEN regexp_full_match(span_id, '[A-Za-z0-9+/]{11}=') THEN lower(hex(from_base64(span_id)))
            ELSE lower(nullif(span_id, ''))
        END AS id,
        CASE
            WHEN regexp_full_match(trace, '[A-Za-z0-9+/]{22}==') THEN lower(hex(from_base64(trace)))
            ELSE lower(nullif(trace, ''))
        END AS trace_id,
        CASE
            WHEN regexp_full_match(parent, '[A-Za-z0-9+/]{11}=') THEN lower(hex(from_base64(parent)))
            ELSE lower(nullif(parent, ''))
        END AS parent_id,
        CASE
            WHEN span_id IS NULL AND start_text IS NULL AND trace IS NULL THEN 'line without spans'
            WHEN operation IS NOT NULL AND NOT list_contains(string_split(getvariable('operations'), ','), operation)
                THEN 'operation ' || operation || ' is no call of a model'
            WHEN operation IS NULL AND (input_text IS NULL AND output_text IS NULL OR provider IS NULL AND model IS NULL)
                THEN 'not a GenAI span'
        END AS left_out,
        CASE
            WHEN response_id IS NOT NULL AND input_text IS NOT NULL AND output_text IS NOT NULL
                THEN concat_ws('|', 'response', trace, response_id, input_text, output_text)
        END AS same_call
    FROM named
)

SELECT
    _file,
    _line,
    id,
    TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_microseconds(start_ns // 1000) AS ts,
    coalesce(intent, prompt_name, getvariable('intent')) AS intent,
    coalesce(lower(provider), 'unknown') AS provider,
    coalesce(model, 'unknown') AS model,
    input AS input_tokens,
    output AS output_tokens,
    CASE WHEN end_ns >= start_ns THEN (end_ns - start_ns) / 1e6 END AS latency_ms,
    cost AS cost_usd,
    coalesce(server, 'unknown') AS endpoint,
    coalesce(region, 'unknown') AS region,
    coalesce(tenant, service, 'unknown') AS tenant,
    CASE WHEN getvariable('input_excludes_cache') <> 'true' THEN total END AS total_tokens,
    CASE WHEN input IS NULL OR output IS NULL THEN 'missing' ELSE 'reported' END AS usage_source,
    cache_read AS cache_read_input_tokens,
    cache_write AS cache_creation_input_tokens,
    reasoning AS reasoning_output_tokens,
    TRY_CAST(first_chunk AS DOUBLE) * 1000 AS ttft_ms,
    status,
    user_id,
    session AS session_id,
    trace_id AS task_id,
    parent_id,
    agent AS agent_id,
    operation,
    getvariable('input_excludes_cache') = 'true' AS _exclusive,
    left_out AS _filter,
    -- a line holds many spans: the reason says which
    'span ' || coalesce(id, 'without id') || ': ' || CASE
        WHEN left_out IS NOT NULL THEN NULL
        WHEN id IS NULL THEN 'spanId is missing'
        WHEN start_ns IS NULL THEN 'startTimeUnixNano is missing or not nanoseconds'
        WHEN input IS NULL AND input_text IS NOT NULL THEN 'gen_ai.usage.input_tokens is not a whole number'
        WHEN output IS NULL AND output_text IS NOT NULL THEN 'gen_ai.usage.output_tokens is not a whole number'
        WHEN cache_read IS NULL AND read_text IS NOT NULL THEN 'the count of cache reads is not a whole number'
        WHEN cache_write IS NULL AND write_text IS NOT NULL THEN 'the count of cache writes is not a whole number'
        WHEN reasoning IS NULL AND reasoning_text IS NOT NULL THEN 'the count of reasoning tokens is not a whole number'
        WHEN getvariable('input_excludes_cache') <> 'true' AND coalesce(cache_read, 0) + coalesce(cache_write, 0) > input
            THEN 'more cached than input tokens; if your instrumentation leaves them out: '
                || '--setting input_excludes_cache=true'
    END AS _reject,
    CASE
        WHEN left_out IS NULL
            THEN coalesce(max(same_call) OVER (PARTITION BY trace_id, id), concat_ws('|', 'span', trace_id, id))
    END AS _duplicate_key,
    -- of two spans of one call the inner one is nearer to the wire: it takes less time. Unfinished spans come last.
    CASE WHEN end_ns >= start_ns THEN (start_ns - end_ns) / 1e6 ELSE -1e15 END AS _rank
FROM counted
