SELECT
    _file, _line,
    CASE WHEN invocation_id IS NULL THEN 'a look-up' END AS _filter,
    invocation_id AS id, event_time AS ts, 'databricks' AS provider, destination_model AS model,
    input_tokens, output_tokens
FROM source
