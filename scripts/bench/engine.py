"""`fitting-room bench engine`: how fast a card's pictures are made on one device."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from scripts.devices import parse_devices
from scripts.options import AcceptLicence, Card, Device, card_of, settings_with

Page = Annotated[Path | None, typer.Option(dir_okay=False, help="Where the page goes, instead of benchmarks/.")]


def run(card: Card = None, accept_licence: AcceptLicence = None, device: Device = None, page: Page = None) -> None:
    """Time the making of pictures. The last line is one JSON object."""
    from scripts.bench.engine_rounds import measure
    from scripts.bench.machine import this_machine
    from scripts.bench.report import Report, Table, publish

    chosen = card_of(settings_with(device=device, card=card, accepted_licences=accept_licence))
    name = parse_devices(device)[0]
    seconds = measure(chosen, name)
    report = Report(
        name=f"engine-{chosen.name}",
        title=f"Engine: {chosen.title}",
        command=f"fitting-room {shlex.join(sys.argv[1:])}",
        machine=this_machine(name),
        figures={"seconds_a_picture": seconds},
        tables=[Table("A picture", ("batch", "seconds"), [(1, seconds)])],
    )
    publish(report, page)
