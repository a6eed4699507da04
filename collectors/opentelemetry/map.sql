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

-- an attribute of the span and one of its resource are alike; n only groups the attributes of one span again
camel_attributes AS (
    SELECT
        _file,
        _line,
        'camel ' || row_number() OVER () AS n,
        span.traceId AS trace,
        span.spanId AS span_id,
        span.parentSpanId AS parent,
        span.startTimeUnixNano AS start_text,
        span.endTimeUnixNano AS end_text,
        span.status.code AS code,
        list_concat(shared, span.attributes) AS attributes
    FROM camel_span
),

camel_attribute AS (
    SELECT
        * EXCLUDE (attributes),
        unnest(CASE WHEN len(attributes) > 0 THEN attributes ELSE [NULL] END) AS attribute
    FROM camel_attributes
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

-- an attribute of the span and one of its resource are alike; n only groups the attributes of one span again
snake_attributes AS (
    SELECT
        _file,
        _line,
        'snake ' || row_number() OVER () AS n,
        span.trace_id AS trace,
        span.span_id AS span_id,
        span.parent_span_id AS parent,
        span.start_time_unix_nano AS start_text,
        span.end_time_unix_nano AS end_text,
        span.status.code AS code,
        list_concat(shared, span.attributes) AS attributes
    FROM snake_span
),

snake_attribute AS (
    SELECT
        * EXCLUDE (attributes),
        unnest(CASE WHEN len(attributes) > 0 THEN attributes ELSE [NULL] END) AS attribute
    FROM snake_attributes
),

keyed AS (
    SELECT
        * EXCLUDE (attribute),
        attribute.key AS key,
        coalesce(attribute.value.stringValue, attribute.value.intValue, attribute.value.doubleValue) AS value
    FROM camel_attribute
    UNION ALL
    SELECT
        * EXCLUDE (attribute),
        attribute.key AS key,
        coalesce(attribute.value.string_value, attribute.value.int_value, attribute.value.double_value) AS value
    FROM snake_attribute
),

span AS (
    SELECT
        any_value(_file) AS _file,
        any_value(_line) AS _line,
        any_value(trace) AS trace,
        any_value(span_id) AS span_id,
        any_value(parent) AS parent,
        any_value(start_text) AS start_text,
        any_value(end_text) AS end_text,
        any_value(code) AS code,
        max(value) FILTER (WHERE key = 'gen_ai.operation.name') AS operation_name,
        max(value) FILTER (WHERE key = 'llm.request.type') AS operation_old,
        max(value) FILTER (WHERE key = 'gen_ai.provider.name') AS provider_name,
        max(value) FILTER (WHERE key = 'gen_ai.system') AS system,
        max(value) FILTER (WHERE key = 'gen_ai.request.model') AS request_model,
        max(value) FILTER (WHERE key = 'gen_ai.response.model') AS response_model,
        max(value) FILTER (WHERE key = 'gen_ai.response.id') AS response_id,
        max(value) FILTER (WHERE key = 'gen_ai.conversation.id') AS conversation,
        max(value) FILTER (WHERE key = 'session.id') AS session,
        max(value) FILTER (WHERE key IN ('enduser.id', 'user.id')) AS user_id,
        max(value) FILTER (WHERE key = 'gen_ai.agent.id') AS agent,
        max(value) FILTER (WHERE key = 'gen_ai.agent.name') AS agent_name,
        max(value) FILTER (WHERE key = 'gen_ai.usage.input_tokens') AS input_new,
        max(value) FILTER (WHERE key IN ('gen_ai.usage.prompt_tokens', 'llm.usage.prompt_tokens')) AS input_old,
        max(value) FILTER (WHERE key = 'gen_ai.usage.output_tokens') AS output_new,
        max(value) FILTER (WHERE key IN ('gen_ai.usage.completion_tokens', 'llm.usage.completion_tokens')) AS output_old,
        max(value) FILTER (WHERE key IN ('gen_ai.usage.total_tokens', 'llm.usage.total_tokens')) AS total,
        max(value) FILTER (WHERE key = 'gen_ai.usage.cache_read.input_tokens') AS read_new,
        max(value) FILTER (WHERE key IN (
            'gen_ai.usage.cache_read_input_tokens', 'gen_ai.usage.input_tokens.cached',
            'gen_ai.usage.details.cache_read_tokens'
        )) AS read_old,
        max(value) FILTER (WHERE key IN (
            'gen_ai.usage.cache_creation.input_tokens', 'gen_ai.usage.cache_write.input_tokens'
        )) AS write_new,
        max(value) FILTER (WHERE key IN (
            'gen_ai.usage.cache_creation_input_tokens', 'gen_ai.usage.cache_write_input_tokens',
            'gen_ai.usage.input_tokens.cache_write', 'gen_ai.usage.details.cache_write_tokens'
        )) AS write_old,
        max(value) FILTER (WHERE key = 'gen_ai.usage.reasoning.output_tokens') AS reasoning_new,
        max(value) FILTER (WHERE key IN (
            'gen_ai.usage.reasoning_tokens', 'gen_ai.usage.output_tokens.reasoning',
            'gen_ai.usage.details.reasoning_tokens'
        )) AS reasoning_old,
        max(value) FILTER (WHERE key = 'gen_ai.response.time_to_first_chunk') AS first_chunk,
        max(value) FILTER (WHERE key IN ('gen_ai.usage.cost', 'operation.cost')) AS cost,
        max(value) FILTER (WHERE key = 'gen_ai.prompt.name') AS prompt_name,
        max(value) FILTER (WHERE key = 'error.type') AS error_type,
        max(value) FILTER (WHERE key = 'server.address') AS server,
        max(value) FILTER (WHERE key = 'cloud.region') AS region,
        max(value) FILTER (WHERE key = 'service.name') AS service,
        max(value) FILTER (WHERE key = getvariable('tenant_attribute')) AS tenant,
        max(value) FILTER (WHERE key = getvariable('intent_attribute')) AS intent
    FROM keyed
    GROUP BY n
),

named AS (
    SELECT
        *,
        coalesce(nullif(operation_name, ''), CASE operation_old
            WHEN 'chat' THEN 'chat'
            WHEN 'completion' THEN 'text_completion'
            WHEN 'embedding' THEN 'embeddings'
            ELSE operation_old
        END) AS operation,
        coalesce(input_new, input_old) AS input_text,
        coalesce(output_new, output_old) AS output_text,
        coalesce(read_new, read_old) AS read_text,
        coalesce(write_new, write_old) AS write_text,
        coalesce(reasoning_new, reasoning_old) AS reasoning_text,
        coalesce(nullif(provider_name, ''), nullif(system, '')) AS provider,
        coalesce(nullif(response_model, ''), nullif(request_model, '')) AS model,
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
        END AS left_out
    FROM named
)

SELECT
    _file,
    _line,
    id,
    TIMESTAMPTZ '1970-01-01 00:00:00+00' + to_microseconds(start_ns // 1000) AS ts,
    coalesce(nullif(intent, ''), nullif(prompt_name, ''), getvariable('intent')) AS intent,
    coalesce(lower(provider), 'unknown') AS provider,
    coalesce(model, 'unknown') AS model,
    input AS input_tokens,
    output AS output_tokens,
    CASE WHEN end_ns >= start_ns THEN (end_ns - start_ns) / 1e6 END AS latency_ms,
    -- emitters write 0 where they had no price: unknown, not free
    CASE WHEN TRY_CAST(cost AS DOUBLE) <> 0 THEN TRY_CAST(cost AS DECIMAL(20, 12)) END AS cost_usd,
    CASE WHEN TRY_CAST(cost AS DOUBLE) <> 0 THEN 'reported' END AS cost_source,
    coalesce(nullif(server, ''), 'unknown') AS endpoint,
    coalesce(nullif(region, ''), 'unknown') AS region,
    coalesce(nullif(tenant, ''), nullif(service, ''), 'unknown') AS tenant,
    CASE WHEN getvariable('input_excludes_cache') <> 'yes' THEN TRY_CAST(total AS BIGINT) END AS total_tokens,
    CASE WHEN input IS NULL OR output IS NULL THEN 'missing' ELSE 'reported' END AS usage_source,
    cache_read AS cache_read_input_tokens,
    cache_write AS cache_creation_input_tokens,
    reasoning AS reasoning_output_tokens,
    TRY_CAST(first_chunk AS DOUBLE) * 1000 AS ttft_ms,
    status,
    user_id,
    coalesce(nullif(conversation, ''), nullif(session, '')) AS session_id,
    trace_id AS task_id,
    parent_id,
    coalesce(nullif(agent, ''), nullif(agent_name, '')) AS agent_id,
    operation,
    getvariable('input_excludes_cache') = 'yes' AS _exclusive,
    left_out AS _filter,
    CASE
        WHEN left_out IS NOT NULL THEN NULL
        WHEN id IS NULL THEN 'spanId is missing'
        WHEN start_ns IS NULL THEN 'startTimeUnixNano is missing or not nanoseconds'
        WHEN input IS NULL AND input_text IS NOT NULL THEN 'gen_ai.usage.input_tokens is not a whole number'
        WHEN output IS NULL AND output_text IS NOT NULL THEN 'gen_ai.usage.output_tokens is not a whole number'
        WHEN cache_read IS NULL AND read_text IS NOT NULL THEN 'the count of cache reads is not a whole number'
        WHEN cache_write IS NULL AND write_text IS NOT NULL THEN 'the count of cache writes is not a whole number'
        WHEN reasoning IS NULL AND reasoning_text IS NOT NULL THEN 'the count of reasoning tokens is not a whole number'
        WHEN getvariable('input_excludes_cache') <> 'yes' AND coalesce(cache_read, 0) + coalesce(cache_write, 0) > input
            THEN 'more cached than input tokens: set input_excludes_cache=yes if your instrumentation leaves them out'
    END AS _reject,
    CASE
        WHEN left_out IS NOT NULL THEN NULL
        WHEN response_id <> '' AND input IS NOT NULL AND output IS NOT NULL
            THEN concat_ws('|', 'response', trace_id, response_id, input, output)
        ELSE concat_ws('|', 'span', trace_id, id)
    END AS _duplicate_key,
    -- of two spans of one call the inner one is nearer to the wire: it takes less time. Unfinished spans come last.
    CASE WHEN end_ns >= start_ns THEN (start_ns - end_ns) / 1e6 ELSE -1e15 END AS _rank
FROM counted
