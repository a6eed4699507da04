"""What capacity levers do to a small fleet, worked out by hand: four instances at 2 USD an hour, ten hours."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.economics import world


def standing(lever, *inventory, hours=10):
    """Return what a capacity lever saves in a window of ten hours."""
    window = [world.call(0), world.call(1, ts=world.START + timedelta(hours=hours) - timedelta(seconds=1))]
    made = world.build(window, lever if isinstance(lever, list) else [lever], inventory=inventory)
    replayed = made.replay()
    assert made.pooled() == pytest.approx(float(replayed.saving), rel=1e-12, abs=1e-12)
    assert replayed.before == replayed.after
    return replayed.saving


def capacity(change, where="true", **parameters):
    options = {"change": change}
    if change == "autoscale":
        options["min_replicas"] = int(parameters.pop("min_replicas", 1))
    if change == "consolidate":
        options["min_instances"] = int(parameters.pop("min_instances", 1))
    return world.lever("capacity", where, options, **parameters)


def test_spot_pays_the_discounted_price_for_the_hours_moved_and_those_done_again():
    # 4 instances at 2 USD for 10 hours: half of 80 USD moves to 70 % off, a tenth of it is done twice.
    lever = capacity("spot", share=0.5, discount=0.7, interruption_overhead=0.1, on_demand_floor=0.0)
    assert standing(lever, world.resource()) == Decimal("40") - Decimal("12") * Decimal("1.1")


def test_a_floor_keeps_its_part_on_demand_whatever_the_share():
    lever = capacity("spot", share=0.9, discount=0.5, interruption_overhead=0.0, on_demand_floor=0.75)
    assert standing(lever, world.resource()) == 10


def test_a_spot_price_of_the_inventory_comes_before_the_assumed_discount():
    lever = capacity("spot", share=1.0, discount=0.1, interruption_overhead=0.0, on_demand_floor=0.0)
    dear = world.resource(hourly_usd=world.Hourly(Decimal(2), spot=Decimal("0.5")))
    assert standing(lever, dear) == 60


def test_a_commitment_that_stays_unused_costs_more_than_it_saves():
    # 30 % off, and half of what is committed is not used: 2 hours are paid for each one used.
    used = capacity("reserved", share=0.5, discount=0.3, commitment_unused=0.0)
    unused = capacity("reserved", share=0.5, discount=0.3, commitment_unused=0.5)
    assert standing(used, world.resource()) == 12
    assert standing(unused, world.resource()) == 40 - 56


def test_scaling_takes_idle_hours_away_and_keeps_the_least_number_of_instances():
    lever = capacity("autoscale", share=1.0, idle_share=0.5)
    assert standing(lever, world.resource()) == 40
    assert standing(capacity("autoscale", share=1.0, idle_share=0.5, min_replicas=3), world.resource()) == 20
    assert standing(capacity("autoscale", share=1.0, idle_share=0.5, min_replicas=9), world.resource()) == 0


def test_what_scales_already_or_might_for_all_anybody_knows_is_not_scaled_again():
    lever = capacity("autoscale", share=1.0, idle_share=0.5)
    for bounds in (world.Autoscaling(1, 8, True), world.Autoscaling(1, 8, None)):
        assert standing(lever, world.resource(autoscaling=bounds)) == 0
    assert standing(lever, world.resource(autoscaling=world.Autoscaling(4, 4, False))) == 40


def test_instances_that_serve_half_as_much_again_do_the_work_of_three_with_two():
    # 4 instances at 2 USD for 10 hours: a third of 80 USD goes, and no fewer than the least number stay.
    gain = {"share": 1.0, "throughput_gain": 0.5}
    assert standing(capacity("consolidate", **gain), world.resource()) == pytest.approx(Decimal(80) / 3)
    assert standing(capacity("consolidate", **gain, min_instances=3), world.resource()) == 20
    assert standing(capacity("consolidate", **gain, min_instances=4), world.resource()) == 0


def test_a_machine_that_serves_less_needs_company_and_says_so_with_its_sign():
    lever = capacity("consolidate", share=1.0, throughput_gain=-0.2)
    assert standing(lever, world.resource()) == pytest.approx(Decimal(-20))


def test_what_scales_already_can_be_fewer_as_well():
    lever = capacity("consolidate", share=0.5, throughput_gain=1.0)
    assert standing(lever, world.resource(autoscaling=world.Autoscaling(1, 8, True))) == 20


def test_spot_takes_what_a_commitment_and_scaling_leave():
    # 80 USD; half idles away: 40. Half of that is committed at 25 % off: 15. Half of the last 20 is halved.
    levers = [
        capacity("spot", share=0.5, discount=0.5, interruption_overhead=0.0, on_demand_floor=0.0),
        capacity("reserved", share=0.5, discount=0.25, commitment_unused=0.0),
        capacity("autoscale", share=1.0, idle_share=0.5),
    ]
    assert standing(levers, world.resource()) == 80 - (15 + 10 + 5)


def test_spot_and_reserved_instances_of_today_are_part_of_the_bill_and_stay():
    mixed = world.resource(
        count=world.Count(6, 2, 3, 1), hourly_usd=world.Hourly(Decimal(2), Decimal("0.5"), Decimal("1.2"))
    )
    made = world.build([world.call(0)], [capacity("spot", share=1.0, on_demand_floor=0.0)], inventory=[mixed])
    assert made.replay().fleet_before == Decimal("6.7")
    assert made.replay().fleet_after == Decimal("2.7") + 2 * Decimal("0.5") * Decimal("1.08")


def test_a_resource_without_a_price_or_a_count_is_left_out_and_counted():
    unknown = [
        world.resource("a", hourly_usd=world.Hourly()),
        world.resource("b", count=world.Count(4, None, None, None)),
        world.resource("c", change="delete"),
    ]
    made = world.build([world.call(0)], [capacity("spot")], inventory=[*unknown, world.resource("d")])
    assert [one.address for one in made.fleet.resources] == ["d"]
    assert made.fleet.unknown_matches == {"l0": 2}
    assert made.replay().fleet_before == 8
