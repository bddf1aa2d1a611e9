from __future__ import annotations

import asyncio
import contextlib
import itertools
import os
import random
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from rq import Worker as RqWorker
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry

from inference.jobs import Status
from inference.supervisor import FIRST_PAUSE_S, Supervisor, SupervisorError

if TYPE_CHECKING:
    import redis

SHOP = "shop.example"
LEASE_S = 40.0  # longer than anything here takes, however busy the machine
SLOW = [pytest.mark.slow, pytest.mark.timeout(300)]
Workshop = Any  # of conftest.py
Supervise = Callable[..., subprocess.Popen[bytes]]  # of conftest.py


def busy_pids(client: redis.Redis) -> list[int]:
    """Workers in mid-batch, as RQ tells them."""
    return [worker.pid for worker in RqWorker.all(client) if worker.get_state() == "busy" and worker.pid]


async def until_busy(client: redis.Redis, num_workers: int = 1) -> list[int]:
    give_up_at = time.monotonic() + 15
    while len(pids := busy_pids(client)) < num_workers:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.005)
    return pids


def assert_all_done_once(workshop: Workshop, client: redis.Redis, jobs: list[str], queues: tuple[str, ...]) -> None:
    """Every job has ended once, in RQ's records and ours, and nothing is left over."""
    finished = [job for queue in queues for job in FinishedJobRegistry(queue, connection=client).get_job_ids()]
    assert sorted(finished) == sorted(jobs)
    for queue in queues:
        assert FailedJobRegistry(queue, connection=client).get_job_ids() == []
        assert StartedJobRegistry(queue, connection=client).get_job_count(cleanup=False) == 0
        assert client.llen(f"rq:queue:{queue}") == 0
    assert client.keys("rq:execution:*") == []
    assert all(len(Job.fetch(job, connection=client).results()) == 1 for job in jobs)
    assert all(workshop.blobs.exists(f"results/{SHOP}/{job}.png") for job in jobs)
    assert workshop.taken() == (len(jobs), len(jobs))


def recoveries_s(workshop: Workshop, kills: list[tuple[int, float]]) -> list[float]:
    """For each job that a kill interrupted, the seconds until it ran again."""
    runs = workshop.runs()
    waits = []
    for pid, killed_at in kills:
        ended = {seed for run in runs if run.pid == pid and run.what == "end" for seed in run.seeds}
        begun = {seed for run in runs if run.pid == pid and run.what == "begin" for seed in run.seeds}
        for seed in begun - ended:
            again = [run.at for run in runs if run.what == "begin" and seed in run.seeds and run.at > killed_at]
            waits.append(min(again) - killed_at)
    return waits


async def kill_at_random(
    client: redis.Redis, num_kills: int, every_s: float, choose: random.Random
) -> list[tuple[int, float]]:
    """kill -9 a random worker in mid-batch, again and again; which, and when. No job is struck three times."""
    kills = []
    for _ in range(num_kills):
        await asyncio.sleep(every_s)
        while has_a_job_at_its_last_try(client):
            await asyncio.sleep(0.01)
        pid = choose.choice(await until_busy(client))
        kills.append((pid, time.time()))
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    return kills


def has_a_job_at_its_last_try(client: redis.Redis) -> bool:
    told = [client.hmget(key, "status", "retries_left") for key in client.keys("rq:job:*")]
    return any(left == b"0" and status != b"finished" for status, left in told)


@pytest.mark.parametrize(
    ("num_jobs", "num_kills", "queues"),
    [
        pytest.param(60, 3, ("paperdoll",), id="bounded"),
        pytest.param(40, 3, ("paperdoll", "other"), id="two queues, bounded"),
        pytest.param(200, 10, ("paperdoll",), id="full", marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
        pytest.param(
            200, 10, ("paperdoll", "other"), id="two queues", marks=[pytest.mark.slow, pytest.mark.timeout(300)]
        ),
    ],
)
async def test_kill_9_loses_nothing_and_repeats_nothing(
    workshop: Workshop,
    client: redis.Redis,
    supervise: Supervise,
    num_jobs: int,
    num_kills: int,
    queues: tuple[str, ...],
) -> None:
    jobs = [await workshop.submit(card=queues[i % len(queues)]) for i in range(num_jobs)]
    supervise(2, ",".join(queues), num_steps=10, step_s=0.04, lease_s=LEASE_S)
    kills = await kill_at_random(client, num_kills, 0.7, random.Random(7))
    states = await workshop.until_final(*jobs, within_s=120)
    assert Counter(state.status for state in states) == {Status.COMPLETED: num_jobs}
    assert_all_done_once(workshop, client, jobs, queues)
    waits = sorted(recoveries_s(workshop, kills))
    assert waits, "no kill met a batch"
    p95 = waits[int(0.95 * (len(waits) - 1))]
    print(f"{num_kills} kills, {len(waits)} jobs ran again: p50 {statistics.median(waits):.3f} s, p95 {p95:.3f} s")  # noqa: T201
    assert waits[-1] < LEASE_S / 2, "a lease ran out: the supervisor took nothing back"


async def test_when_the_supervisor_dies_too_the_jobs_run_again_within_two_leases(
    workshop: Workshop, client: redis.Redis, supervise: Supervise, tmp_path: Path
) -> None:
    lease_s = 2.0
    jobs = [await workshop.submit() for _ in range(4)]
    supervisor = supervise(1, num_steps=100, step_s=0.1, lease_s=lease_s)
    (pid,) = await until_busy(client)
    workshop.start(lease_s=lease_s)  # as on another machine
    while await workshop.queue.ready_workers() < 2:
        await asyncio.sleep(0.05)
    supervisor.kill()
    subprocess.run(["kill", "-9", str(pid)], check=False)
    killed_at = time.time()
    states = await workshop.until_final(*jobs)
    assert {state.status for state in states} == {Status.COMPLETED}
    assert max(recoveries_s(workshop, [(pid, killed_at)])) < 2 * lease_s
    assert_all_done_once(workshop, client, jobs, ("paperdoll",))


async def test_two_boxes_share_one_redis_and_one_store_and_one_that_dies_whole_loses_nothing(
    workshop: Workshop, client: redis.Redis, supervise: Supervise
) -> None:
    boxes = [supervise(2, folder=folder, num_steps=10, step_s=0.05, lease_s=1.0) for folder in ("one", "other")]
    while await workshop.queue.ready_workers() < 4:
        await asyncio.sleep(0.05)
    pids = [{worker.pid for worker in psutil.Process(box.pid).children()} for box in boxes]
    jobs = [await workshop.submit() for _ in range(40)]
    while not all({run.pid for run in workshop.runs()} & of_box for of_box in pids):  # each has begun some
        await asyncio.sleep(0.01)
    for pid in (boxes[0].pid, *pids[0]):  # as when its power fails
        os.kill(pid, signal.SIGKILL)
    states = await workshop.until_final(*jobs, within_s=60)
    assert {state.status for state in states} == {Status.COMPLETED}
    assert_all_done_once(workshop, client, jobs, ("paperdoll",))


async def test_no_worker_outlives_its_supervisor(workshop: Workshop, client: redis.Redis, supervise: Supervise) -> None:
    jobs = [await workshop.submit() for _ in range(8)]
    supervisor = supervise(1, num_steps=10, step_s=0.05)
    (pid,) = await until_busy(client)
    supervisor.kill()
    give_up_at = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists():  # it ends its batch, and then itself
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.05)
    states = [(await workshop.find(job)).status for job in jobs]
    assert states == [Status.COMPLETED] * 4 + [Status.PENDING] * 4


async def test_sigterm_drains_the_workers_and_leaves_the_rest_waiting(
    workshop: Workshop, client: redis.Redis, supervise: Supervise
) -> None:
    jobs = [await workshop.submit() for _ in range(8)]
    supervisor = supervise(1, num_steps=10, step_s=0.05)
    await until_busy(client)
    supervisor.terminate()
    assert supervisor.wait(15) == 0
    states = [(await workshop.find(job)).status for job in jobs]
    assert states == [Status.COMPLETED] * 4 + [Status.PENDING] * 4
    assert RqWorker.count(client) == 0


async def test_a_second_ctrl_c_waits_for_no_batch_and_loses_nothing(
    workshop: Workshop, client: redis.Redis, supervise: Supervise, tmp_path: Path
) -> None:
    jobs, said = [await workshop.submit() for _ in range(6)], tmp_path / "supervisor.log"
    for _ in range(3):  # as often as a job may be struck
        supervisor = supervise(1, num_steps=600, step_s=0.1)
        await until_busy(client)
        supervisor.send_signal(signal.SIGINT)
        give_up_at = time.monotonic() + 15
        while "another Ctrl-C" not in said.read_text():
            assert time.monotonic() < give_up_at
            await asyncio.sleep(0.02)
        assert supervisor.poll() is None, "it ends the batch first"
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(20) == 0
        assert [(await workshop.find(job)).status for job in jobs] == [Status.PENDING] * 6
        said.unlink()
    supervise(1)
    assert {state.status for state in await workshop.until_final(*jobs)} == {Status.COMPLETED}
    assert_all_done_once(workshop, client, jobs, ("paperdoll",))


async def test_a_dead_worker_leaves_no_registration(
    workshop: Workshop, client: redis.Redis, supervise: Supervise
) -> None:
    supervise(1)
    await workshop.submit()
    (worker,) = await until_registered(client)
    subprocess.run(["kill", "-9", str(worker.pid)], check=True)
    give_up_at = time.monotonic() + 10
    while worker.name in {each.name for each in RqWorker.all(client)}:
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)
    (successor,) = await until_registered(client)
    assert successor.name != worker.name


async def until_registered(client: redis.Redis) -> list[RqWorker]:
    give_up_at = time.monotonic() + 10
    while not (workers := RqWorker.all(client)):
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)
    return workers


async def test_a_worker_that_never_gets_ready_is_started_again_ever_more_slowly(
    client: redis.Redis, tmp_path: Path
) -> None:
    starts = tmp_path / "starts"
    program = f"import time; open({str(starts)!r}, 'a').write(f'{{time.time()}}\\n'); raise SystemExit(1)"
    stop = threading.Event()
    supervisor = Supervisor(client, tmp_path / "data", [[sys.executable, "-c", program]], ["paperdoll"])
    running = asyncio.ensure_future(asyncio.to_thread(supervisor.run, stop))
    while not starts.exists() or len(starts.read_text().splitlines()) < 4:
        await asyncio.sleep(0.05)
    stop.set()
    await running
    at = [float(line) for line in starts.read_text().splitlines()]
    pauses = [later - earlier for earlier, later in itertools.pairwise(at)]
    assert [pause >= 2**n * FIRST_PAUSE_S for n, pause in enumerate(pauses, start=1)] == [True] * len(pauses)


async def test_a_worker_that_says_what_to_mend_is_not_started_again(client: redis.Redis, tmp_path: Path) -> None:
    program = "import sys; print('a line\\nfitting-room: There is no such device.', file=sys.stderr); sys.exit(2)"
    supervisor = Supervisor(client, tmp_path / "data", [[sys.executable, "-c", program]], ["paperdoll"])
    with pytest.raises(SupervisorError, match=r"^A worker cannot start: There is no such device\.$"):
        await asyncio.wait_for(asyncio.to_thread(supervisor.run, threading.Event()), 20)


async def test_a_worker_that_has_been_ready_is_always_started_again(
    client: redis.Redis, empty_redis_url: str, tmp_path: Path
) -> None:
    program = f"""
import sys, time
from redis import Redis
with Redis.from_url({empty_redis_url!r}) as redis:
    if redis.incr("starts") == 1:
        redis.zadd("fitting-room:ready", {{sys.argv[-1]: time.time() + 60}})
sys.exit(2)
"""
    stop = threading.Event()
    supervisor = Supervisor(client, tmp_path / "data", [[sys.executable, "-c", program]], ["paperdoll"])
    running = asyncio.ensure_future(asyncio.to_thread(supervisor.run, stop))
    while int(client.get("starts") or 0) < 3:
        assert not running.done()
        await asyncio.sleep(0.05)
    stop.set()
    await running


async def test_two_supervisors_never_share_a_folder(
    client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = threading.Event()
    first = asyncio.ensure_future(asyncio.to_thread(Supervisor(client, tmp_path, [], []).run, stop))
    await asyncio.sleep(0.2)
    with pytest.raises(SupervisorError, match="already run"):
        await asyncio.to_thread(Supervisor(client, tmp_path, [], []).run, threading.Event())
    stop.set()
    await first


async def test_the_purge_runs_at_the_start_and_its_failure_is_no_failure_of_the_workers(
    client: redis.Redis, tmp_path: Path
) -> None:
    stop, called = threading.Event(), threading.Event()

    def purge() -> None:
        called.set()
        raise OSError("the store is away")

    running = asyncio.ensure_future(asyncio.to_thread(Supervisor(client, tmp_path, [], [], purge=purge).run, stop))
    assert await asyncio.to_thread(called.wait, 5)
    await asyncio.sleep(0.1)
    assert not running.done()
    stop.set()
    await running
