"""`fitting-room bench start`: how long a worker that was there before takes until it is ready again."""

from __future__ import annotations

import shlex
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer
from redis import Redis

from api.settings import Settings
from inference.children import end, spawn
from inference.queue import count_ready_workers
from inference.redis_server import RedisServer
from models.catalog import name_of
from scripts.devices import check_there, parse_devices
from scripts.options import FITTING_ROOM, AcceptLicence, Card, Device, card_of, settings_with
from scripts.service import ServiceError

READY_WITHIN_S = 1200.0
LOOK_EVERY_S = 0.005
END_WITHIN_S = 60.0

Rounds = Annotated[int, typer.Option(min=1, help="Starts of each kind, by turns.")]
RandomWeights = Annotated[
    Path | None, typer.Option(file_okay=False, help="Use random weights of full size, written below this folder once.")
]
Page = Annotated[Path | None, typer.Option(dir_okay=False, help="Where the page goes, instead of benchmarks/.")]


def run(
    card: Card = None,
    accept_licence: AcceptLicence = None,
    device: Device = None,
    rounds: Rounds = 7,
    random_weights: RandomWeights = None,
    page: Page = None,
) -> None:
    """Time second starts against reading the weights, each in a new process. The last line is one JSON object."""
    from scripts.bench.machine import this_machine
    from scripts.bench.report import Report, Table, check_writable, progress, publish
    from scripts.bench.spread import ratio_of, spread_of

    settings = settings_with(device=device, card=card, accepted_licences=accept_licence)
    name = parse_devices(device)[0]
    check_there(name)
    check_writable(page)
    if random_weights is None:
        card_of(settings)  # which says in a sentence what a worker's log would
    chosen = settings.card if random_weights is None else _random(settings, random_weights)
    accepting = [part for one in settings.accepted_licences for part in ("--accept-licence", one)]
    with tempfile.TemporaryDirectory() as folder, RedisServer(Path(folder)) as server, progress() as bar:
        starts = Starts(Path(folder), server.url, chosen, name, [*accepting, "--data", folder])
        task = bar.add_task("starts", total=rounds + 1)
        first_s = starts.seconds()
        bar.advance(task)
        reading, second = [], []
        for _ in range(rounds):
            reading.append(starts.reading_seconds())
            second.append(starts.seconds())
            bar.advance(task)
    figures = {
        "first_start_s": first_s,
        "reading_s": spread_of(reading),
        "second_start_s": spread_of(second),
        "ratio": ratio_of(second, reading),
    }
    report = Report(
        name=f"start-{name_of(chosen)}",
        title=f"Second start: {name_of(chosen)}",
        command=f"fitting-room {shlex.join(sys.argv[1:])}",
        machine=this_machine(name),
        figures=figures,
        tables=[Table("Seconds until ready", ("what", "seconds"), list(figures.items()))],
    )
    publish(report, page)


class Starts:
    """Workers of one card that share a data folder, hence what is kept there for the next start."""

    def __init__(self, folder: Path, redis_url: str, card: str, device: str, options: list[str]) -> None:
        self._folder, self._url, self._card, self._device = folder, redis_url, card, device
        self._options, self._num = options, 0
        self._redis = Redis.from_url(redis_url)

    def seconds(self) -> float:
        """Until a new worker is ready for jobs; it is ended then, untimed."""
        self._num += 1
        name = f"start-{self._num}"
        argv = ["env", f"FITTING_ROOM_REDIS_URL={self._url}", *FITTING_ROOM, "worker", "--card", self._card]
        argv += ["--device", self._device, "--name", name, *self._options]
        log = self._folder / f"{name}.log"
        with log.open("wb") as stream:
            started_at = time.perf_counter()
            process = spawn(argv, stream)
        try:
            self._wait(process, log)
            return time.perf_counter() - started_at
        finally:
            end(process, END_WITHIN_S)

    def reading_seconds(self) -> float:
        """Until the weights are read, in a process of its own."""
        argv = [sys.executable, "-P", "-m", "scripts.bench.reading", self._card, self._device]
        started_at = time.perf_counter()
        subprocess.run(argv, check=True)  # noqa: S603
        return time.perf_counter() - started_at

    def _wait(self, process: subprocess.Popen[bytes], log: Path) -> None:
        give_up_at = time.monotonic() + READY_WITHIN_S
        while not count_ready_workers(self._redis):
            if process.poll() is not None or time.monotonic() > give_up_at:
                raise ServiceError(f"The worker was not ready; it said: {log.read_text(errors='replace')[-500:]}")
            time.sleep(LOOK_EVERY_S)


def _random(settings: Settings, folder: Path) -> str:
    """A card of random weights of the settings' card, as a file."""
    from scripts.checkpoints.card_file import write_card
    from scripts.checkpoints.random_weights import with_random_weights

    card = with_random_weights(card_of(settings), "full", folder.resolve())
    path = folder.resolve() / f"{card.name}.toml"
    write_card(card, path)
    return str(path)
