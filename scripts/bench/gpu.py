"""The suite for a machine with a GPU: every family at full size with random weights, ten minutes a call at most.

What is done is on the disk after each part, so that a second call goes on, also after a kill.
"""

from __future__ import annotations

import json
import signal
import sys
import time
from pathlib import Path
from typing import Annotated, Any

import typer

from scripts.bench.engine import Size
from scripts.bench.gpu_bars import bars_of, tables_of
from scripts.bench.gpu_suite import CARDS, LEFT, MEASURED, Suite, result_in, walk
from scripts.bench.machine import Machine, this_machine
from scripts.bench.report import FOLDER, Report, check_writable, progress, publish, write
from scripts.devices import check_there, parse_devices

NOTE = "Random weights in the published layout and size: times and memory are those of the published ones."
LEFT_NOTE = "{} part(s) are left: the same command again measures them."


def run(
    device: Annotated[str, typer.Option(help="cuda:0; or cpu, to try it out.")] = "cuda:0",
    size: Annotated[Size, typer.Option(help="Of the random weights; small to try it out.")] = Size.FULL,
    data: Annotated[Path, typer.Option(help="Folder for the weights and what is compiled; 27 GB in full size.")] = Path(
        "data"
    ),
    folder: Annotated[Path | None, typer.Option(help="For the results, instead of benchmarks/<the card>.")] = None,
    minutes: Annotated[float, typer.Option(min=0, help="Begin nothing later, and end by then.")] = 10,
    card: Annotated[list[str] | None, typer.Option(help="Only these cards; repeatable.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Denoising steps instead of the cards'.")] = None,
    again: Annotated[bool, typer.Option("--again", help="Measure what is done once more.")] = False,
) -> None:
    """Measure everything that a GPU is needed for; what is left is measured by the next call.

    The exit code is 1 when a part failed or was given up, 130 after Ctrl-C.
    """
    ends_at = time.monotonic() + 60 * minutes
    _check(device, card or [])
    machine = this_machine(device)
    target = folder or FOLDER / machine.slug
    check_writable(target / "suite.html")
    suite = Suite(device, size.value, data, target, tuple(card or CARDS), steps)
    asked = {"size": size.value, "steps": steps, "device": device, "machine": _deciding(machine)}
    states = {} if again else _before(target / "suite.json", asked)
    is_stopped = _measured(suite, states, asked, machine, ends_at)
    publish(_report(suite, states, asked, machine), target / "suite.html")
    if is_stopped or {states[part.name] for part in suite.parts} - {MEASURED, LEFT}:
        raise typer.Exit(130 if is_stopped else 1)


def _measured(suite: Suite, states: dict[str, str], asked: dict[str, Any], machine: Machine, ends_at: float) -> bool:
    """Fills `states`, which are on the disk at each moment; whether it was stopped by a signal."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    parts, page = suite.parts, suite.folder / "suite.html"
    try:
        with progress() as shown:
            task = shown.add_task("suite", total=len(parts))
            for part in walk(parts, states, suite.folder, ends_at):
                shown.update(task, description=part.name, completed=parts.index(part))
                write(_report(suite, states, asked, machine), page)
            shown.update(task, description="suite", completed=len(parts))
    except KeyboardInterrupt:
        states.update({name: "stopped" for name, state in states.items() if state == "running"})
        states.update({part.name: LEFT for part in parts if part.name not in states})
        return True
    return False


def _check(device: str, cards: list[str]) -> None:
    """That there is such a device, and that the cards have random weights."""
    from models.catalog import CardError, read_card
    from scripts.checkpoints.random_weights import layout_of

    (name, *others) = parse_devices(device)
    if others:
        raise typer.BadParameter(f"--device takes one device here, such as {name}, not {device!r}.")
    check_there(name)
    try:
        for card in cards:
            layout_of(read_card(card))
    except CardError as error:
        raise typer.BadParameter(str(error)) from error


def _deciding(machine: Machine) -> dict[str, Any]:
    """Where these differ, what was measured before is another's."""
    return {"gpus": list(machine.gpus), "packages": dict(machine.packages), "commit": machine.commit}


def _before(path: Path, asked: dict[str, Any]) -> dict[str, str]:
    """What an earlier call of the same kind has measured."""
    try:
        told = json.loads(path.read_text())
        return dict(told["parts"]) if told["asked"] == json.loads(json.dumps(asked)) else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _report(suite: Suite, states: dict[str, str], asked: dict[str, Any], machine: Machine) -> Report:
    paths = {name: result_in(suite.folder, name) for name, state in states.items() if state != LEFT}
    results = {name: json.loads(path.read_text()) for name, path in paths.items() if path.is_file()}
    num_left = sum(states.get(part.name) == LEFT for part in suite.parts)
    verdicts = {bar.what: bar.verdict(results)[1] for bar in bars_of(suite.cards)}
    return Report(
        name="suite",
        title=f"Suite: {machine.gpus[0] if machine.gpus else machine.cpu}",
        command=f"scripts/bench_gpu {' '.join(sys.argv[1:])}".strip(),
        machine=machine,
        figures={"asked": asked, "parts": states, "bars": verdicts, "results": results},
        tables=tables_of(suite.cards, states, results),
        notes=(NOTE, LEFT_NOTE.format(num_left)) if num_left else (NOTE,),
    )


if __name__ == "__main__":
    typer.run(run)
