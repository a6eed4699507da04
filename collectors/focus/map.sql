-- A row is a charge. Kept are charges for the use of generative AI; tokens and model only where the SKU is sure.
WITH told AS (
    SELECT
        *,
        coalesce(x_UsageType, x_SkuMeterName, SkuMeter, x_SkuDescription, ChargeDescription, SkuId) AS meter,
        lower(concat_ws(
            ' | ', ServiceName, x_ServiceCode, x_SkuMeterCategory, x_SkuMeterSubcategory, ServiceProviderName, ProviderName
        )) AS service_text,
        lower(coalesce(ServiceProviderName, ProviderName, InvoiceIssuerName, ServiceName, '')) AS provider_text,
        lower(concat_ws(' | ', x_UsageType, x_SkuMeterName, SkuMeter, x_SkuDescription, ChargeDescription, SkuId)) AS meters,
        TRY_CAST(Tags AS JSON) AS tags_json,
        replace(getvariable('tenant_tag'), '"', '') AS tag
    FROM source
),

named AS (
    SELECT
        *,
        CASE
            WHEN regexp_matches(provider_text, 'aws|amazon') THEN 'aws'
            WHEN regexp_matches(provider_text, 'microsoft|azure') THEN 'azure'
            WHEN regexp_matches(provider_text, 'google|gcp') THEN 'google'
            WHEN regexp_matches(provider_text, 'anthropic') THEN 'anthropic'
            WHEN regexp_matches(provider_text, 'openai') THEN 'openai'
            WHEN regexp_matches(provider_text, 'databricks') THEN 'databricks'
            WHEN regexp_matches(provider_text, 'snowflake') THEN 'snowflake'
            ELSE nullif(provider_text, '')
        END AS provider,
        regexp_matches(meters, 'claude|gpt|gemini|llama|mistral|deepseek|grok|nova ?(micro|lite|pro)|embedding') AS names_model,
        lower(ServiceSubcategory) = 'generative ai'
            OR len(list_filter(
                string_split(lower(getvariable('services')), ','),
                lambda part: trim(part) <> '' AND contains(service_text, trim(part))
            )) > 0 AS generative,
        -- services for all kinds of learning: only where the SKU names a language model
        regexp_matches(service_text, 'vertex|cognitive services|azure ai|foundry') AS mixed,
        coalesce(ConsumedQuantity, PricingQuantity) AS quantity,
        CASE WHEN ConsumedQuantity IS NOT NULL THEN ConsumedUnit ELSE PricingUnit END AS unit
    FROM told
),

measured AS (
    SELECT
        *,
        TRY_CAST(quantity AS DOUBLE) AS amount,
        lower(trim(unit)) AS unit_text,
        regexp_matches(meters, 'cache[-_ ]?write|cache[-_ ]?creation|cachewrite|\bcd wr\b') AS is_write,
        regexp_matches(meters, 'cache[-_ ]?read|cacheread|cached|cchd|\bcd inp|cache hit') AS is_read,
        regexp_matches(meters, 'output|outp\b|outpt|outputtoken|completion') AS is_output,
        regexp_matches(meters, 'input|\binp\b|inpt|inputtoken|prompt') AS is_input
    FROM named
),

scaled AS (
    SELECT
        *,
        CASE
            WHEN regexp_full_match(unit_text, 'tokens?|1 tokens?') THEN 1
            WHEN regexp_full_match(unit_text, '(1k|1,?000|k|thousand) ?tokens?|tokens? ?\(?(1k|in thousands|thousands)\)?') THEN 1000
            WHEN regexp_full_match(unit_text, '(1m|1,?000,?000|m|million|mtok) ?(tokens?)?|tokens? ?\(?(1m|in millions|millions)\)?')
                AND contains(unit_text, 'tok') THEN 1000000
        END AS factor,
        -- a cached or written token is an input token; one that says both input and output says nothing
        CASE
            WHEN is_write THEN 'write'
            WHEN is_read THEN 'read'
            WHEN is_output AND NOT is_input THEN 'output'
            WHEN is_input AND NOT is_output THEN 'input'
        END AS bucket
    FROM measured
),

counted AS (
    SELECT
        *,
        CASE WHEN factor IS NOT NULL AND bucket IS NOT NULL AND abs(amount) * factor < 1e15
            THEN CAST(round(amount * factor) AS BIGINT) END AS tokens,
        -- what stands before the kind of token
        regexp_extract(
            x_UsageType,
            '^(?:[A-Z]{2,4}[0-9]{0,2}-)?(.+?)-(?:mantle-)?(?:text-)?(?:input|output|cache-read|cache-write)', 1
        ) AS aws_stem,
        lower(regexp_extract(
            coalesce(x_SkuMeterName, CASE WHEN provider = 'azure' THEN SkuMeter END),
            '(?i)^(.+?)[ -]+(?:batch[ -]*)?(?:cached|cchd)?[ -]*(?:inp|inpt|input|outp|outpt|opt|output)\b', 1
        )) AS azure_stem,
        lower(concat_ws(' ', SkuMeter, x_SkuDescription, ChargeDescription)) AS google_text,
        regexp_extract(
            lower(concat_ws(' ', x_UsageType, SkuMeter, x_SkuDescription, ChargeDescription, ServiceName)),
            'claude[ -]?([0-9](?:[.-][0-9]{1,2})?)[ -]?(sonnet|opus|haiku)|claude[ -]?(sonnet|opus|haiku)[ -]?([0-9](?:[.-][0-9]{1,2})?)'
        ) AS claude
    FROM scaled
),

modelled AS (
    SELECT
        *,
        replace(regexp_extract(claude, '[0-9](?:[.-][0-9]{1,2})?'), '.', '-') AS claude_version,
        regexp_extract(claude, 'sonnet|opus|haiku') AS claude_family,
        regexp_extract(google_text, 'gemini ([0-9](?:\.[0-9])?) (flash lite|flash-lite|flash|pro)', 0) AS gemini
    FROM counted
),

valued AS (
    SELECT
        *,
        coalesce(upper(nullif(trim(BillingCurrency), '')), upper(getvariable('currency'))) AS billing_currency,
        CASE getvariable('cost')
            WHEN 'billed' THEN [
                {'v': BilledCost, 'd': x_BilledCostInUsd, 'k': 'billed'},
                {'v': EffectiveCost, 'd': x_EffectiveCostInUsd, 'k': 'effective'}, {'v': ListCost, 'd': NULL, 'k': 'list'}
            ]
            WHEN 'list' THEN [
                {'v': ListCost, 'd': NULL, 'k': 'list'}, {'v': EffectiveCost, 'd': x_EffectiveCostInUsd, 'k': 'effective'},
                {'v': BilledCost, 'd': x_BilledCostInUsd, 'k': 'billed'}
            ]
            ELSE [
                {'v': EffectiveCost, 'd': x_EffectiveCostInUsd, 'k': 'effective'},
                {'v': BilledCost, 'd': x_BilledCostInUsd, 'k': 'billed'}, {'v': ListCost, 'd': NULL, 'k': 'list'}
            ]
        END AS costs
    FROM modelled
),

chosen AS (
    SELECT
        *,
        list_extract(list_filter(costs, lambda c: nullif(trim(c.v), '') IS NOT NULL), 1) AS picked
    FROM valued
),

priced AS (
    SELECT
        *,
        getvariable('usd_columns') = 'true' AND billing_currency <> 'USD' AND picked.d IS NOT NULL AS in_usd,
        md5(to_json([
            ChargePeriodStart, ChargePeriodEnd, ChargeCategory, ChargeClass, ChargeDescription, BilledCost, EffectiveCost,
            ListCost, BillingCurrency, ConsumedQuantity, ConsumedUnit, PricingQuantity, PricingUnit, ProviderName,
            ServiceName, SkuId, SkuMeter, SkuPriceId, RegionId, ResourceId, SubAccountId, Tags, x_UsageType, x_SkuMeterName
        ])) AS content
    FROM chosen
)

SELECT
    _file,
    _line,
    'focus' AS source,
    CASE
        WHEN regexp_full_match(ChargePeriodStart, '\d{4}-\d{2}-\d{2}') THEN concat(ChargePeriodStart, 'T00:00:00Z')
        WHEN regexp_full_match(ChargePeriodStart, '\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?')
            THEN concat(ChargePeriodStart, 'Z')
        ELSE ChargePeriodStart
    END AS period_start,
    CASE
        WHEN ChargePeriodEnd IS NULL AND regexp_matches(ChargePeriodStart, '^[12]\d{3}-') THEN CAST(TRY_CAST(ChargePeriodStart AS TIMESTAMPTZ) + INTERVAL 1 DAY AS VARCHAR)
        WHEN regexp_full_match(ChargePeriodEnd, '\d{4}-\d{2}-\d{2}') THEN concat(ChargePeriodEnd, 'T00:00:00Z')
        WHEN regexp_full_match(ChargePeriodEnd, '\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?')
            THEN concat(ChargePeriodEnd, 'Z')
        ELSE ChargePeriodEnd
    END AS period_end,
    provider,
    CASE
        WHEN regexp_full_match(
            lower(SkuId), '(anthropic\.)?(claude|gpt|gemini|o[1345]|llama|mistral|deepseek|grok|nova)-?[a-z0-9.:_-]*[0-9][a-z0-9.:_-]*'
        ) THEN SkuId
        WHEN claude_version <> '' AND claude_family <> '' THEN
            -- from version 4 on the family comes first
            CASE WHEN TRY_CAST(left(claude_version, 1) AS INTEGER) >= 4
                THEN concat('claude-', claude_family, '-', claude_version)
                ELSE concat('claude-', claude_version, '-', claude_family) END
        WHEN gemini <> '' AND provider = 'google' THEN replace(gemini, ' ', '-')
        WHEN regexp_matches(azure_stem, '^(gpt|o[1345]|text-embedding)') AND provider = 'azure'
            THEN regexp_replace(
                regexp_replace(regexp_replace(azure_stem, '[ -]*(batch|pp|ft|dev)$', ''), '[ -]*(0[1-9]|1[0-2])[0-3][0-9]$', ''),
                ' +', '-', 'g'
            )
        WHEN provider = 'aws' AND aws_stem <> ''
            AND lower(aws_stem) NOT IN ('claude', 'llama', 'titan', 'nova', 'mistral', 'command', 'jamba', 'mp:use1')
            THEN aws_stem
    END AS model,
    coalesce(ServiceName, x_SkuMeterCategory, x_ServiceCode) AS service,
    meter AS sku,
    coalesce(RegionId, RegionName) AS region,
    coalesce(
        json_extract_string(tags_json, concat('$."', tag, '"')),
        json_extract_string(tags_json, concat('$."user:', tag, '"')),
        json_extract_string(tags_json, concat('$."user_', tag, '"')),
        -- Google writes a list of keys and values
        json_extract_string(
            list_extract(
                list_filter(TRY_CAST(tags_json AS JSON[]), lambda t: json_extract_string(t, '$.key') = tag), 1
            ), '$.value'
        ),
        SubAccountName,
        SubAccountId
    ) AS tenant,
    coalesce(ResourceName, ResourceId) AS endpoint,
    CASE
        WHEN regexp_matches(meters, '[- ]flex\b') THEN 'flex'
        WHEN regexp_matches(meters, '[- ]priority\b') THEN 'priority'
    END AS service_tier,
    CASE WHEN regexp_matches(meters, 'batch') THEN true END AS batch,
    CASE WHEN bucket <> 'output' THEN tokens END AS input_tokens,
    CASE WHEN bucket = 'output' THEN tokens END AS output_tokens,
    CASE WHEN bucket = 'read' THEN tokens END AS cache_read_input_tokens,
    CASE WHEN bucket = 'write' THEN tokens END AS cache_creation_input_tokens,
    quantity,
    CASE WHEN quantity IS NOT NULL THEN coalesce(unit, 'units') END AS unit,
    CASE WHEN in_usd THEN picked.d ELSE picked.v END AS cost,
    CASE WHEN picked.v IS NOT NULL THEN CASE WHEN in_usd THEN 'USD' ELSE billing_currency END END AS currency,
    picked.k AS cost_kind,
    coalesce(ChargeClass, CASE WHEN amount < 0 THEN 'Correction' END) AS record_type,
    CASE WHEN getvariable('overlapping_files') = 'true'
        THEN concat(content, '-', row_number() OVER (PARTITION BY _file, content ORDER BY _line)) END AS _duplicate_key,
    CASE
        WHEN lower(coalesce(ChargeCategory, 'usage')) <> 'usage' THEN concat('a charge of another category: ', ChargeCategory)
        WHEN generative OR (mixed AND names_model) THEN NULL
        ELSE 'not generative AI'
    END AS _filter
FROM priced
