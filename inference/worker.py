"""The worker: RQ's, but it moves jobs instead of popping them, runs them in batches, and holds them by leases.

RQ's own success and failure handlers end a job in a transaction that cannot ask whether the job is still this
worker's; here that question and the ending are one script, which leaves the same records that RQ would.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Sequence
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from rq import Queue, SimpleWorker
from rq.command import parse_payload
from rq.exceptions import StopRequested
from rq.job import Job as RqJob
from rq.utils import now
from rq.worker import WorkerStatus
from rq.worker_registration import clean_worker_registry, register

from inference.batching import DeviceLostError, Generator
from inference.leases import Leases
from inference.line import Line
from inference.outlet import Job
from inference.patience import Patience, patiently
from inference.process_figures import process_figures
from inference.pulse import Pulse
from inference.reading import Blobs
from inference.stages import Stages

LEASE_S = 15.0
REGISTERED_S = 16  # RQ adds a minute; its socket timeout follows from it
LEAVES_WITHIN_S = 30.0  # patience with Redis of a worker that is to go: its supervisor waits a minute
GOODBYE_S = 5.0  # the same, for each of its last words
LOOK_EVERY_S = 0.2  # whether to stop

logger = logging.getLogger(__name__)


def connect(redis_url: str, timeout_s: float = LEASE_S / 3) -> Redis:
    """A client that repeats nothing by itself: a repeated claim would claim twice."""
    return Redis.from_url(redis_url, retry=Retry(NoBackoff(), 0), socket_timeout=timeout_s)


def run_worker(
    redis_url: str,
    name: str,
    queues: Sequence[str],
    generator: Generator,
    blobs: Blobs,
    *,
    lease_s: float = LEASE_S,
) -> None:
    """Serve `queues` (names of cards) until SIGTERM or SIGINT, which lets the running batch end first.

    `name` must be new; `generator` has its model loaded, for the worker counts as ready from here on.

    Raises:
        DeviceLostError: the device needs a new process; what ran here is left for the others.
    """
    worker = patiently(lambda: BatchWorker(list(queues), name, redis_url, generator, blobs, lease_s))
    worker.work(logging_level="WARNING")
    if worker.lost_device is not None:
        raise worker.lost_device


class BatchWorker(SimpleWorker):
    """An RQ worker over one or more queues; `rq info`, `rq suspend` and RQ's commands work on it."""

    def __init__(
        self,
        queues: list[str],
        name: str,
        redis_url: str,
        generator: Generator,
        blobs: Blobs,
        lease_s: float,
    ) -> None:
        super().__init__(queues, name=name, connection=connect(redis_url), worker_ttl=REGISTERED_S)
        self.lost_device: DeviceLostError | None = None
        generator.stats.watch(process_figures())
        self._patiently = Patience()
        self._leases = Leases(connect(redis_url, lease_s / 3), lease_s)
        self._pulse = Pulse(
            self._leases,
            self.name,
            self.queue_names(),
            ttl_s=REGISTERED_S + 60,
            on_forgotten=self._register_again,
            on_erased=generator.forget,
            stats=generator.stats,
        )
        self._stages = Stages.of(
            self.name,
            generator,
            blobs,
            Line(self._leases, self.connection, self.name, self.queues, self._pulse.held),
            self._leases,
            self._pulse,
            self._patiently,
            on_device_lost=self._lose_device,
            is_stopping=lambda: self._stop_requested,
        )
        self._batch: Sequence[Job] = ()

    def _set_ip_address(self, connection: Redis) -> None:
        """RQ's, for a server on a socket too: redis-py can't read the address of one whose path has a space."""
        self.ip_address = "unknown"
        with contextlib.suppress(ValueError):
            super()._set_ip_address(connection)

    def bootstrap(self, *args: Any, **kwargs: Any) -> None:
        self._patiently(lambda: super(BatchWorker, self).bootstrap(*args, **kwargs))
        self._pulse.start()
        self._stages.intake.start()

    def heartbeat(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: the pulse renews the registration, also while the device is busy."""

    def check_for_suspension(self, burst: bool) -> None:
        intake = self._stages.intake
        if not (intake.has_batch or intake.is_claiming):  # what is claimed is made
            self._patiently(lambda: super(BatchWorker, self).check_for_suspension(burst))

    def run_maintenance_tasks(self) -> None:
        """RQ's, without its clean-up of started jobs, which knows nothing of refunds: the pulse sweeps those."""
        self._patiently(self._clean_up)
        self.last_cleaned_at = now()  # type: ignore[assignment]

    def _clean_up(self) -> None:
        for queue in self.queues:
            clean_worker_registry(queue)
        self._leases.tidy(self.queue_names())

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[RqJob, Queue] | None:
        """Wait for a batch that is ready; RQ is handed its first job. None when there is none and RQ should end."""
        idle_since = time.monotonic()
        is_idle = not self._stages.intake.has_batch
        if is_idle:
            self._patiently(lambda: self.set_state(WorkerStatus.IDLE))
        while self.lost_device is None and (self._stages.intake.owes or not self._stop_requested):
            self._batch = self._stages.intake.take(LOOK_EVERY_S)
            if self._batch:
                first = self._batch[0].claim
                if is_idle:
                    self._state = WorkerStatus.BUSY  # the claim has written it; Redis may be away by now
                return RqJob(first.generation_id, connection=self.connection), Queue(first.queue, self.connection)
            if timeout is None or (max_idle_time is not None and time.monotonic() - idle_since > max_idle_time):
                return None
        raise StopRequested

    def execute_job(self, job: RqJob, queue: Queue) -> None:
        """Run the batch that is ready, of which `job` is the first."""
        try:
            self._stages.runner.run(self._batch)
        except DeviceLostError as error:
            self._lose_device(error)
        self._batch = ()
        if self.lost_device is not None:
            raise StopRequested from self.lost_device

    def handle_payload(self, message: dict[str, Any]) -> None:
        """RQ's commands; one to stop a job reaches any member of the batch."""
        payload = parse_payload(message)
        if payload["command"] in ("stop-job", "stop-execution"):
            self._pulse.cancel(payload["job_id"])
        else:
            super().handle_payload(message)  # type: ignore[no-untyped-call]

    def teardown(self) -> None:
        with contextlib.suppress(RedisError):  # then the leases run out
            self._stages.intake.join()
            self._stages.outlet.drain()
        self._stages.outlet.stop()
        self._pulse.stop()
        price = 0 if self.lost_device is None else 1
        with contextlib.suppress(RedisError):
            patiently(lambda: self._leases.reclaim(self.name, price=price), GOODBYE_S)
            patiently(lambda: self._leases.bury(self.name, self.queue_names()), GOODBYE_S)
        self.unsubscribe()  # type: ignore[no-untyped-call]

    def _shutdown(self) -> None:
        self._stop_requested = True  # seen at once when idle, else after the batch
        self._patiently.end_within(LEAVES_WITHIN_S)
        self._stages.intake.stop()

    def _lose_device(self, error: DeviceLostError) -> None:
        self.lost_device = self.lost_device or error
        self._shutdown()

    def _register_again(self) -> None:
        with self.connection.pipeline() as pipeline:
            pipeline.hset(self.key, mapping=self.serialize())
            register(self, pipeline)
            pipeline.execute()
