CREATE TABLE CORTEX_AI_FUNCTIONS_USAGE_HISTORY (
    QUERY_ID varchar, START_TIME timestamp_ltz, FUNCTION_NAME varchar, MODEL_NAME varchar, METRICS array,
    CREDITS number(38,9), PROMPT varchar);
INSERT INTO CORTEX_AI_FUNCTIONS_USAGE_HISTORY SELECT
    'q1', '2026-08-25T17:00:00+00:00'::timestamp_ltz, 'AI_COMPLETE', 'llama3.3-70b',
    parse_json('[{"key":{"metric":"input","unit":"tokens"},"value":1700}]'), 0.002136, 'nobody asked for this';
INSERT INTO CORTEX_AI_FUNCTIONS_USAGE_HISTORY SELECT
    'edge', '2026-08-26T00:00:00+00:00'::timestamp_ltz, 'AI_COMPLETE', 'llama3.3-70b', null, 0.1, '';
CREATE TABLE CORTEX_REST_API_USAGE_HISTORY (
    REQUEST_ID varchar, START_TIME timestamp_ltz, MODEL_NAME varchar, TOKENS number, TOKENS_GRANULAR object);
INSERT INTO CORTEX_REST_API_USAGE_HISTORY SELECT
    'a1f0', '2026-08-25T17:00:00+00:00'::timestamp_ltz, 'claude-sonnet-4-5', 9013,
    parse_json('{"input":7,"output":6,"cache_read_input":9000}');
CREATE TABLE INFERENCE_USAGE (called_at timestamp_ltz, model varchar, input_tokens number, output_tokens number);
INSERT INTO INFERENCE_USAGE SELECT '2026-08-25T09:30:00+00:00'::timestamp_ltz, 'gpt-4', 10, 2;
