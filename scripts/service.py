"""The parts of a whole service on one machine, each kept alive until the end."""

from __future__ import annotations

import logging
import os
import subprocess
import threading
import time
from types import TracebackType
from typing import Protocol, Self

from api.settings import Settings
from inference.children import end, spawn
from inference.redis_server import RedisServer
from inference.supervisor import Supervisor
from models.files.checking import problem_at_a_glance
from scripts.options import FITTING_ROOM, card_of

STOPPED_WITHIN_S = 15.0
PAUSE_S = 1.0

logger = logging.getLogger(__name__)


class ServiceError(RuntimeError):
    """A part that cannot be kept alive; the message says what to do."""


class Part(Protocol):
    """Something that runs, and is looked at now and then."""

    def keep(self) -> None:
        """Start it again if it ended.

        Raises:
            ServiceError: it never came up.
        """


class OwnRedis:
    """The Redis of the data folder. Started again, it has everything from its append-only file."""

    def __init__(self, settings: Settings) -> None:
        self._folder = settings.data
        self._server = RedisServer(self._folder)

    def keep(self) -> None:
        if self._server.process.poll() is not None:
            logger.warning("Redis ended with %s; it is started again", self._server.process.returncode)
            self._server.stop()
            self._server = RedisServer(self._folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.stop()


def fetch_weights(settings: Settings) -> None:
    """Bring the card's weights to this machine if they are not here, in a process that shows how far it is.

    Raises:
        models.catalog.CardError: there is no such card, or its licence is not accepted.
        ServiceError: they could not be had; that process has said why.
    """
    card = card_of(settings)
    if not any(problem_at_a_glance(one, file) for one in (card, *card.helpers) for file in one.files):
        return
    licences = [part for name in settings.accepted_licences for part in ("--accept-licence", name)]
    fetching = subprocess.run(  # noqa: S603
        [*FITTING_ROOM, "fetch", settings.card, *licences],
        env=os.environ | {"FITTING_ROOM_WEIGHTS": str(settings.weights)},
        stdout=subprocess.DEVNULL,  # a line for programs; the progress goes to stderr
        check=False,
    )
    if fetching.returncode:
        raise ServiceError(f"The weights of {card.name} are not here. Run scripts/serve again, or another --card.")


class Api:
    """The API process."""

    def __init__(self, settings: Settings) -> None:
        self._argv = [*FITTING_ROOM, "api", "--host", settings.host]
        self._argv += ["--port", str(settings.port), "--data", str(settings.data), "--card", settings.card]
        self.log = settings.data / "logs" / "api.log"
        self.has_been_ready = False  # filled by whoever asks it
        self._process = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return spawn(self._argv, log)

    def keep(self) -> None:
        if self._process.poll() is None:
            return
        if not self.has_been_ready:
            last_line = self.log.read_text(errors="replace").strip().rpartition("\n")[2]
            raise ServiceError(f"The API did not start: {last_line or f'{self.log} may say why.'}")
        logger.warning("the API ended with %s; it is started again", self._process.returncode)
        time.sleep(PAUSE_S)
        self._process = self._start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        end(self._process, STOPPED_WITHIN_S)


class Workers:
    """The supervisor in a thread of its own, which lives as long as the workers that it starts."""

    def __init__(self, supervisor: Supervisor, hurry: threading.Event) -> None:
        self._supervisor = supervisor
        self._stop, self._hurry = threading.Event(), hurry
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name="supervisor")
        self._thread.start()

    def _run(self) -> None:
        try:
            self._supervisor.run(self._stop, self._hurry)
        except Exception as error:
            self._error = error

    def keep(self) -> None:
        if not self._thread.is_alive():
            raise ServiceError(str(self._error or "The workers' supervisor ended."))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        self._thread.join()
