-- Rows are events already. What is to be done is to tell captures from calls and, where asked for, to bring them together.
WITH captured AS (
    SELECT id, min(prompt) AS prompt, min(output) AS output
    FROM source
    WHERE operation_id IS NOT NULL AND getvariable('captures') = 'join'
    GROUP BY id
)

SELECT
    source._file,
    source._line,
    source.id,
    source.ts,
    source.intent,
    source.provider,
    source.model,
    source.input_tokens,
    source.output_tokens,
    source.latency_ms,
    source.cost_usd,
    source.endpoint,
    source.region,
    source.tenant,
    source.usage_source,
    source.cache_read_input_tokens,
    source.cache_creation_input_tokens,
    source.cache_creation_1h_input_tokens,
    source.reasoning_output_tokens,
    source.ttft_ms,
    source.status,
    source.cost_source,
    CASE
        WHEN regexp_full_match(source.price_id, '[^/ ]{1,80}/[^ @]{1,300}/(earliest|[0-9TZ:-]{10,20})/[0-9a-f]{4,64}')
            THEN source.price_id
    END AS price_id,
    source.user_id,
    source.department,
    source.session_id,
    source.task_id,
    source.parent_id,
    source.agent_id,
    source.domain,
    source.operation,
    source.tier,
    source.attempt,
    source.fallback_used,
    source.cache_hit,
    source.tokens_saved,
    CASE WHEN regexp_full_match(source.prompt_hash, '[0-9a-f]{32}') THEN source.prompt_hash END AS prompt_hash,
    CASE
        WHEN len(list_filter(source.prefix_hashes, lambda one: NOT regexp_full_match(one, '[0-9a-f]{16}'))) = 0
            THEN source.prefix_hashes
    END AS prefix_hashes,
    captured.prompt,
    captured.output,
    CASE WHEN source.operation_id IS NOT NULL THEN 'a captured prompt, not a call' END AS _filter
FROM source
LEFT JOIN captured ON source.id = captured.id AND source.operation_id IS NULL
