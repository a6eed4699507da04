"""Google: Compute Engine and its groups, GKE node pools, Vertex AI endpoints, TPUs, Cloud Run with GPUs."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from tokenop.inventory.attributes import Values
from tokenop.inventory.kinds.base import Draft, Kind, Reader, bounds, split, texts
from tokenop.inventory.model import Autoscaling, Count, Purpose
from tokenop.inventory.world import Here

TEMPLATES = ("google_compute_instance_template", "google_compute_region_instance_template")
# What GKE takes where neither pool nor cluster names zones.
ZONES_OF_A_REGION = 3
_ZONE = re.compile(r"([a-z]+-[a-z]+\d+)-[a-z]")


def _last(text: str | None) -> str | None:
    return text.rpartition("/")[2] if text else None


def _region(here: Here) -> str | None:
    for path in ("zone", "location", "region"):
        place = _last(here.values.text(path))
        if place:
            zone = _ZONE.fullmatch(place)
            return zone[1] if zone else place
    return here.world.provider_region(here.instance)


def _accelerators(block: Values, path: str) -> tuple[int | None, str | None]:
    """Return how many accelerators a machine gets besides those its type has, and their name."""
    found = [a for a in block.blocks(path) if a.text("type")]
    if not found:
        return None, None
    counts = [accelerator.whole("count") for accelerator in found]
    total = None if None in counts else sum(count or 0 for count in counts)
    return (None, None) if total == 0 else (total, _last(found[0].text("type")))


def _scheduled_spot(values: Values) -> bool | None:
    if values.is_unknown("scheduling"):
        return None
    model, preemptible = values.text("scheduling[0].provisioning_model"), values.flag("scheduling[0].preemptible")
    return model == "SPOT" or bool(preemptible)


def _machine(values: Values) -> Draft:
    kind = _last(values.text("machine_type"))
    gpus, accelerator = _accelerators(values, "guest_accelerator")
    return Draft(texts([kind]), kind, gpus=gpus, accelerator=accelerator)


def _instance(here: Here) -> Iterator[Draft]:
    values = here.values
    draft = _machine(values)
    stopped = values.text("desired_status") in ("TERMINATED", "SUSPENDED")
    draft.count = split(0 if stopped else 1, _scheduled_spot(values))
    if stopped:
        draft.notes.append("stopped: its machine is not paid for")
    yield draft


def _group(here: Here) -> Iterator[Draft]:
    versions = here.values.blocks("version")
    template = here.referred("version[0].instance_template", *TEMPLATES)
    draft = _machine(template.values) if template else Draft(notes=["its template is not in this file"])
    if len(versions) > 1:
        draft.notes.append("it runs several versions; the first one's machine is shown")
    draft.count = split(here.values.whole("target_size"), _scheduled_spot(template.values) if template else None)
    for kind in ("google_compute_autoscaler", "google_compute_region_autoscaler"):
        for scaler in here.users(kind, "target"):
            rules = "autoscaling_policy[0]"
            low, high = (scaler.values.whole(f"{rules}.{name}") for name in ("min_replicas", "max_replicas"))
            draft.autoscaling = bounds(low, high, scaler.values.text(f"{rules}.mode") != "OFF")
            draft.scale_to_zero = None if low is None else low == 0
    yield draft


def _zones(here: Here) -> int | None:
    """Return over how many zones a node pool stretches: each has `node_count` nodes."""
    own = here.values.items("node_locations")
    if own:
        return len(set(map(str, own)))
    cluster = here.referred("cluster", "google_container_cluster")
    place = here.values.text("location") or (cluster.values.text("location") if cluster else None)
    if here.values.text("zone") or (place and _ZONE.fullmatch(place)):
        # A cluster's further zones are listed beside that of its location.
        further = cluster.values.items("node_locations") if cluster else []
        return len({place, *map(str, further)}) if place else 1
    if cluster and cluster.values.items("node_locations"):
        return len(set(map(str, cluster.values.items("node_locations"))))
    if cluster and here.world.is_configured(cluster, "node_locations"):
        return None
    return ZONES_OF_A_REGION if place else None


def _pool(here: Here) -> Iterator[Draft]:
    values, notes, zones = here.values, list[str](), _zones(here)
    node = next(iter(values.blocks("node_config")), Values({}, values.unknown))
    nodes = values.whole("node_count")
    scales = bool(values.items("autoscaling"))
    if nodes is None and values.whole("initial_node_count") is not None:
        nodes = values.whole("initial_node_count")
        if scales:
            notes.append("its count is what it starts with")
    total = nodes * zones if nodes is not None and zones is not None else None
    if zones is not None and zones > 1:
        notes.append(f"{zones} zones, each with the nodes that Terraform states")
    spot: bool | None = bool(node.flag("spot") or node.flag("preemptible"))
    if values.is_unknown("node_config.spot") or values.is_unknown("node_config.preemptible"):
        spot = True if spot else None
    kind = node.text("machine_type")
    gpus, accelerator = _accelerators(node, "guest_accelerator")
    scaling = _pool_scaling(values, zones, total)
    if node.text("reservation_affinity[0].consume_reservation_type") == "SPECIFIC_RESERVATION":
        notes.append("it runs in a reservation")
    zero = None if scaling.min is None else scaling.min == 0
    yield Draft(texts([kind]), kind, split(total, spot), gpus=gpus, accelerator=accelerator, autoscaling=scaling,
                scale_to_zero=zero, region=_pool_region(here), notes=notes)  # fmt: skip


def _pool_scaling(values: Values, zones: int | None, total: int | None) -> Autoscaling:
    if not values.items("autoscaling"):
        return Autoscaling(total, total, None if values.is_unknown("autoscaling") else False)
    whole = [values.whole(f"autoscaling[0].total_{name}_node_count") for name in ("min", "max")]
    by_zone = [values.whole(f"autoscaling[0].{name}_node_count") for name in ("min", "max")]
    # Either pair may be set; the other one is then written as 0.
    if not any(whole) and zones is not None:
        whole = [None if count is None else count * zones for count in by_zone]
    elif not any(whole):
        whole = [0 if by_zone[0] == 0 else None, None]
    return Autoscaling(whole[0], whole[1], True)


def _pool_region(here: Here) -> str | None:
    if found := _region(here):
        return found
    cluster = here.referred("cluster", "google_container_cluster")
    return _region(replace(here, instance=cluster, values=cluster.values)) if cluster else None


def _endpoint(here: Here) -> Iterator[Draft]:
    models = here.values.blocks("deployed_models") or here.values.blocks("deploy_config")
    name = "deployed_models" if here.values.blocks("deployed_models") else "deploy_config"
    for index, model in enumerate(models):
        machine = "dedicated_resources[0].machine_spec[0]"
        kind, accelerator = model.text(f"{machine}.machine_type"), model.text(f"{machine}.accelerator_type")
        low, high = (model.whole(f"dedicated_resources[0].{bound}_replica_count") for bound in ("min", "max"))
        count = split(low, bool(model.flag("dedicated_resources[0].spot")))
        notes = ["its count is the least number of replicas"] if low != high else []
        gpus = model.whole(f"{machine}.accelerator_count") if accelerator else None
        # Vertex charges a fee on top of the machine: its price is not that of Compute Engine.
        yield Draft(texts([kind]), kind, count, f"{name}[{index}]", gpus=gpus, accelerator=accelerator,
                    autoscaling=bounds(low, high if high is not None else low), billed_hourly=False,
                    scale_to_zero=None if low is None else low == 0, notes=notes)  # fmt: skip
    if not models:
        yield Draft(notes=["which models are deployed on it is not in this file"], billed_hourly=False)


def _tpu(here: Here) -> Iterator[Draft]:
    values = here.values
    kind = values.text("accelerator_type") or values.text("accelerator_config[0].type")
    spot = any(values.flag(f"scheduling_config[0].{name}") for name in ("spot", "preemptible"))
    count = split(1, spot)
    if values.flag("scheduling_config[0].reserved"):
        count = Count(1, 0, 0, 1)
    yield Draft(texts([kind]), kind, count, accelerator="TPU")


def _cloud_run(here: Here) -> Iterator[Draft]:
    accelerator = here.values.text("template[0].node_selector[0].accelerator")
    if not accelerator:
        return
    low = here.values.whole("template[0].scaling[0].min_instance_count") or 0
    high = here.values.whole("template[0].scaling[0].max_instance_count")
    yield Draft(gpus=1, accelerator=accelerator, autoscaling=bounds(low, high, True), scale_to_zero=low == 0,
                billed_hourly=False, notes=["paid by the second that an instance runs"])  # fmt: skip


_WHERE = {
    "zone": "finds the region",
    "location": "finds the region",
    "region": "finds the region",
    "id": "finds what refers to it",
    "name": "finds what refers to it",
    "self_link": "finds what refers to it",
    "self_link_unique": "finds what refers to it",
}
_MACHINE = {
    "machine_type": "machine",
    "guest_accelerator[].type": "accelerator",
    "guest_accelerator[].count": "accelerators of a machine",
}
_SCHEDULING = {
    "scheduling[].preemptible": "spot or on demand",
    "scheduling[].provisioning_model": "spot or on demand",
}
_SCALER = {
    "target": "finds the group",
    "autoscaling_policy[].min_replicas": "least count",
    "autoscaling_policy[].max_replicas": "most count",
    "autoscaling_policy[].mode": "whether it scales",
}
_GROUP = {"target_size": "count", "version[].instance_template": "finds the template"}
_DEPLOYED = {
    "dedicated_resources[].machine_spec[].machine_type": "machine",
    "dedicated_resources[].machine_spec[].accelerator_type": "accelerator",
    "dedicated_resources[].machine_spec[].accelerator_count": "accelerators of a machine",
    "dedicated_resources[].min_replica_count": "least count",
    "dedicated_resources[].max_replica_count": "most count",
    "dedicated_resources[].spot": "spot or on demand",
}
_BOUNDS = ("min_node_count", "max_node_count", "total_min_node_count", "total_max_node_count")


def _kind(attributes: dict[str, str], read: Reader | None = None, purpose: Purpose = "gpu") -> Kind:
    return Kind("google", purpose, {**_WHERE, **attributes}, _located(read) if read else None)


def _located(read: Reader) -> Reader:
    """Return a reader whose drafts know their region."""

    def located(here: Here) -> Iterator[Draft]:
        for draft in read(here):
            draft.region = draft.region or _region(here)
            yield draft

    return located


KINDS: dict[str, Kind] = {
    "google_compute_instance": _kind({**_MACHINE, **_SCHEDULING, "desired_status": "whether it runs"}, _instance),
    "google_compute_instance_group_manager": _kind(_GROUP, _group),
    "google_compute_region_instance_group_manager": _kind(_GROUP, _group),
    "google_container_node_pool": _kind(
        {
            "cluster": "finds the cluster",
            "node_count": "count in each zone",
            "initial_node_count": "count in each zone at first",
            "node_locations[]": "zones",
            **{f"autoscaling[].{name}": "bounds of the count" for name in _BOUNDS},
            **{f"node_config[].{path}": meaning for path, meaning in _MACHINE.items()},
            "node_config[].spot": "spot or on demand",
            "node_config[].preemptible": "spot or on demand",
            "node_config[].reservation_affinity[].consume_reservation_type": "whether it runs in a reservation",
        },
        _pool,
    ),
    "google_vertex_ai_endpoint": _kind(
        {f"deployed_models[].{path}": meaning for path, meaning in _DEPLOYED.items()}, _endpoint, "inference"
    ),
    "google_vertex_ai_endpoint_with_model_garden_deployment": _kind(
        {f"deploy_config[].{path}": meaning for path, meaning in _DEPLOYED.items()}, _endpoint, "inference"
    ),
    "google_tpu_v2_vm": _kind(
        {
            "accelerator_type": "machine",
            "accelerator_config[].type": "machine",
            "scheduling_config[].spot": "spot or on demand",
            "scheduling_config[].preemptible": "spot or on demand",
            "scheduling_config[].reserved": "reserved or on demand",
        },
        _tpu,
    ),
    "google_cloud_run_v2_service": _kind(
        {
            "template[].node_selector[].accelerator": "accelerator",
            "template[].scaling[].min_instance_count": "least count",
            "template[].scaling[].max_instance_count": "most count",
        },
        _cloud_run,
    ),
    # These only help to understand others.
    "google_container_cluster": _kind({"node_locations[]": "zones"}),
    **{name: _kind({**_MACHINE, **_SCHEDULING}) for name in TEMPLATES},
    "google_compute_autoscaler": _kind(_SCALER),
    "google_compute_region_autoscaler": _kind(_SCALER),
}
