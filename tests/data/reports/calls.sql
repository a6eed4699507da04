-- Thirty days of priced calls in the columns of the view `calls` that reports read, and a projection of a plan
-- that sends half of gpt-4o to gpt-4o-mini and drops a fifth of support's calls. Everything is arithmetic: no chance.
CREATE TABLE calls AS
WITH grid AS (
    SELECT day_index, tenant_index, model_index,
           (day_index * 7 + tenant_index * 3 + model_index * 5) % 11 AS noise,
           CASE WHEN day_index % 7 IN (5, 6) THEN 2 ELSE 5 END AS weight
    FROM range(30) AS d(day_index), range(12) AS t(tenant_index), range(4) AS m(model_index)
)
SELECT TIMESTAMPTZ '2026-10-01 09:00:00+00' + day_index * INTERVAL 1 DAY + noise * INTERVAL 7 MINUTE AS ts,
       CASE tenant_index WHEN 0 THEN 'acme' WHEN 1 THEN 'globex-industries-international-holding'
            WHEN 2 THEN '<script>alert("x")</script>' WHEN 3 THEN '=HYPERLINK("http://x","y")'
            ELSE 'tenant-' || tenant_index END AS tenant,
       ['support', 'coding', 'summarise', '</script><b>search</b>'][1 + (tenant_index + model_index) % 4] AS intent,
       ['openai', 'anthropic', 'openai', 'house'][1 + model_index] AS provider,
       ['gpt-4o', 'claude-sonnet-4-5', 'gpt-4o-mini', 'our-model'][1 + model_index] AS model,
       50 * (40 * weight + noise) // (1 + tenant_index)::BIGINT AS n,
       n * (900 + noise * 10)::BIGINT AS t_uncached,
       n * CASE WHEN model_index = 1 THEN 2500 ELSE 0 END::BIGINT AS t_read,
       n * CASE WHEN model_index = 1 THEN 120 ELSE 0 END::BIGINT AS t_write_5m,
       0::BIGINT AS t_write_1h,
       n * (260 + noise * 4)::BIGINT AS t_output,
       [2.5e-6, 3e-6, 0.15e-6, NULL][1 + model_index]::DOUBLE AS r_uncached,
       [1.25e-6, 0.3e-6, 0.075e-6, NULL][1 + model_index]::DOUBLE AS r_read,
       [NULL, 3.75e-6, NULL, NULL][1 + model_index]::DOUBLE AS r_write_5m,
       [NULL, 6e-6, NULL, NULL][1 + model_index]::DOUBLE AS r_write_1h,
       [10e-6, 15e-6, 0.6e-6, NULL][1 + model_index]::DOUBLE AS r_output,
       CAST(t_uncached * r_uncached + t_read * r_read + t_write_5m * coalesce(r_write_5m, r_uncached)
            + t_output * r_output AS DECIMAL(38, 12)) AS cost
FROM grid;

CREATE TABLE projection AS
WITH daily AS (
    SELECT CAST(ts AS DATE) AS day, tenant, intent, provider, model, CAST(sum(n) AS BIGINT) AS calls,
           CAST(sum(t_uncached) AS BIGINT) AS t_uncached, CAST(sum(t_read) AS BIGINT) AS t_read,
           CAST(sum(t_write_5m) AS BIGINT) AS t_write_5m, CAST(sum(t_write_1h) AS BIGINT) AS t_write_1h,
           CAST(sum(t_output) AS BIGINT) AS t_output, CAST(sum(cost) AS DECIMAL(38, 12)) AS cost
    FROM calls GROUP BY ALL
)
SELECT daily.*, provider AS optimized_provider, model AS optimized_model,
       calls * kept AS optimized_calls, CAST(cost * kept AS DECIMAL(38, 12)) AS optimized_cost
FROM (SELECT *, CASE WHEN model = 'gpt-4o' THEN 0.5 WHEN intent = 'support' THEN 0.8 ELSE 1 END AS kept FROM daily) daily
UNION ALL
SELECT daily.* REPLACE (0 AS calls, 0 AS t_uncached, 0 AS t_read, 0 AS t_write_5m, 0 AS t_write_1h, 0 AS t_output, 0 AS cost),
       NULL, 'openai', 'gpt-4o-mini', calls * 0.5, CAST(cost * 0.03 AS DECIMAL(38, 12))
FROM daily WHERE model = 'gpt-4o';
