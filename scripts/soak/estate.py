"""The whole service on this machine, each part a process that can be killed, and started again as `serve` does."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import Popen
from types import TracebackType
from typing import Any, Self

import httpx
from redis import Redis

from api.settings import ENV_PREFIX, FILE_VARIABLE
from inference.blobs import BlobStore
from inference.children import end, spawn
from inference.redis_server import RedisServer
from models.catalog import name_of
from scripts.bench.live import tiny
from scripts.bench.live.box import PYTHON
from scripts.bench.live.stack import API_WITHIN_S, DRAIN_S, NO_LIMIT, free_port, toml
from scripts.service import ServiceError
from scripts.soak import box
from scripts.soak.marks import Marks
from scripts.soak.traps import VARIABLE, Traps

CARD = "paperdoll"  # whose name the queue has; its weights are not read
SHOPS = ("first.myshopify.com", "second.myshopify.com")
LOOK_EVERY_S = 0.05
READY_WITHIN_S = 60.0


class Estate:
    """Redis, API processes, and one box of workers, in `folder`; a context manager ends all.

    `settings` is a table of the settings file, over those that refuse nothing. `webhook_url`: of both shops.
    """

    def __init__(
        self,
        folder: Path,
        marks: Marks,
        *,
        num_apis: int,
        num_workers: int,
        picture_s: float,
        webhook_url: str | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.traps = Traps(self.folder)
        self.ports = [free_port() for _ in range(num_apis)]
        self.urls = [f"http://127.0.0.1:{port}" for port in self.ports]
        self.apis: dict[int, Popen[bytes]] = {}  # by port
        self.boxes: list[Popen[bytes]] = []  # the last one runs
        self.queue = name_of(CARD)
        self.metrics_token = marks.planted["metrics token"]
        self._argv = box.argv(picture_s, num_workers)
        self.num_workers = num_workers
        self._file = self.folder / "fitting-room.toml"
        self.logs = self.folder / "logs"
        self.logs.mkdir()
        with contextlib.ExitStack() as started:
            self.server = self._redis_server()
            started.callback(lambda: self.server.stop())
            self.redis = started.enter_context(Redis.from_url(self.server.url, socket_timeout=5))
            self._file.write_text(toml(self._table(webhook_url) | dict(settings or {})))
            self._environment = self._made_environment(marks)
            started.callback(self._end_processes)
            for port in self.ports:
                self.start_api(port)
            self.start_box()
            self._ends = started.pop_all()

    @property
    def blobs(self) -> BlobStore:
        return BlobStore.open((self.folder / "blobs").as_uri())

    @property
    def box(self) -> Popen[bytes]:
        return self.boxes[-1]

    def start_redis(self) -> None:
        """After it died: it has everything from its append-only file."""
        self.server.stop()
        self.server = self._redis_server()

    def start_api(self, port: int) -> None:
        self.apis[port] = self._spawn([*PYTHON, "scripts.soak.api", "--port", str(port)], f"api-{port}.log")

    def start_box(self) -> None:
        """Another supervisor with workers, in a data folder of its own as long as the one before still runs."""
        is_alone = not self.boxes or self.box.poll() is not None
        folder = self.folder / ("box" if is_alone else f"box-{len(self.boxes)}")
        self.boxes.append(self._spawn([*self._argv, "--data", str(folder)], "box.log"))

    async def until_ready(self) -> None:
        """Until every API process tells that a worker is ready.

        Raises:
            ServiceError: one does not, in time.
        """
        for url in self.urls:
            await self.until_answers(url, "/health/ready")

    async def until_answers(self, url: str, path: str) -> None:
        """Until the API process at `url` answers `path` with success.

        Raises:
            ServiceError: it does not, in time.
        """
        give_up_at = time.monotonic() + READY_WITHIN_S
        async with httpx.AsyncClient(base_url=url, timeout=API_WITHIN_S, trust_env=False) as http:
            while time.monotonic() < give_up_at:
                with contextlib.suppress(httpx.HTTPError):
                    if (await http.get(path)).is_success:
                        return
                await asyncio.sleep(LOOK_EVERY_S)
        raise ServiceError(f"{url}{path} did not succeed within {READY_WITHIN_S:g} s. {self.last_lines()}")

    async def until(self, is_true: Callable[[], bool], within_s: float) -> bool:
        """Whether it became true in time."""
        give_up_at = time.monotonic() + within_s
        while not is_true():
            if time.monotonic() > give_up_at:
                return False
            await asyncio.sleep(LOOK_EVERY_S)
        return True

    def all_logs(self) -> list[Path]:
        """What every part has written for people to read."""
        return [log for log in self.folder.rglob("*.log") if log.name not in ("runs.log", "deaths.log")]

    def last_lines(self) -> str:
        last = {log.name: log.read_text(errors="replace").strip().rpartition("\n")[2] for log in self.all_logs()}
        return " ".join(f"{name}: {line}" for name, line in last.items() if line)

    def _redis_server(self) -> RedisServer:
        server = RedisServer(self.folder)
        self.traps.redis_pid.write_text(str(server.process.pid))
        return server

    def _spawn(self, argv: list[str], log: str) -> Popen[bytes]:
        with (self.logs / log).open("ab") as file:
            return spawn(argv, file, environment=self._environment)

    def _table(self, webhook_url: str | None) -> dict[str, Any]:
        webhook = {"webhook_url": webhook_url, "webhook_secret_env": "SOAK_WEBHOOK_SECRET"} if webhook_url else {}
        shop = {"monthly_quota": NO_LIMIT, "app_secret_envs": ["SOAK_APP_SECRET"]} | webhook
        return {
            "mode": "shopify",
            "public_url": self.urls[0],
            "data": str(self.folder),
            "redis_url": self.server.url,
            "storage_url": (self.folder / "blobs").as_uri(),
            "products": str(tiny.products(self.folder / "products")),
            "card": CARD,
            "weekly_limit": NO_LIMIT,
            "metrics_token": self.metrics_token,
            "upload_limit": NO_LIMIT,
            "max_queue_length": NO_LIMIT,
            "shops": [{"domain": domain, **shop} for domain in SHOPS],
        }

    def _made_environment(self, marks: Marks) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith((ENV_PREFIX, "REDIS_URL"))}
        return kept | {
            FILE_VARIABLE: str(self._file),
            VARIABLE: str(self.folder),
            "SOAK_APP_SECRET": marks.planted["app secret"],
            "SOAK_WEBHOOK_SECRET": f"whsec_{base64.b64encode(marks.planted['webhook secret'].encode() * 2).decode()}",
        }

    def _end_processes(self) -> None:
        for process in self.boxes:
            end(process, DRAIN_S)
        for process in self.apis.values():
            end(process, DRAIN_S)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ends.close()
