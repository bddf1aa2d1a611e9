from __future__ import annotations

import asyncio
import itertools
import os
import signal
import time
from typing import TYPE_CHECKING, Any

import pytest
from rq import Queue as RqQueue
from rq import Worker as RqWorker
from rq.command import send_shutdown_command, send_stop_execution_command, send_stop_job_command
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry, FinishedJobRegistry, StartedJobRegistry
from rq.suspension import resume, suspend

from inference import pictures
from inference.jobs import ErrorCode, Generation, Status

if TYPE_CHECKING:
    from collections.abc import Callable

    import redis

SHOP = "shop.example"
Workshop = Any  # of conftest.py


async def test_a_job_becomes_the_picture_under_its_result_key(workshop: Workshop) -> None:
    generation_id = await workshop.submit()
    workshop.start()
    (done,) = await workshop.until_final(generation_id)
    assert (done.status, done.progress) == (Status.COMPLETED, 1.0)
    assert done.result_key == f"results/{SHOP}/{generation_id}.png"
    picture = pictures.decode(workshop.blobs.get(done.result_key))
    assert picture.shape == (6, 5, 3)
    assert picture[0, 0].tolist() == [1, 0, 0]
    assert workshop.taken() == (1, 1)


async def test_a_mask_reaches_the_model_and_its_warnings_come_back_with_the_picture(workshop: Workshop) -> None:
    masked, plain = await workshop.submit(mask="mask"), await workshop.submit()
    unreadable = await workshop.submit(mask="broken")
    workshop.start()
    states = await workshop.until_final(masked, plain, unreadable)
    assert [state.warnings for state in states] == [("The mask was yours.",), (), ()]
    assert states[2].error_code is ErrorCode.PHOTO_UNUSABLE
    assert "mask" in states[2].error_message


async def test_compatible_jobs_share_a_batch_and_others_wait_their_turn(workshop: Workshop) -> None:
    few = [await workshop.submit(steps=4) for _ in range(2)]
    other = await workshop.submit(steps=8)
    more = [await workshop.submit(steps=4) for _ in range(3)]
    workshop.start(max_jobs=4)
    await workshop.until_final(*few, other, *more)
    assert [run.seeds for run in workshop.runs() if run.what == "end"] == [(1, 2, 4, 5), (3,), (6,)]


async def test_jobs_that_come_together_to_an_idle_worker_run_together(workshop: Workshop) -> None:
    workshop.start()
    await until_ready(workshop)
    jobs = [await workshop.submit() for _ in range(4)]
    await workshop.until_final(*jobs)
    assert [run.seeds for run in workshop.runs() if run.what == "end"] == [(1, 2, 3, 4)]


async def test_progress_rises_and_is_written_at_most_every_200_ms(workshop: Workshop) -> None:
    generation_id = await workshop.submit()
    seen: list[tuple[float, Generation]] = []

    async def watch() -> None:
        async for state in workshop.queue.watch(generation_id, SHOP):
            seen.append((time.monotonic(), state))

    watching = asyncio.ensure_future(watch())
    workshop.start(num_steps=60, step_s=0.02)
    await asyncio.wait_for(watching, 20)
    statuses = [state.status for _, state in seen]
    assert statuses[0] is Status.PENDING
    assert statuses[-1] is Status.COMPLETED
    progress = [state.progress for _, state in seen]
    assert progress == sorted(progress)
    told = [at for at, state in seen if state.status is Status.PROCESSING and state.progress > 0]
    assert len(told) >= 4
    assert min(later - earlier for earlier, later in itertools.pairwise(told)) > 0.15


async def test_a_bad_photograph_fails_alone_at_once_and_is_refunded(workshop: Workshop) -> None:
    bad, good = await workshop.submit("unusable"), await workshop.submit()
    workshop.start(num_steps=20, step_s=0.05)
    failed = await workshop.until(bad, Status.FAILED)
    assert (failed.error_code, failed.error_message) == (ErrorCode.PHOTO_UNUSABLE, "Stand up straight.")
    assert (await workshop.find(good)).status is Status.PROCESSING
    assert (await workshop.until_final(good))[0].status is Status.COMPLETED
    assert workshop.taken() == (1, 1)


async def test_a_photograph_that_is_broken_or_gone_fails_alone_with_a_sentence(workshop: Workshop) -> None:
    broken, gone, good = (
        await workshop.submit(person="broken"),
        await workshop.submit(person="x"),
        await workshop.submit(),
    )
    workshop.start()
    states = await workshop.until_final(broken, gone, good)
    assert [state.error_code for state in states] == [ErrorCode.PHOTO_UNUSABLE, ErrorCode.PHOTO_UNUSABLE, None]
    assert "upload" in (states[0].error_message or "")
    assert workshop.taken() == (1, 1)


async def test_of_a_batch_that_raises_only_the_guilty_job_fails(workshop: Workshop) -> None:
    innocent = [await workshop.submit() for _ in range(2)]
    guilty = await workshop.submit("raises")
    workshop.start()
    states = await workshop.until_final(*innocent, guilty)
    assert [state.status for state in states] == [Status.COMPLETED, Status.COMPLETED, Status.FAILED]
    assert states[2].error_code is ErrorCode.INTERNAL
    assert "maths" not in (states[2].error_message or "")
    assert workshop.taken() == (2, 2)
    result = Job.fetch(guilty, connection=workshop.client).latest_result()
    assert result is not None
    assert "ArithmeticError: the maths failed" in str(result.exc_string)


async def test_cancelling_a_running_job_ends_it_between_two_steps_and_spares_its_mates(
    workshop: Workshop,
) -> None:
    cancelled, mate = await workshop.submit(), await workshop.submit()
    workshop.start(num_steps=30, step_s=0.1)
    await workshop.until(cancelled, Status.PROCESSING)
    asked_at = time.monotonic()
    await workshop.queue.cancel(cancelled, SHOP)
    (ended,) = await workshop.until_final(cancelled)
    assert time.monotonic() - asked_at < 0.5
    assert ended.error_code is ErrorCode.CANCELLED
    assert (await workshop.find(mate)).status is Status.PROCESSING
    assert (await workshop.until_final(mate))[0].status is Status.COMPLETED
    assert workshop.taken() == (1, 1)


async def test_a_cancellation_whose_message_was_missed_is_read_by_the_heartbeat(
    workshop: Workshop, client: redis.Redis
) -> None:
    generation_id = await workshop.submit()
    workshop.start(num_steps=100, step_s=0.1)
    await workshop.until(generation_id, Status.PROCESSING)
    client.hset(f"rq:job:{generation_id}", "cancel", "1")
    (ended,) = await workshop.until_final(generation_id, within_s=3)
    assert ended.error_code is ErrorCode.CANCELLED


async def test_a_cancelled_job_never_completes_even_when_its_picture_was_ready(
    workshop: Workshop, client: redis.Redis
) -> None:
    workshop.start(num_steps=1, step_s=0.3, lease_s=30)
    await until_ready(workshop)  # with its first heartbeat: the next is ten seconds away
    generation_id = await workshop.submit()
    await workshop.until(generation_id, Status.PROCESSING)
    client.hset(f"rq:job:{generation_id}", "cancel", "1")
    (ended,) = await workshop.until_final(generation_id)
    assert ended.error_code is ErrorCode.CANCELLED
    assert workshop.taken() == (0, 0)


async def test_a_batch_longer_than_its_lease_stays_its_worker_s(workshop: Workshop, client: redis.Redis) -> None:
    generation_id = await workshop.submit()
    for _ in range(2):
        workshop.start(num_steps=3, step_s=1.0, lease_s=0.6)
    (done,) = await workshop.until_final(generation_id)
    assert done.status is Status.COMPLETED
    assert [run.what for run in workshop.runs()] == ["begin", "end"]


async def test_a_claim_whose_answer_was_lost_is_made_again_at_no_cost(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit() for _ in range(6)]
    workshop.start(lost_claims=2, lease_s=30)
    states = await workshop.until_final(*jobs)
    assert {state.status for state in states} == {Status.COMPLETED}
    assert {Job.fetch(job, connection=client).retries_left for job in jobs} == {2}
    assert [run.seeds for run in workshop.runs() if run.what == "end"] == [(1, 2, 3, 4), (5, 6)]


def stop_job(client: redis.Redis, job_id: str) -> None:
    send_stop_job_command(client, job_id)


def stop_execution(client: redis.Redis, job_id: str) -> None:
    (execution,) = Job.fetch(job_id, connection=client).get_executions()
    send_stop_execution_command(client, job_id, execution.id)


@pytest.mark.parametrize("stop", [stop_job, stop_execution])
async def test_rq_s_stop_commands_reach_any_member_of_a_batch(
    workshop: Workshop, client: redis.Redis, stop: Callable[[redis.Redis, str], None]
) -> None:
    jobs = [await workshop.submit() for _ in range(3)]
    workshop.start(num_steps=40, step_s=0.05)
    await workshop.until(jobs[2], Status.PROCESSING)
    stop(client, jobs[2])
    (stopped,) = await workshop.until_final(jobs[2])
    assert stopped.error_code is ErrorCode.CANCELLED
    assert Job.fetch(jobs[2], connection=client).get_status() is JobStatus.STOPPED
    assert [state.status for state in await workshop.until_final(*jobs[:2])] == [Status.COMPLETED] * 2
    assert workshop.taken() == (2, 2)


async def test_rq_s_own_tools_see_the_truth(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit() for _ in range(2)]
    failing = await workshop.submit("raises", steps=9)
    name = workshop.start(num_steps=8, step_s=0.1, max_jobs=2)
    await workshop.until(jobs[1], Status.PROCESSING)

    queue = RqQueue("paperdoll", connection=client)
    started = StartedJobRegistry(queue=queue)
    (worker,) = RqWorker.all(queue=queue)
    assert (worker.name, worker.get_state()) == (name, "busy")
    assert sorted(started.get_job_ids()) == sorted(jobs)
    assert sorted(execution.job_id for execution in worker.get_current_executions()) == sorted(jobs)
    assert queue.job_ids == [failing]
    assert all(Job.fetch(job, connection=client).worker_name == name for job in jobs)

    await workshop.until_final(*jobs, failing)
    worker.refresh()
    assert started.get_job_ids() == queue.job_ids == []
    assert sorted(FinishedJobRegistry(queue=queue).get_job_ids()) == sorted(jobs)
    assert FailedJobRegistry(queue=queue).get_job_ids() == [failing]
    assert (worker.successful_job_count, worker.failed_job_count) == (2, 1)
    assert 1.0 < worker.total_working_time < 10.0
    job = Job.fetch(jobs[0], connection=client)
    assert job.return_value() == f"results/{SHOP}/{jobs[0]}.png"
    assert job.started_at is not None
    assert job.ended_at is not None
    assert job.started_at < job.ended_at
    assert job.get_executions() == []
    assert client.keys("rq:execution:*") == []


async def test_a_reader_of_rq_s_counts_never_takes_a_dead_worker_s_job(workshop: Workshop, client: redis.Redis) -> None:
    generation_id = await workshop.submit()
    workshop.start(num_steps=100, step_s=0.1, lease_s=0.3)
    await workshop.until(generation_id, Status.PROCESSING)
    workshop.workers[0].kill()
    await asyncio.sleep(0.5)
    queue = RqQueue("paperdoll", connection=client)
    assert [StartedJobRegistry(queue=queue).count for _ in range(3)] == [1, 1, 1]
    assert Job.fetch(generation_id, connection=client).retries_left == 2


async def test_what_another_rq_tool_cancels_is_cancelled_here_and_refunded(
    workshop: Workshop, client: redis.Redis
) -> None:
    generation_id = await workshop.submit()
    Job.fetch(generation_id, connection=client).cancel()
    found = await workshop.find(generation_id)
    assert (found.status, found.error_code) == (Status.FAILED, ErrorCode.CANCELLED)
    workshop.start()
    await until_ready(workshop)
    give_up_at = time.monotonic() + 5
    while workshop.taken() != (0, 0):
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def test_what_was_given_back_once_is_not_given_back_by_the_clean_up(workshop: Workshop) -> None:
    for mishap in ("", "unusable"):
        cancelled_or_failed = await workshop.submit(mishap)
        if not mishap:
            await workshop.queue.cancel(cancelled_or_failed, SHOP)
    kept = await workshop.submit()
    workshop.start()
    await workshop.until_final(kept, cancelled_or_failed)
    workshop.start()  # a worker cleans up when it starts
    await until_ready(workshop, 2)
    await asyncio.sleep(0.3)
    assert workshop.taken() == (1, 1)


async def test_every_record_of_an_ended_job_has_a_term(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit(), await workshop.submit("raises"), await workshop.submit("unusable")]
    workshop.start()
    await workshop.until_final(*jobs)
    week_s = 7 * 24 * 3600
    for job in jobs:
        for key in client.keys(f"*{job}*"):
            assert 0 < client.ttl(key) <= week_s, key


async def test_a_suspended_worker_takes_nothing(workshop: Workshop, client: redis.Redis) -> None:
    suspend(client)
    generation_id = await workshop.submit()
    workshop.start()
    await asyncio.sleep(1.0)
    assert (await workshop.find(generation_id)).status is Status.PENDING
    resume(client)
    await workshop.until_final(generation_id)


async def test_sigterm_finishes_the_running_batch_and_takes_no_other(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit() for _ in range(4)]
    workshop.start(num_steps=10, step_s=0.05, max_jobs=2)
    await workshop.until(jobs[1], Status.PROCESSING)
    workshop.workers[0].send_signal(signal.SIGTERM)
    assert workshop.workers[0].wait(10) == 0
    states = [(await workshop.find(job)).status for job in jobs]
    assert states == [Status.COMPLETED, Status.COMPLETED, Status.PENDING, Status.PENDING]
    assert RqWorker.count(client) == 0
    assert await workshop.queue.ready_workers() == 0


async def test_sigterm_hands_back_in_order_what_a_failed_batch_has_not_run(
    workshop: Workshop, client: redis.Redis
) -> None:
    jobs = [await workshop.submit("raises"), await workshop.submit(), await workshop.submit()]
    workshop.start(num_steps=4, step_s=0.3)
    while len(workshop.runs()) < 2:  # the batch, then the first job alone
        await asyncio.sleep(0.01)
    workshop.workers[0].send_signal(signal.SIGTERM)
    assert workshop.workers[0].wait(10) == 0
    assert (await workshop.find(jobs[0])).status is Status.FAILED
    waiting = [await workshop.find(job) for job in jobs[1:]]
    assert [state.status for state in waiting] == [Status.PENDING] * 2
    assert {Job.fetch(job, connection=client).retries_left for job in jobs[1:]} == {2}


async def test_rq_s_shutdown_command_finishes_the_running_batch(workshop: Workshop, client: redis.Redis) -> None:
    generation_id = await workshop.submit()
    name = workshop.start(num_steps=10, step_s=0.05)
    await workshop.until(generation_id, Status.PROCESSING)
    send_shutdown_command(client, name)
    assert workshop.workers[0].wait(10) == 0
    assert (await workshop.find(generation_id)).status is Status.COMPLETED


async def test_an_idle_worker_stops_within_two_seconds(workshop: Workshop) -> None:
    workshop.start()
    await until_ready(workshop)
    workshop.workers[0].send_signal(signal.SIGTERM)
    assert workshop.workers[0].wait(2) == 0


async def test_a_worker_is_ready_while_it_lives(workshop: Workshop) -> None:
    assert await workshop.queue.ready_workers() == 0
    workshop.start(lease_s=1)
    await until_ready(workshop)
    workshop.workers[0].kill()
    await asyncio.sleep(1.2)
    assert await workshop.queue.ready_workers() == 0


async def test_a_killed_worker_s_jobs_run_again_within_two_leases(workshop: Workshop, client: redis.Redis) -> None:
    jobs = [await workshop.submit() for _ in range(2)]
    workshop.start(num_steps=100, step_s=0.1, lease_s=1)
    await workshop.until(jobs[1], Status.PROCESSING)
    workshop.start(num_steps=4, lease_s=1)
    await until_ready(workshop, 2)
    await asyncio.sleep(1)  # the second has its right to sweep
    workshop.workers[0].kill()
    killed_at = time.monotonic()
    states = await workshop.until_final(*jobs)
    assert time.monotonic() - killed_at < 2 * 1 + 0.5
    assert [state.status for state in states] == [Status.COMPLETED] * 2
    assert {Job.fetch(job, connection=client).retries_left for job in jobs} == {1}
    assert workshop.taken() == (2, 2)


async def test_a_frozen_worker_that_wakes_after_its_lease_changes_nothing(
    workshop: Workshop, client: redis.Redis
) -> None:
    generation_id = await workshop.submit()
    workshop.start(num_steps=10, step_s=0.1, lease_s=0.6)
    await workshop.until(generation_id, Status.PROCESSING)
    os.kill(workshop.workers[0].pid, signal.SIGSTOP)
    name = workshop.start(lease_s=0.6)
    (done,) = await workshop.until_final(generation_id)
    os.kill(workshop.workers[0].pid, signal.SIGCONT)
    await asyncio.sleep(1.5)
    assert await workshop.find(generation_id) == done
    job = Job.fetch(generation_id, connection=client)
    assert job.worker_name == name
    assert len(job.results()) == 1
    assert workshop.taken() == (1, 1)
    assert workshop.workers[0].poll() is None


async def test_a_job_that_kills_every_worker_fails_in_the_end_and_is_refunded(workshop: Workshop) -> None:
    generation_id = await workshop.submit("device lost")
    for _ in range(3):
        workshop.start(num_steps=1)
        assert workshop.workers[-1].wait(10) != 0
    (failed,) = await workshop.until_final(generation_id)
    assert (failed.status, failed.error_code) == (Status.FAILED, ErrorCode.WORKER_LOST)
    assert workshop.taken() == (0, 0)


async def test_a_job_that_kills_every_worker_takes_no_other_with_it(workshop: Workshop, client: redis.Redis) -> None:
    before, fatal, behind = await workshop.submit(), await workshop.submit("device lost"), await workshop.submit()
    for _ in range(3):
        workshop.start(num_steps=1)
        assert workshop.workers[-1].wait(10) != 0
    workshop.start(num_steps=1)
    states = await workshop.until_final(before, fatal, behind)
    assert [state.error_code for state in states] == [None, ErrorCode.WORKER_LOST, None]
    assert {Job.fetch(job, connection=client).retries_left for job in (before, behind)} == {0}


async def test_a_lost_device_leaves_the_jobs_to_the_next_worker(workshop: Workshop, client: redis.Redis) -> None:
    fatal, innocent = await workshop.submit("device lost"), await workshop.submit()
    workshop.start(num_steps=1)
    workshop.workers[0].wait(10)
    assert {(await workshop.find(job)).status for job in (fatal, innocent)} == {Status.PENDING}
    assert client.lrange("rq:queue:paperdoll", 0, -1) == [fatal.encode(), innocent.encode()]


async def test_a_call_that_hangs_with_the_interpreter_ends_the_worker_at_its_deadline(
    workshop: Workshop, client: redis.Redis
) -> None:
    generation_id = await workshop.submit("hangs")
    client.hset(f"rq:job:{generation_id}", "timeout", 1)
    workshop.start(num_steps=1)
    assert workshop.workers[0].wait(10) == 1
    assert "in _mishap" in workshop.said()  # and its log says where


async def test_a_stray_job_of_another_program_fails_and_harms_nobody(workshop: Workshop, client: redis.Redis) -> None:
    stray = RqQueue("paperdoll", connection=client).enqueue("os.getpid")
    generation_id = await workshop.submit()
    workshop.start()
    (done,) = await workshop.until_final(generation_id)
    assert done.status is Status.COMPLETED
    assert stray.get_status() is JobStatus.FAILED


async def test_a_job_erased_while_it_waited_is_passed_over(workshop: Workshop, client: redis.Redis) -> None:
    erased, kept = await workshop.submit(), await workshop.submit()
    client.delete(f"rq:job:{erased}")
    workshop.start()
    assert (await workshop.until_final(kept))[0].status is Status.COMPLETED
    assert client.llen("rq:queue:paperdoll") == 0


async def until(holds: Callable[[], bool]) -> None:
    give_up_at = time.monotonic() + 15
    while not holds():
        assert time.monotonic() < give_up_at
        await asyncio.sleep(0.02)


async def until_ready(workshop: Workshop, num_workers: int = 1) -> None:
    give_up_at = time.monotonic() + 15
    while await workshop.queue.ready_workers() < num_workers:
        assert time.monotonic() < give_up_at, workshop.said()
        await asyncio.sleep(0.02)


async def test_a_job_erased_while_it_runs_leaves_nothing_behind(workshop: Workshop, client: redis.Redis) -> None:
    erased, mate = await workshop.submit(), await workshop.submit()
    workshop.start(num_steps=10, step_s=0.1)
    await workshop.until(erased, Status.PROCESSING)
    client.delete(f"rq:job:{erased}")
    assert (await workshop.until_final(mate))[0].status is Status.COMPLETED
    await asyncio.sleep(0.5)
    assert client.keys(f"*{erased}*") == []
    assert StartedJobRegistry("paperdoll", connection=client).get_job_count(cleanup=False) == 0


async def test_two_workers_never_run_the_same_job(workshop: Workshop) -> None:
    num_workers = 2
    for _ in range(num_workers):
        workshop.start(num_steps=1, step_s=0.005)
    await until_ready(workshop, num_workers)
    jobs = [await workshop.submit() for _ in range(100)]
    states = await workshop.until_final(*jobs)
    assert {state.status for state in states} == {Status.COMPLETED}
    seeds = [seed for run in workshop.runs() if run.what == "begin" for seed in run.seeds]
    assert sorted(seeds) == list(range(1, 101))
    assert len({run.pid for run in workshop.runs()}) == num_workers


async def test_a_picture_whose_job_was_cancelled_after_the_last_look_is_erased(
    workshop: Workshop, client: redis.Redis
) -> None:
    workshop.start(num_steps=1, step_s=0.3, lease_s=30)
    await until_ready(workshop)
    kept, cancelled = await workshop.submit(), await workshop.submit()
    await workshop.until(cancelled, Status.PROCESSING)
    client.hset(f"rq:job:{cancelled}", "cancel", "1")  # told to nobody: its picture is stored before that is read
    await workshop.until_final(kept, cancelled)
    await until(lambda: not workshop.blobs.exists(f"results/{SHOP}/{cancelled}.png"))
    assert workshop.blobs.exists(f"results/{SHOP}/{kept}.png")


async def test_a_picture_whose_job_was_erased_meanwhile_is_erased(workshop: Workshop, client: redis.Redis) -> None:
    workshop.start(num_steps=1, step_s=0.3, lease_s=30)
    await until_ready(workshop)
    erased = await workshop.submit()
    await workshop.until(erased, Status.PROCESSING)
    client.delete(f"rq:job:{erased}")
    await until(lambda: "its ending is dropped" in workshop.said())
    await until(lambda: not workshop.blobs.exists(f"results/{SHOP}/{erased}.png"))
