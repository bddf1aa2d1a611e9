"""`fitting-room bench engine`: how fast a card's pictures are made on one device, and by how much faster."""

from __future__ import annotations

import logging
import shlex
import sys
import time
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scripts.devices import parse_devices
from scripts.options import AcceptLicence, Card, Data, Device, card_of, settings_with

if TYPE_CHECKING:
    from api.settings import Settings
    from models.card import ModelCard


class Rival(StrEnum):
    """What the engine may be compared with."""

    PUBLISHED = "published"


class Size(StrEnum):
    """Of random weights: the published one, or one that a CPU can run."""

    SMALL = "small"
    FULL = "full"


Against = Annotated[Rival | None, typer.Option(help="Measure the published pipeline's way of working, by turns.")]
Random = Annotated[Size | None, typer.Option(help="Random weights in the published layout; nothing is fetched.")]
Batches = Annotated[str, typer.Option("--batch", help="Sizes of batches, with commas.")]
People = Annotated[int, typer.Option(min=1, help="People who try on one garment in a round.")]
Steps = Annotated[int | None, typer.Option(min=1, help="Denoising steps instead of the card's.")]
Rounds = Annotated[int, typer.Option(min=1, help="How often all that is measured takes turns.")]
Seconds = Annotated[float | None, typer.Option(min=1, help="Begin no round that would end later.")]
Page = Annotated[Path | None, typer.Option(dir_okay=False, help="Where the page goes, instead of benchmarks/.")]


def run(
    card: Card = None,
    accept_licence: AcceptLicence = None,
    device: Device = None,
    data: Data = None,
    random_weights: Random = None,
    against: Against = None,
    batch: Batches = "1,2,4,8",
    people: People = 8,
    steps: Steps = None,
    rounds: Rounds = 5,
    seconds: Seconds = None,
    page: Page = None,
) -> None:
    """Time the pictures of a card, of a known garment and of a new one. The last line is one JSON object.

    The page is written after each round; Ctrl-C ends after those that are done.
    """
    from scripts.bench.engine_report import engine_report
    from scripts.bench.engine_rounds import Measured, Plan, measure
    from scripts.bench.report import check_writable, publish, write

    logging.basicConfig(format="%(message)s")
    for name in ("inference", "scripts"):  # a first start takes a GPU minutes: it says why
        logging.getLogger(name).setLevel(logging.INFO)
    batches = _sizes(batch)
    check_writable(page)
    settings = settings_with(device=device, card=card, data=data, accepted_licences=accept_licence)
    started = time.monotonic()
    chosen = _random(settings, random_weights) if random_weights else card_of(settings)
    plan = Plan(
        card=chosen,
        device=parse_devices(device)[0],
        batches=batches,
        people=people,
        num_steps=steps or chosen.num_inference_steps,
        rounds=rounds,
        seconds=seconds,
        against_published=against is not None,
        cache_folder=settings.data / "cache",
        written_s=time.monotonic() - started,
    )
    command = f"fitting-room {shlex.join(sys.argv[1:])}"

    def keep(measured: Measured) -> None:
        write(engine_report(plan, measured, command), page)

    measured = measure(plan, keep)
    publish(engine_report(plan, measured, command), page)
    if measured.is_stopped:
        raise typer.Exit(130)


def _sizes(text: str) -> tuple[int, ...]:
    sizes = text.split(",")
    if not all(size.strip().isdigit() and int(size) for size in sizes):
        raise typer.BadParameter(f"--batch takes numbers with commas, such as 1,2,4, not {text!r}.")
    return tuple(sorted({int(size) for size in sizes}))


def _random(settings: Settings, size: Size) -> ModelCard:
    """Its licence binds nobody: nothing of it is used but its sizes."""
    from models.catalog import read_card
    from scripts.bench.report import progress
    from scripts.checkpoints.random_weights import num_bytes_of, with_random_weights

    card = read_card(settings.card, settings.weights)
    with progress() as shown:
        task = shown.add_task("random weights", total=num_bytes_of(card) if size is Size.FULL else None)
        return with_random_weights(
            card, size, settings.data / "random-weights", lambda count: shown.advance(task, count)
        )
