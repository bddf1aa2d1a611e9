"""`fitting-room bench approximations`: what each approximation of a card saves, and how far its pictures go astray."""

from __future__ import annotations

import shlex
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer

from scripts.devices import check_there, parse_devices
from scripts.options import AcceptLicence, Card, Device, card_of, settings_with

Page = Annotated[Path | None, typer.Option(dir_okay=False, help="Where the page goes, instead of benchmarks/.")]
RandomWeights = Annotated[
    Literal["small", "full"] | None, typer.Option(help="Random weights instead of the card's, which need no download.")
]

NOTES = (
    "Seconds are of a batch from its first look at the pictures to its decoded canvases, against exact in the same "
    "round; the error is that of the final latents, relative to their norm; PSNR is of the finished pictures.",
)
OF_RANDOM_WEIGHTS = (
    "The weights are random: error and PSNR show that the mechanism does something, and say nothing of quality."
)


def run(
    card: Card = None,
    accept_licence: AcceptLicence = None,
    device: Device = None,
    page: Page = None,
    random_weights: RandomWeights = None,
    steps: Annotated[int | None, typer.Option(min=2, help="Exact is so many steps, instead of the card's.")] = None,
    batch: Annotated[int, typer.Option(min=1, help="Pictures made together.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="How often each setting takes its turn.")] = 5,
    figures: Annotated[int, typer.Option(min=10, help="Held-out figures that score the paper doll.")] = 40,
) -> None:
    """Measure error against speed. The last line is one JSON object."""
    from scripts.bench.approximation_rows import Subject, settings_for
    from scripts.bench.machine import this_machine
    from scripts.bench.report import Report, check_writable, publish

    settings = settings_with(device=device, card=card, accepted_licences=accept_licence)
    name = parse_devices(device)[0]
    check_there(name)
    check_writable(page)
    chosen = card_of(settings)
    if random_weights is not None:
        from scripts.checkpoints.random_weights import with_random_weights

        if name == "cpu":  # where convolutions in bfloat16 take minutes
            chosen = replace(chosen, precision="float32")
        chosen = with_random_weights(chosen, random_weights, settings.data / "random-weights")
    chosen = chosen if steps is None else replace(chosen, num_inference_steps=steps)
    subject = Subject.load(chosen, name, batch)
    rows = subject.measured(settings_for(subject), rounds)
    scores = subject.scored(rows, figures) if chosen.family == "paperdoll" else {}
    publish(
        Report(
            name=f"approximations-{chosen.name}",
            title=f"Approximations: {chosen.title}",
            command=f"fitting-room {shlex.join(sys.argv[1:])}",
            machine=this_machine(name),
            figures={row.name: row.figures | scores.get(row.name, {}) for row in rows},
            tables=[subject.table(rows, scores)],
            notes=NOTES if random_weights is None else (*NOTES, OF_RANDOM_WEIGHTS),
        ),
        page,
    )
