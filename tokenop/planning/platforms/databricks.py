"""Databricks: the six analyses of its owner. Jobs and pipelines are the tags that its collector maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenop.planning.platforms import billed as bills
from tokenop.planning.platforms import machines, routing, spend, steps, waste
from tokenop.planning.platforms.billed import Billed
from tokenop.planning.platforms.effect import Effect
from tokenop.planning.platforms.model import Analysis, Column, Table, Unknown, dollars, many, money
from tokenop.planning.platforms.world import World

TITLES = (
    "Inference spend and usage",
    "Model serving endpoints",
    "Jobs",
    "Data pipelines",
    "Clusters: autoscaling and spot",
    "MLflow and the life of models",
)
BY = "endpoint"
BY_HOUR = ("databricks.provisioned_throughput", "databricks.custom_model")
JOBS, PIPELINES = ("JOBS",), ("DLT", "LAKEFLOW_CONNECT", "LAKEFLOW_PIPELINES")
_TAGS = (
    "tag the requests (`job_id`, `pipeline_id`), or name your own keys: `tokenop discover --collectors databricks "
    "--setting task_tag=… --setting agent_tag=…`"
)


def analyse(world: World, scratch: Path) -> tuple[tuple[Analysis, ...], Effect | None]:
    """Return the six analyses and what the plan takes, and the effect of re-routing on the whole."""
    billed = bills.read(world, "databricks-billing", scratch)
    endpoints, whole = _endpoints(world, billed)
    return (
        _spend(world, billed),
        endpoints,
        _work(world, billed, "job", TITLES[2], JOBS),
        _work(world, billed, "pipeline", TITLES[3], PIPELINES),
        machines.clusters(world, TITLES[4]),
        _mlflow(world),
        steps.analyse(world),
    ), whole


def _spend(world: World, billed: Billed) -> Analysis:
    told = routing.first(world, ("endpoint", "model", "tenant", "requester", "hour"))
    whole = told[0].total["cost_monthly_usd"] if told and told[0].total else None
    unpriced = sum(row["unpriced_calls"] for row in told[0].rows) if told else 0
    missing = [*billed.unknown]
    if unpriced:
        missing.append(
            Unknown(
                f"the cost of {many(unpriced, 'call')}",
                "no price per token is known: provisioned throughput and custom models are billed by the hour",
                "the collector databricks-billing has what they cost; `tokenop prices coverage` names the models",
            )
        )
    figures = {
        "calls": world.count or None,
        "monthly_usd": whole,
        "unpriced_calls": unpriced if world.count else None,
        "billed": billed.figures or None,
    }
    by_log = f"{many(world.count, 'call')}, {dollars(whole)} a month by the log." if world.count else "There is no log."
    summary = f"{by_log} {_busiest(told)}{bills.sentence(billed)}"
    return Analysis("spend", TITLES[0], summary, (*told, *billed.tables), tuple(missing), figures)


def _busiest(told: Sequence[Table]) -> str:
    """Return the hour of the day that costs most, in words."""
    hours = [row for table in told if table.name == "by_hour" for row in table.rows if row["cost_share"]]
    if not hours:
        return ""
    most = max(hours, key=lambda row: row["cost_share"])
    return f"The costliest hour of the day is {most['name']} UTC ({most['cost_share']:.0%}). "


def _endpoints(world: World, billed: Billed) -> tuple[Analysis, Effect | None]:
    tables: list[Table] = []
    unknown: list[Unknown] = []
    whole: Effect | None = None
    if world.count:
        moved = routing.told(world, world.by or BY)
        whole = moved.effect
        tables += moved.tables
        unknown += moved.unknown
        if world.rules:
            seen, quality = routing.models(world)
            tables.append(seen)
            unknown += quality
        tables += _hourly(world)
    serving = machines.live(world, lambda one: one.type == machines.SERVING)
    if serving:
        tables.append(machines.table(serving, "serving", "Endpoints of the inventory"))
    never = sum(one.scale_to_zero is False for one in serving)
    idle = _idle(billed)
    figures = {
        "endpoints_in_inventory": len(serving) if world.inventory else None,
        "not_scaling_to_zero": never if world.inventory else None,
        "billed_without_calls": idle,
    }
    if world.inventory is None:
        unknown.append(machines.none())
    if idle is None:
        unknown.append(Unknown("endpoints that are billed while idle", billed.unknown[0].why, billed.unknown[0].how))
    said = [routing.sentence(world, whole)]
    if serving:
        zero = sum(one.scale_to_zero is True for one in serving)
        said.append(
            f"The inventory has {many(len(serving), 'served model')}: {zero} scale to zero, {never} never do, of "
            f"{len(serving) - zero - never} nobody can tell."
        )
    if idle:
        said.append(f"Billed without a call in the log: {', '.join(idle)}.")
    return Analysis("endpoints", TITLES[1], " ".join(said), tuple(tables), tuple(unknown), figures), whole


def _hourly(world: World) -> list[Table]:
    """Return the endpoints that are billed by the hour, and in how many hours of the window anybody called them."""
    listed = ", ".join(f"'{one}'" for one in BY_HOUR)
    found = world.rows(
        f"""SELECT endpoint AS name, provider, sum(n)::HUGEINT AS calls,
          count(DISTINCT date_trunc('hour', ts)) AS busy_hours FROM {world.calls}
        WHERE provider IN ({listed}) GROUP BY ALL ORDER BY ALL"""
    )
    hours = world.spread.hours
    rows = [
        {**one, "calls": int(one["calls"]), "hours": hours, "busy_share": round(min(one["busy_hours"] / hours, 1.0), 6)}
        for one in found
    ]
    columns = (
        Column("name", "endpoint"),
        Column("provider", "kind"),
        Column("calls", "calls", "count"),
        Column("busy_hours", "hours with calls", "count"),
        Column("busy_share", "of all hours", "share"),
    )
    return [Table("by_the_hour", "Billed by the hour, busy or idle", columns, rows)] if rows else []


def _idle(billed: Billed) -> list[str] | None:
    """Return the endpoints with a bill and no call in the log; None where the bill is unknown."""
    if not billed.figures:
        return None
    rows: Sequence[Table] = [one for one in billed.tables if one.name == "billed"]
    return sorted(
        {str(row["endpoint"]) for one in rows for row in one.rows if row["log_calls"] == 0 and row["billed_usd"]}
    )


def _work(world: World, billed: Billed, by: str, title: str, products: tuple[str, ...]) -> Analysis:
    """Return what jobs or pipelines spend on models, what they waste, and what re-routing does to each."""
    column = {"job": "task_id", "pipeline": "agent_id"}[by]
    condition = f"{column} IS NOT NULL"
    seen = world.row(
        f"SELECT coalesce(sum(n) FILTER ({condition}), 0)::HUGEINT AS calls, sum(cost) FILTER ({condition}) AS cost, "
        f"count(DISTINCT {column}) AS some FROM {world.calls}"
    )
    calls, number = int(seen["calls"]), int(seen["some"])
    product = bills.service(world, billed, products, f"Billed for {by}s, all their work")
    unknown: list[Unknown] = []
    tables: list[Table] = []
    figures = {
        f"{by}s": number or None,
        "calls": calls if number else None,
        "calls_that_name_none": world.count - calls if number else None,
        "monthly_usd": money(world.a_month(seen["cost"])),
    }
    if number:
        wasted = waste.table(world, f"waste_of_{by}s", condition)
        tables += [spend.by(world, by, condition), wasted]
        unknown += waste.unknown(wasted)
        if world.rules:
            moved = routing.told(world, by, condition)
            tables += moved.tables
            unknown += moved.unknown
    else:
        unknown.append(Unknown(f"which {by} a call belongs to", f"no call names its {by}", _TAGS))
    if product:
        tables.append(product)
    else:
        why = f"no usage record is of the product {' or '.join(products)}"
        listed = ",".join(("MODEL_SERVING", "AI_GATEWAY", "AI_FUNCTIONS", *products))
        how = f"`tokenop discover --collectors databricks-billing --setting products={listed}`"
        unknown.append(Unknown(f"what the machines of {by}s cost", why, how))
    summary = (
        f"{many(number, by)} made {many(calls, 'call')}, {dollars(world.a_month(seen['cost']))} a month."
        if number
        else f"No call says which {by} made it."
    )
    return Analysis(f"{by}s", title, summary, tuple(tables), tuple(unknown), figures)


def _mlflow(world: World) -> Analysis:
    """Return what the log has of MLflow: its API, and the releases of each model that answer side by side."""
    unknown = [
        Unknown(
            "runs, experiments, and stages of registered models",
            "no usage table and no bill holds them: they are in MLflow's tracking server and registry",
            "tag the requests with the run or experiment, and name the tag: `tokenop discover --collectors databricks "
            "--setting agent_tag=mlflow_experiment_id`; each experiment is then a pipeline above",
        )
    ]
    row = world.row(
        f"SELECT coalesce(sum(n) FILTER (starts_with(operation, 'mlflow/')), 0)::HUGEINT AS calls, "
        f"sum(cost) FILTER (starts_with(operation, 'mlflow/')) AS cost, count(operation) AS known FROM {world.calls}"
    )
    if not row["known"]:
        why = "no call says by which API it was made"
        how = "collect from `system.ai_gateway.usage`, whose api_type becomes the operation"
        unknown.insert(0, Unknown("which calls use MLflow's API", why, how))
    releases = world.rows(
        f"""SELECT priced_provider || '/' || priced_model AS name, count(DISTINCT model) AS releases,
          sum(n)::HUGEINT AS calls, sum(cost) AS cost FROM {world.calls}
        WHERE priced_model IS NOT NULL GROUP BY ALL HAVING count(DISTINCT model) > 1 ORDER BY cost DESC, name"""
    )
    rows = [
        {"name": one["name"], "releases": one["releases"], "calls": int(one["calls"]),
         "cost_monthly_usd": money(world.a_month(one["cost"]))}
        for one in releases
    ]  # fmt: skip
    columns = (
        Column("name", "model"),
        Column("releases", "spellings", "count"),
        Column("calls", "calls", "count"),
        Column("cost_monthly_usd", "a month", "usd"),
    )
    known = bool(row["known"])
    figures = {
        "calls_by_mlflow_api": int(row["calls"]) if known else None,
        "monthly_usd": (money(world.a_month(row["cost"])) if row["calls"] else 0.0) if known else None,
        "models_with_several_releases": len(rows) if world.count else None,
    }
    tables = (Table("releases", "Models that answer under several names or releases", columns, rows),) if rows else ()
    summary = (
        f"{many(int(row['calls']), 'call')} went through MLflow's API; what belongs to a run or a registered model is "
        "not known."
        if known
        else "The log says nothing of MLflow."
    )
    return Analysis("mlflow", TITLES[5], summary, tables, tuple(unknown), figures)
