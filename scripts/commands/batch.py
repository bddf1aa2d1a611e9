"""`fitting-room batch`: a picture for each row of a table, of two folders or of a data set, stopped at will."""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from api.settings import Settings
from inference.jobs import Category
from scripts.batch.datasets import Pairs
from scripts.batch.folder import RunFolder
from scripts.batch.local import LocalRun, cards_of, kind_of
from scripts.batch.outcome import Outcome
from scripts.batch.plan import Plan, absolute_card, digest_of_card
from scripts.batch.progress import Shown
from scripts.batch.rows import BatchError, Defaults, Row
from scripts.batch.sources import Source
from scripts.batch.via import ServiceRun, model_of
from scripts.devices import parse_devices
from scripts.options import AcceptLicence, Card, Device, settings_with
from scripts.signals import stop_on_signal


def run(
    output: Annotated[Path, typer.Option("--output", "-o", file_okay=False, help="Folder of the run.")],
    table: Annotated[
        Path | None, typer.Argument(exists=True, dir_okay=False, help="CSV or JSONL: person, garment, and what else.")
    ] = None,
    people: Annotated[Path | None, typer.Option(help="Folder of people, for --garments.")] = None,
    garments: Annotated[Path | None, typer.Option(help="Folder of garments: everybody in everything.")] = None,
    zipped: Annotated[bool, typer.Option("--zip", help="The first in the first, the second in the second...")] = False,
    viton_hd: Annotated[Path | None, typer.Option(help="Folder of VITON-HD, as published.")] = None,
    dresscode: Annotated[Path | None, typer.Option(help="Folder of DressCode, as published.")] = None,
    pairs: Annotated[Pairs, typer.Option(help="Of a data set: each in their own garment, or another.")] = Pairs.PAIRED,
    masks: Annotated[bool, typer.Option(help="Use the masks that lie beside the people.")] = True,
    card: Card = None,
    accept_licence: AcceptLicence = None,
    category: Annotated[Category | None, typer.Option(help="How garments are worn whose row does not say it.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="A row's seed is this and its number, unless it has its own.")] = 0,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps instead of the card's.")] = None,
    device: Device = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Rows made together; what is fastest on a GPU, 1 on a CPU, if not given.")
    ] = None,
    via: Annotated[str | None, typer.Option(metavar="URL", help="A running service that makes the pictures.")] = None,
    api_key_env: Annotated[str | None, typer.Option(help="Variable with the API key of that service.")] = None,
    at_once: Annotated[int, typer.Option(min=1, help="Rows that the service is asked for at a time.")] = 16,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Make rows again that failed before.")] = False,
) -> None:
    """Make a picture for each row; the same command again goes on where it was stopped or killed.

    The last line is one JSON object. The exit code is 1 when a row failed, 130 when rows are left.
    """
    source = Source(table, people, garments, zipped, viton_hd, dresscode, pairs)
    defaults = Defaults(category or "", seed, steps, "")
    settings = settings_with(device=device, card=card, accepted_licences=accept_licence)
    if via is None:
        devices = parse_devices(device)
        plan = _local_plan(source, replace(defaults, card=absolute_card(settings.card)), settings, devices)
        plan = replace(plan, batch_size=batch_size or 0, uses_masks=masks)
        _say(source.told(plan.rows))
        outcome = _made(plan, output, retry_failed, lambda folder: LocalRun(folder, settings, devices))
    else:
        if card or device or batch_size:
            raise BatchError("With --via the service decides --card, --device and --batch-size: leave them out.")
        api_key = os.environ.get(api_key_env, "") if api_key_env else ""
        plan = replace(_service_plan(source, defaults, via, api_key), uses_masks=masks)
        _say(source.told(plan.rows))
        outcome = _made(plan, output, retry_failed, lambda folder: ServiceRun(folder, via, api_key, at_once))
    print(json.dumps(outcome.told()))
    raise typer.Exit(outcome.exit_code)


def _say(sentence: str) -> None:
    if sentence:
        print(sentence, file=sys.stderr)


def _made(plan: Plan, output: Path, retry_failed: bool, maker: Callable[[RunFolder], LocalRun | ServiceRun]) -> Outcome:
    """What has become of the plan; the manifest is written whatever happens."""
    stop = threading.Event()
    stop_on_signal(stop)
    with Shown(len(plan.rows)) as shown, RunFolder(output, plan, shown.told) as folder:
        running = maker(folder)
        if retry_failed:
            running.retry(folder.failed())
        outcome = Outcome(output, len(plan.rows), len(folder.left()))
        shown.begin(outcome.num_before, running.beginning if outcome.num_to_do else "")
        folder.add_problems()
        try:
            running.run(stop)
        finally:
            folder.write()
        return outcome.ended(len(folder.left()), len(folder.failed()))


def _local_plan(source: Source, defaults: Defaults, settings: Settings, devices: list[str]) -> Plan:
    rows = source.rows(replace(defaults, category=defaults.category or "upper"))
    cards = {name: digest_of_card(card) for name, card in cards_of(rows, settings).items()}
    return Plan(tuple(rows), cards, kind_of(devices))


def _service_plan(source: Source, defaults: Defaults, url: str, api_key: str) -> Plan:
    model = model_of(url, api_key)
    rows = source.rows(replace(defaults, card=model))
    return Plan(tuple(_of_model(row, model, url) for row in rows), {model: ""}, url.rstrip("/"))


def _of_model(row: Row, model: str, url: str) -> Row:
    if row.problem or row.card == model:
        return row
    return replace(row, problem=f"{url} makes pictures with {model or 'its own card'}, not with {row.card}.")
