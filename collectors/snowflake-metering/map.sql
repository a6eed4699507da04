-- Two views in one relation: a row with a sum in a currency, or a row with credits.
WITH told AS (
    SELECT
        *,
        CASE WHEN USAGE_IN_CURRENCY IS NOT NULL OR CURRENCY IS NOT NULL THEN 'usage_in_currency' ELSE 'metering_daily' END
            AS kind,
        left(USAGE_DATE, 10) AS day_text,
        -- `ai services` and `AI_SERVICES` are one
        replace(replace(upper(trim(coalesce(SERVICE_TYPE, USAGE_TYPE))), ' ', '_'), '-', '_') AS service_name,
        lower(IS_ADJUSTMENT) IN ('true', 't', '1', 'yes') AS adjusts
    FROM source
),

day AS (
    SELECT
        *,
        CASE WHEN regexp_full_match(day_text, '\d{4}-\d{2}-\d{2}') THEN TRY_CAST(day_text AS DATE) END AS usage_day,
        coalesce(upper(ACCOUNT_NAME), upper(ACCOUNT_LOCATOR), '') AS account
    FROM told
),

-- Days, services and accounts that are billed in money; a metering row without account belongs to any.
billed AS (
    SELECT DISTINCT usage_day, service_name FROM day WHERE kind = 'usage_in_currency'
),

valued AS (
    SELECT
        day.*,
        coalesce(CREDITS_BILLED, CREDITS_USED) AS credits,
        TRY_CAST(coalesce(CREDITS_BILLED, CREDITS_USED) AS DECIMAL(18, 9))
            * TRY_CAST(nullif(trim(getvariable('credit_usd')), '') AS DECIMAL(12, 6)) AS estimated,
        billed.usage_day IS NOT NULL AS told_in_money
    FROM day
    LEFT JOIN billed ON day.usage_day = billed.usage_day AND day.service_name = billed.service_name
)

SELECT
    _file,
    _line,
    concat('snowflake-metering/', kind) AS source,
    coalesce(concat(CAST(usage_day AS VARCHAR), 'T00:00:00Z'), USAGE_DATE) AS period_start,
    CASE WHEN usage_day IS NOT NULL THEN strftime(usage_day + INTERVAL 1 DAY, '%Y-%m-%dT00:00:00Z') END AS period_end,
    'snowflake' AS provider,
    coalesce(SERVICE_TYPE, USAGE_TYPE) AS service,
    REGION AS region,
    coalesce(ACCOUNT_NAME, ACCOUNT_LOCATOR) AS tenant,
    CASE WHEN kind = 'metering_daily' THEN credits ELSE USAGE END AS quantity,
    CASE
        WHEN kind = 'metering_daily' AND credits IS NOT NULL THEN 'credits'
        -- what the view counts depends on how it is rated
        WHEN USAGE IS NOT NULL
            THEN CASE WHEN lower(RATING_TYPE) IN ('storage', 'data transfer') THEN 'TB' ELSE 'credits' END
    END AS unit,
    CASE WHEN kind = 'metering_daily' THEN CAST(CAST(estimated AS DECIMAL(38, 12)) AS VARCHAR) ELSE USAGE_IN_CURRENCY END
        AS cost,
    CASE
        WHEN kind = 'usage_in_currency' AND USAGE_IN_CURRENCY IS NOT NULL THEN upper(CURRENCY)
        WHEN estimated IS NOT NULL THEN 'USD'
    END AS currency,
    CASE
        WHEN kind = 'usage_in_currency' AND USAGE_IN_CURRENCY IS NOT NULL THEN 'billed'
        WHEN estimated IS NOT NULL THEN 'estimated'
    END AS cost_kind,
    CASE WHEN adjusts THEN 'adjustment' ELSE BILLING_TYPE END AS record_type,
    concat_ws(
        '|', kind, CAST(usage_day AS VARCHAR), service_name,
        to_json([ORGANIZATION_NAME, CONTRACT_NUMBER, ACCOUNT_NAME, ACCOUNT_LOCATOR, REGION, SERVICE_LEVEL, USAGE_TYPE]),
        to_json([RATING_TYPE, BILLING_TYPE, BALANCE_SOURCE, IS_ADJUSTMENT, CURRENCY])
    ) AS _duplicate_key,
    TRY_CAST(coalesce(USAGE_IN_CURRENCY, credits) AS DOUBLE) AS _rank,
    CASE WHEN usage_day IS NULL THEN 'USAGE_DATE is no day' END AS _reject,
    CASE
        WHEN usage_day IS NULL THEN NULL
        WHEN service_name IS NULL OR NOT list_contains(
            string_split(replace(upper(getvariable('services')), ' ', ''), ','), service_name
        ) THEN 'another service than AI'
        WHEN kind = 'metering_daily' AND told_in_money THEN 'the same usage is told in money'
    END AS _filter
FROM valued
