"""The workers' parent: starts them, sees one die, gives its jobs to the others at once, and starts another.

It loads no model, so it lives when they run out of memory. When it dies too, the leases run out and the jobs go on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from inference.children import spawn
from inference.leases import Leases
from inference.locks import AlreadyLockedError, lock_file
from inference.log_size import LogSizes
from inference.logs import about
from inference.webhooks import WebhookSender, WebhookTarget

LOOK_EVERY_S = 0.02
FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.1, 30.0
PROVEN_S = 60.0  # what has lived so long is no failure at the start
DRAIN_S = 60.0
PURGE_EVERY_S = 3600.0
CANNOT_START = 2  # how a worker ends after a sentence that says what to mend

logger = logging.getLogger(__name__)


class SupervisorError(RuntimeError):
    """The workers cannot be started; the message says what to do."""


@dataclass
class Seat:
    """A place for one worker, say a device: `argv` runs it, given `--name NAME` in addition."""

    argv: Sequence[str | Path]
    log: Path
    name: str = ""
    process: subprocess.Popen[bytes] | None = None  # filled by Supervisor._fill, as what follows
    started_at: float = 0.0
    pause_s: float = FIRST_PAUSE_S
    start_again_at: float = 0.0
    num_starts: int = 0
    cannot_start: bool = False  # filled by Supervisor._mourn


class Supervisor:
    """Runs one worker for each of `argvs` over `queues`; one supervisor a data folder (`folder`).

    `webhooks`: shop -> target. `purge` is called at the start and every hour, in a thread of its own.
    """

    def __init__(
        self,
        redis: Redis,
        folder: Path,
        argvs: Sequence[Sequence[str | Path]],
        queues: Sequence[str],
        *,
        webhooks: Mapping[str, WebhookTarget] | None = None,
        purge: Callable[[], object] | None = None,
    ) -> None:
        self.seats = [Seat(argv, folder / "logs" / f"worker-{index}.log") for index, argv in enumerate(argvs)]
        self._folder = folder
        self._logs = LogSizes(folder, folder / "logs")
        self._queues = queues
        self._purge = purge
        self._leases = Leases(redis, lease_s=0)
        self._sender = WebhookSender(redis, webhooks or {})
        self._dead: dict[str, Seat] = {}  # whose jobs are still to be taken back

    def run(self, stop: threading.Event, hurry: threading.Event | None = None) -> None:
        """Keep the workers alive until `stop` is set; then let them end their batches, and return.

        Once `hurry` is set, no batch is waited for: its jobs wait in the queue again, and it was no failure of theirs.

        Raises:
            SupervisorError: another supervisor uses the folder, or a worker can't start and says what to mend.
        """
        try:
            lock = lock_file(self._folder / "supervisor.lock", wait_s=5.0)
        except AlreadyLockedError:
            raise SupervisorError(
                f"Workers already run on {self._folder}: stop them, or choose another folder with --data."
            ) from None
        (self._folder / "logs").mkdir(exist_ok=True)
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, lock)
            stack.callback(self._sender.stop)
            stack.callback(self._drain, hurry or threading.Event())
            self._sender.start()
            if self._purge is not None:
                threading.Thread(target=_hourly, args=(self._purge, stop), name="purge", daemon=True).start()
            while not stop.wait(LOOK_EVERY_S):
                self._look()

    def _look(self) -> None:
        for seat in self.seats:
            if seat.process is not None and seat.process.poll() is not None:
                self._mourn(seat)
            if seat.process is None and time.monotonic() >= seat.start_again_at:
                self._fill(seat)
        self._reclaim(price=1)
        self._logs.look()

    def _fill(self, seat: Seat) -> None:
        seat.name = f"{socket.gethostname()}-{secrets.token_hex(4)}"
        seat.started_at = time.monotonic()
        seat.num_starts += 1
        with seat.log.open("ab") as log:
            seat.process = spawn([*seat.argv, "--name", seat.name], log)

    def _mourn(self, seat: Seat) -> None:
        assert seat.process is not None
        logger.warning("worker %s ended with %s; %s says why", seat.name, seat.process.returncode, seat.log)
        # Later the cause may be a Redis that is away for a while; at the first start it has just answered.
        seat.cannot_start = seat.process.returncode == CANNOT_START and seat.num_starts == 1
        seat.process = None
        proven = time.monotonic() - seat.started_at > PROVEN_S
        seat.pause_s = FIRST_PAUSE_S if proven else min(seat.pause_s * 2, LONGEST_PAUSE_S)
        seat.start_again_at = time.monotonic() + seat.pause_s
        self._dead[seat.name] = seat

    def _reclaim(self, price: int) -> None:
        for name, seat in list(self._dead.items()):
            try:
                reclaimed = self._leases.reclaim(name, price=price)
                was_ready = self._leases.bury(name, self._queues)
            except RedisError as error:
                logger.warning("Redis did not answer the supervisor: %s", error)
                return
            del self._dead[name]
            if was_ready:  # it can work: only one that never could is made to wait
                seat.pause_s, seat.start_again_at = FIRST_PAUSE_S, 0.0
            elif seat.cannot_start:
                raise SupervisorError(f"A worker cannot start: {_last_line(seat.log)}")
            if reclaimed:
                with about(*reclaimed):
                    logger.warning("%d generation(s) of worker %s wait again", len(reclaimed), name)

    def _drain(self, hurry: threading.Event) -> None:
        running = [seat.process for seat in self.seats if seat.process is not None]
        for process in running:
            process.send_signal(signal.SIGTERM)
        logger.info("the batches that run are ended first, within %d s; another Ctrl-C does not wait for them", DRAIN_S)
        give_up_at = time.monotonic() + DRAIN_S
        while any(process.poll() is None for process in running) and time.monotonic() < give_up_at:
            if hurry.wait(LOOK_EVERY_S):
                break
        for process in running:
            process.kill()  # nothing, to one that has ended
            process.wait()
        self._dead |= {seat.name: seat for seat in self.seats if seat.process is not None}
        self._reclaim(price=0 if hurry.is_set() else 1)


def _last_line(log: Path) -> str:
    line = log.read_text(errors="replace").strip().rpartition("\n")[2].removeprefix("fitting-room: ")
    return line or f"{log} may say why."


def _hourly(call: Callable[[], object], stop: threading.Event) -> None:
    while True:
        try:
            call()
        except Exception:
            logger.exception("the purge failed; it is tried again in an hour")
        if stop.wait(PURGE_EVERY_S):
            return
