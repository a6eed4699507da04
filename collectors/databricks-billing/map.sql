-- Three tables in one relation: a price has a price_start_time, external spend is counted in USD, the rest is usage.
WITH told AS (
    SELECT
        * EXCLUDE (usage_metadata, identity_metadata, product_features, custom_tags, pricing),
        -- objects, or JSON in text as some exports write it
        TRY_CAST(usage_metadata AS JSON) AS usage_metadata,
        TRY_CAST(identity_metadata AS JSON) AS identity_metadata,
        TRY_CAST(product_features AS JSON) AS product_features,
        TRY_CAST(custom_tags AS JSON) AS custom_tags,
        TRY_CAST(pricing AS JSON) AS pricing,
        CASE
            WHEN price_start_time IS NOT NULL OR pricing IS NOT NULL THEN 'price'
            WHEN upper(usage_unit) = 'USD' THEN 'external_model_spend'
            ELSE 'usage'
        END AS kind,
        -- years of other than four digits overflow
        CASE WHEN regexp_matches(coalesce(usage_start_time, usage_date), '^[12]\d{3}-')
            THEN TRY_CAST(coalesce(usage_start_time, usage_date) AS TIMESTAMPTZ) END AS start_at,
        CASE WHEN regexp_matches(usage_end_time, '^[12]\d{3}-') THEN TRY_CAST(usage_end_time AS TIMESTAMPTZ) END AS end_at,
        TRY_CAST(usage_quantity AS DECIMAL(19, 6)) AS quantity
    FROM source
),

price AS (
    SELECT DISTINCT
        sku_name,
        cloud,
        usage_unit,
        upper(coalesce(currency_code, 'USD')) AS currency,
        CASE WHEN regexp_matches(price_start_time, '^[12]\d{3}-') THEN TRY_CAST(price_start_time AS TIMESTAMPTZ) END
            AS valid_from,
        TRY_CAST(price_end_time AS TIMESTAMPTZ) AS valid_until,
        TRY_CAST(
            coalesce(
                json_extract_string(pricing, '$.effective_list.default'),
                json_extract_string(pricing, '$.default'),
                json_extract_string(pricing, '$."effective_list.default"')
            ) AS DECIMAL(18, 12)
        ) AS rate
    FROM told
    WHERE kind = 'price'
),

-- One price a row at most: of several that are valid (exports of two days, another currency) dollars, then the latest.
priced AS (
    SELECT
        told._file,
        told._line,
        arg_min(
            {'rate': price.rate, 'currency': price.currency},
            [CASE price.currency WHEN 'USD' THEN 0 ELSE 1 END, -epoch(price.valid_from)]
        ) AS price
    FROM told
    INNER JOIN price
        ON told.sku_name = price.sku_name
        AND coalesce(told.cloud, price.cloud, '') = coalesce(price.cloud, told.cloud, '')
        AND coalesce(told.usage_unit, '') = coalesce(price.usage_unit, told.usage_unit, '')
        AND told.start_at >= price.valid_from
        AND (price.valid_until IS NULL OR told.start_at < price.valid_until)
    WHERE told.kind = 'usage' AND price.rate IS NOT NULL
    GROUP BY told._file, told._line
)

SELECT
    told._file,
    told._line,
    told.record_id AS id,
    concat('databricks-billing/', kind) AS source,
    coalesce(CAST(start_at AS VARCHAR), usage_start_time, usage_date) AS period_start,
    coalesce(CAST(end_at AS VARCHAR), usage_end_time, CAST(start_at + INTERVAL 1 DAY AS VARCHAR)) AS period_end,
    CASE
        WHEN kind = 'external_model_spend' THEN lower(json_extract_string(usage_metadata, '$.provider'))
        ELSE 'databricks'
    END AS provider,
    CASE WHEN kind = 'external_model_spend' THEN json_extract_string(usage_metadata, '$.model') END AS model,
    billing_origin_product AS service,
    told.sku_name AS sku,
    coalesce(
        json_extract_string(custom_tags, concat('$."', replace(getvariable('tenant_tag'), '"', ''), '"')),
        workspace_id
    ) AS tenant,
    json_extract_string(identity_metadata, '$.run_as') AS user_id,
    json_extract_string(usage_metadata, '$.endpoint_name') AS endpoint,
    json_extract_string(product_features, '$.model_serving.offering_type') AS service_tier,
    usage_quantity AS quantity,
    usage_unit AS unit,
    CASE
        WHEN kind = 'external_model_spend' THEN usage_quantity
        ELSE CAST(CAST(quantity * price.rate AS DECIMAL(38, 12)) AS VARCHAR)
    END AS cost,
    CASE
        WHEN kind = 'external_model_spend' AND usage_quantity IS NOT NULL THEN 'USD'
        WHEN quantity * price.rate IS NOT NULL THEN price.currency
    END AS currency,
    CASE
        WHEN kind = 'external_model_spend' AND usage_quantity IS NOT NULL THEN 'estimated'
        WHEN quantity * price.rate IS NOT NULL THEN 'list'
    END AS cost_kind,
    record_type AS record_type,
    record_id AS _duplicate_key,
    CASE WHEN kind = 'usage' AND usage_quantity IS NULL THEN 'has no usage_quantity' END AS _reject,
    CASE
        WHEN kind = 'price' THEN 'a price, joined to the usage that it prices'
        WHEN kind = 'usage' AND NOT list_contains(
            string_split(replace(upper(getvariable('products')), ' ', ''), ','), upper(billing_origin_product)
        ) THEN 'another product than serving models'
    END AS _filter
FROM told
LEFT JOIN priced ON told._file = priced._file AND told._line = priced._line
