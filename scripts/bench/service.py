"""`fitting-room bench service`: a live service on this machine under load, and how its costs grow."""

from __future__ import annotations

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scripts.devices import parse_devices
from scripts.options import AcceptLicence, Card, Device, settings_with


class Rival(StrEnum):
    """What the service may be compared with."""

    SERIAL = "serial"


Workers = Annotated[int | None, typer.Option(min=1, help="Workers: 1 if not given; to --simulate at most, 64.")]
Simulate = Annotated[
    float | None, typer.Option(min=0.001, help="Seconds a picture of simulated GPUs, in place of the model.")
]
Waiting = Annotated[str, typer.Option(help="Numbers of waiting jobs to --simulate with.")]
Compare = Annotated[Rival | None, typer.Option(help="Measure against it, by turns, a full service of each.")]
Rates = Annotated[str, typer.Option(help="Arrivals, as shares of what the service can make.")]
Seconds = Annotated[float, typer.Option(min=0.1, help="Length of each load, and of each number of simulated GPUs.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often what is compared takes turns.")]
Visits = Annotated[int, typer.Option(min=1, help="Visits that measure what the service can make; a round's.")]
Seed = Annotated[int, typer.Option(help="Of who comes when and wants what.")]
Page = Annotated[Path | None, typer.Option(dir_okay=False, help="Where the page goes, instead of benchmarks/.")]


def run(
    card: Card = None,
    accept_licence: AcceptLicence = None,
    device: Device = None,
    workers: Workers = None,
    simulate: Simulate = None,
    waiting: Waiting = "10,1000,100000",
    compare: Compare = None,
    rates: Rates = "0.3,0.6,0.9,1.2",
    seconds: Seconds = 20.0,
    rounds: Rounds = 12,
    visits: Visits = 48,
    seed: Seed = 0,
    page: Page = None,
) -> None:
    """Time a live service, from a shopper's POST to the picture. The last line is one JSON object."""
    from scripts.bench import service_compare, service_load, service_reports, service_scaling
    from scripts.bench.live.stack import settings_of
    from scripts.bench.machine import this_machine
    from scripts.bench.report import check_writable, publish
    from scripts.bench.service_scaling_report import scaling

    check_writable(page)
    chosen = settings_with(device=device, card=card, accepted_licences=accept_licence)
    command = f"fitting-room {shlex.join(sys.argv[1:])}"
    if simulate is not None:
        depths = [int(number) for number in _numbers(waiting, "--waiting", at_least=service_scaling.FEWEST_WAITING)]
        growth = service_scaling.Plan(_powers(workers or 64), depths, simulate, seconds, rounds, seed)
        publish(scaling(service_scaling.measure(growth), command, this_machine()), page)
        return
    where = device or ",".join(parse_devices(device))
    machine = this_machine(parse_devices(device)[0])
    if compare is not None:
        turns = service_compare.Plan(settings_of(chosen), where, rounds, visits, seed)
        publish(service_reports.compare(service_compare.measure(turns), chosen.card, command, machine), page)
        return
    shares = _numbers(rates, "--rates", at_least=0.01)
    loads = service_load.Plan(settings_of(chosen), where, workers or 1, shares, seconds, visits, seed)
    publish(service_reports.load(service_load.measure(loads), chosen.card, command, machine), page)


def _numbers(text: str, option: str, at_least: float) -> list[float]:
    """Rising numbers between commas."""
    try:
        numbers = sorted({float(part) for part in text.split(",")})
    except ValueError:
        raise typer.BadParameter(f"{option} takes numbers between commas, not {text!r}.") from None
    if numbers[0] < at_least:
        raise typer.BadParameter(f"{option} takes numbers from {at_least:g}, not {numbers[0]:g}.")
    return numbers


def _powers(most: int) -> list[int]:
    """1, 4, 16 ... and `most`."""
    powers = [4**exponent for exponent in range(most.bit_length()) if 4**exponent < most]
    return [*powers, most]
