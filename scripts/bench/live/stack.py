"""A live service on this machine, as `serve` runs it: its own Redis, the API process, and workers under supervisors."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from redis import Redis

from api.settings import ENV_PREFIX, FILE_VARIABLE, Settings
from inference.children import end, spawn
from inference.queue import count_ready_workers
from inference.redis_server import RedisServer
from models.catalog import name_of
from scripts.options import FITTING_ROOM
from scripts.service import ServiceError

SHOP = "bench.localhost"
API_WITHIN_S = 60.0
DRAIN_S = 90.0  # a supervisor gives its workers a minute
LOOK_EVERY_S = 0.05
NO_LIMIT = 10**9

UNLIMITED = {
    "mode": "open",
    "weekly_limit": NO_LIMIT,
    "max_queue_length": NO_LIMIT,
    "shops": [{"domain": SHOP, "monthly_quota": NO_LIMIT}],
}
"""Every check of the contract is made, and none refuses."""


class Box:
    """A supervisor and its workers: a machine, as far as the others can tell. `folder` is its data folder."""

    def __init__(self, folder: Path, process: subprocess.Popen[bytes], num_workers: int) -> None:
        self.folder = folder
        self.process = process
        self.num_workers = num_workers

    def stop(self) -> None:
        """Let the workers end their batches first."""
        end(self.process, DRAIN_S)


class Stack:
    """Redis and API in `folder` from the start, boxes of workers as they are added; a context manager ends all.

    `settings` is a table of the settings file, over `UNLIMITED`.
    """

    def __init__(self, folder: Path, settings: Mapping[str, Any]) -> None:
        self.folder = folder.resolve()
        self.boxes: list[Box] = []
        (self.folder / "logs").mkdir(parents=True, exist_ok=True)
        self._ends = contextlib.ExitStack()
        self._file = self.folder / "fitting-room.toml"
        with contextlib.ExitStack() as started:
            self.server = started.enter_context(RedisServer(self.folder))
            self.redis = started.enter_context(Redis.from_url(self.server.url))
            table = UNLIMITED | {
                "data": str(self.folder),
                "redis_url": self.server.url,
                "storage_url": (self.folder / "blobs").as_uri(),
                "port": free_port(),
            }
            table |= settings
            self._file.write_text(toml(table))
            self.url = f"http://127.0.0.1:{table['port']}"
            self.queue = name_of(str(table["card"]))
            self.storage_url = str(table["storage_url"])
            self._api = self._spawn([*FITTING_ROOM, "api"], "api.log")
            started.callback(end, self._api, DRAIN_S)
            self._wait_for_the_api()
            self._ends = started.pop_all()

    def add_box(self, argv: Sequence[str], num_workers: int) -> Box:
        """Start a box that runs `argv`, given its data folder with `--data`; it is not waited for."""
        folder = self.folder / f"box-{len(self.boxes)}"
        process = self._spawn([*argv, "--data", str(folder)], f"box-{len(self.boxes)}.log")
        box = Box(folder, process, num_workers)
        self.boxes.append(box)
        self._ends.callback(box.stop)
        return box

    def wait_for_workers(self, num_workers: int, within_s: float) -> float:
        """Until so many have their model loaded; the seconds that took.

        Raises:
            ServiceError: a box ended, or they are not ready in time.
        """
        started = time.monotonic()
        while count_ready_workers(self.redis) < num_workers:
            ended = next((box for box in self.boxes if box.process.poll() not in (None, 0)), None)
            if ended is not None or time.monotonic() > started + within_s:
                raise ServiceError(f"The workers did not get ready. {self._said()}")
            time.sleep(LOOK_EVERY_S)
        return time.monotonic() - started

    def _spawn(self, argv: Sequence[str], log: str) -> subprocess.Popen[bytes]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith((ENV_PREFIX, "REDIS_URL"))}
        with (self.folder / "logs" / log).open("ab") as file:
            return spawn(argv, file, environment=kept | {FILE_VARIABLE: str(self._file)})

    def _wait_for_the_api(self) -> None:
        give_up_at = time.monotonic() + API_WITHIN_S
        with httpx.Client(base_url=self.url, timeout=2, trust_env=False) as client:
            while time.monotonic() < give_up_at and self._api.poll() is None:
                with contextlib.suppress(httpx.HTTPError):
                    if client.get("/health/live").is_success:
                        return
                time.sleep(LOOK_EVERY_S)
        raise ServiceError(f"The API did not start. {self._said()}")

    def _said(self) -> str:
        """The last line of each log, while the folder is still there."""
        logs = sorted(self.folder.glob("logs/*.log")) + sorted(self.folder.glob("box-*/logs/*.log"))
        last = {log.name: log.read_text(errors="replace").strip().rpartition("\n")[2] for log in logs}
        return " ".join(f"{name}: {line}" for name, line in last.items() if line)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.close()


def settings_of(settings: Settings) -> dict[str, Any]:
    """What a stack takes over from the operator's settings: the model, and what each worker may keep."""
    return {
        "card": settings.card,
        "weights": str(settings.weights),
        "accepted_licences": list(settings.accepted_licences),
        **{name: getattr(settings, name) for name in type(settings).model_fields if name.startswith("reuse_")},
    }


def free_port() -> int:
    """That nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def toml(table: Mapping[str, Any]) -> str:
    """Strings, numbers and lists of a flat table, then its arrays of tables; JSON writes these values as TOML does."""
    arrays = {name: value for name, value in table.items() if name == "shops"}
    lines = [f"{name} = {json.dumps(value)}" for name, value in table.items() if name not in arrays]
    for name, rows in arrays.items():
        for row in rows:
            lines += ["", f"[[{name}]]", *(f"{field} = {json.dumps(value)}" for field, value in row.items())]
    return "\n".join(lines) + "\n"
