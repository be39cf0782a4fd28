"""``tabento capacity``: measure this machine and answer the number of replicas that a load needs. See docs/capacity.md."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from benchmarks.capacity.availability import Losses
from benchmarks.capacity.burst import BurstAnswer, answer_burst
from benchmarks.capacity.cluster import StartTimes
from benchmarks.capacity.demand import (
    Demand,
    DemandError,
    parse_duration,
    parse_factor,
    parse_rate,
    parse_share,
    parse_slo,
    rate_of_users,
)
from benchmarks.capacity.figures import ServiceFigures, read_figures, write_figures
from benchmarks.capacity.plan import Prices, ReplicaPlan, Reserves, plan_replicas
from benchmarks.capacity.texts import plan_json, plan_text
from tabento.command_line.commands import SectionedCommand, SectionedOption, verbose_option
from tabento.errors import TabentoError
from training.commands.options import Invocation

EXAMPLES = """examples:
  tabento capacity NAME --rate 1000 --slo p99=100ms --availability 99.9
  tabento capacity NAME --rate 10/min --burst 1000x --slo p99=100ms
  tabento capacity NAME --users 100 --think 1s --slo p95=50ms
  tabento capacity NAME --rate 1e6/month --price-per-core-hour 0.04 --budget 100
  tabento capacity NAME --rate 1000 --save figures.json
  tabento capacity --measured figures.json --rate 5000 --zones 3 --json

The measurement takes one to two minutes and needs two free cores and a C compiler.
"""
_MEASUREMENT, _RESERVES, _LOSSES, _PRICES = "Measurement", "Reserves", "Losses of replicas", "Prices"
_BURST = "Start of replicas in a burst"


def capacity(_: Invocation, model: str | None, **values: Any) -> None:
    """Measure, or read a former measurement, and print the plan.

    Raises:
        UsageError: neither or both of a model and former figures, or of a rate and users, are given.
        TabentoError: a value is not valid, or the measurement failed.
        BundleError: the store does not have the model.
    """
    if (model is None) == (values["measured"] is None):
        raise click.UsageError("give either the NAME of a stored model or --measured FILE")
    if (values["rate"] is None) == (values["users"] is None):
        raise click.UsageError("give either --rate or --users")
    plan, bursts = answer(model, values)
    click.echo(json.dumps(plan_json(plan, bursts), indent=1) if values["as_json"] else plan_text(plan, bursts))


def answer(model: str | None, values: Mapping[str, Any]) -> tuple[ReplicaPlan, list[BurstAnswer]]:
    """Return the plan for the values of the command line, and the course of a burst that needs more replicas.

    Raises:
        TabentoError: a value is not valid, or the measurement failed.
        BundleError: the store does not have the model.
    """
    prices = Prices(values["core_hour"], values["gib_hour"], values["budget"])
    reserves = Reserves(
        1 - parse_share(values["load"]), values["lost"], values["updating"], values["zones"], values["cores"]
    )
    losses = Losses(
        parse_duration(values["lost_every"]),
        parse_duration(values["repair"]),
        parse_duration(values["detection"]),
        values["is_retried"],
    )
    start = StartTimes(pull_s=parse_duration(values["pull"]), node_s=parse_duration(values["node"]))
    think_s = parse_duration(values["think"])
    demand = Demand(
        1.0 if values["rate"] is None else parse_rate(values["rate"]),
        parse_slo(values["slo"]),
        parse_share(values["availability"]),
        parse_factor(values["burst"]),
        values["rows"],
        parse_duration(values["network"]),
    )
    figures = _figures(model, values, demand)
    if values["users"] is not None:
        response_s = figures.point_at(0.5).p50_ms / 1e3 + demand.network_s
        demand = replace(demand, rate_per_s=rate_of_users(values["users"], think_s, response_s))
    plan = plan_replicas(demand, figures, reserves, losses, prices)
    if plan.holds_burst:
        return plan, []
    return plan, answer_burst(plan, replace(start, ready_s=figures.ready_s, nodes_hold=plan.replicas))


def _figures(model: str | None, values: Mapping[str, Any], demand: Demand) -> ServiceFigures:
    """Return former figures, or measure.

    Raises:
        TabentoError: the figures cannot be read or kept, or the measurement failed.
    """
    if values["measured"] is not None:
        return read_figures(values["measured"])
    from benchmarks.capacity.measure import measure_service
    from benchmarks.process import BenchmarkError, unwind_on_sigterm

    save: Path | None = values["save"]
    if save is not None and not save.absolute().parent.is_dir():
        raise DemandError(
            f"{save.absolute().parent} does not exist. Make this folder for --save, or choose another one."
        )
    unwind_on_sigterm()
    assert model is not None
    try:
        figures = measure_service(model, demand.service_slo, demand.rows_each, quick=values["quick"])
    except BenchmarkError as error:
        raise TabentoError(str(error)) from error
    if save is not None:
        write_figures(figures, save)
    return figures


def _option(*declarations: str, section: str = "", **attributes: Any) -> SectionedOption:
    return SectionedOption(
        declarations,
        section=section,
        show_default="default" in attributes and not attributes.get("is_flag"),
        **attributes,
    )


command = SectionedCommand(
    "capacity",
    callback=click.pass_obj(capacity),
    help="Measure this machine and answer how many replicas a load needs.",
    epilog=EXAMPLES,
    params=[
        click.Argument(["model"], required=False, metavar="[NAME[:VERSION]]"),
        _option("--rate", metavar="RATE", help="requests in the busiest hour: 1000, 10000/min, 1e6/month"),
        _option("--users", type=click.IntRange(1), metavar="N", help="in place of --rate: users who wait for each answer"),
        _option("--think", default="1s", metavar="TIME", help="the time between an answer and the user's next request"),
        _option("--slo", default="p99=100ms", metavar="pN=TIME", help="the promise: p90, p95, p99 or p99.9 and a time"),
        _option("--availability", default="99.9", metavar="PERCENT", help="the share of time with enough replicas"),
        _option("--burst", default="1x", metavar="FACTOR", help="the rate of a burst as a multiple of the rate"),
        _option("--rows", default=1, type=click.IntRange(1, 10_000), metavar="N", help="the rows of a request"),
        _option("--json", "as_json", is_flag=True, help="print the plan as JSON"),
        _option("--quick", is_flag=True, section=_MEASUREMENT, help="short runs; the rate is known to about 15%"),
        _option("--network", default="5ms", metavar="TIME", section=_MEASUREMENT, help="the part of the promise for network and proxy"),
        _option("--save", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", section=_MEASUREMENT, help="write the measured figures to this file"),
        _option("--measured", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", section=_MEASUREMENT, help="read figures that --save wrote instead of measuring"),
        _option("--load", default="70%", metavar="PERCENT", section=_RESERVES, help="the planned load, as a share of the held rate"),
        _option("--lost", default=1, type=click.IntRange(0), metavar="N", section=_RESERVES, help="replicas lost at the same time"),
        _option("--updating", default=1, type=click.IntRange(0), metavar="N", section=_RESERVES, help="replicas that an update takes away at the same time"),
        _option("--zones", default=1, type=click.IntRange(1), metavar="N", section=_RESERVES, help="zones, of which one can be lost if there are two or more"),
        _option("--cores", default=1.0, type=float, metavar="N", section=_RESERVES, help="the cores that a replica reserves, at most 1"),
        _option("--pull", default="10s", metavar="TIME", section=_BURST, help="the time until the image is on the node"),
        _option("--node", default="0s", metavar="TIME", section=_BURST, help="the start of a node for each additional replica"),
        _option("--lost-every", default="30d", metavar="TIME", section=_LOSSES, help="the mean time between losses of one replica"),
        _option("--repair", default="120s", metavar="TIME", section=_LOSSES, help="the time until another replica is ready"),
        _option("--detection", default="10s", metavar="TIME", section=_LOSSES, help="the time for which a lost replica still gets requests"),
        _option("--retry/--no-retry", "is_retried", default=False, section=_LOSSES, help="whether the proxy retries a failed prediction at another replica"),
        _option("--price-per-core-hour", "core_hour", type=float, metavar="PRICE", section=_PRICES, help="from your provider's list, in any currency"),
        _option("--price-per-gib-hour", "gib_hour", default=0.0, type=float, metavar="PRICE", section=_PRICES, help="the price of memory"),
        _option("--budget", type=float, metavar="AMOUNT", section=_PRICES, help="the amount that a month may cost"),
        verbose_option(),
    ],
)  # fmt: skip
