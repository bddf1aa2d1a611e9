"""`fitting-room top` against a real Redis and real workers, which may go away and come back."""

from __future__ import annotations

import io
import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from inference.overview import Overview
from inference.redis_server import RedisServer
from scripts.top.frame import frame
from scripts.top.rates import History, finished_a_minute, pictures_a_minute, shares

ROOT = Path(__file__).parents[2]
TOP = [sys.executable, "-m", "scripts.cli", "top"]


def look(at: float, num_workers: int, pictures: int, denoise_s: float = 30.0) -> Overview:
    """As Redis answers it."""
    stats = {
        "wall_s": at - 400,
        "pictures": pictures,
        "seconds.denoise": denoise_s,
        "seconds.store": 10.0,
        "batches.4": 5,
    }
    stats |= {
        "device.memory_used_bytes": 61 * 2**30,
        "device.memory_total_bytes": 80 * 2**30,
        "device.utilisation": 0.97,
    }
    workers = [
        [b"gpu-box-%08x" % number, b"busy", b"card", json.dumps(stats).encode(), str(at - 2).encode(), b"9999", jobs]
        for number, jobs in zip(range(num_workers), [[b"gen_" + b"a" * 32, b"0.45"]] * num_workers, strict=True)
    ]
    workers[0][5] = str(at - 5).encode()
    moments = [str(at - 30 + number).encode() for number in range(10)]
    queue = [
        b"fashn-vton-1.5",
        12345,
        8,
        0,
        [b"shop.example", 12345, str(at - 400).encode()],
        moments,
        [b"wait 5", b"10", b"wait sum", b"30"],
    ]
    jobs = [
        b"accepted shop.example ",
        b"1000",
        b"completed shop.example ",
        b"900",
        b"failed shop.example INTERNAL",
        b"3",
    ]
    return Overview.of([str(at).encode(), [queue], workers, jobs])


@pytest.mark.parametrize("num_workers", [1, 8])
@pytest.mark.parametrize("width", [80, 160])
def test_a_frame_fits_its_terminal_and_tells_all(num_workers: int, width: int) -> None:
    history = History()
    history.add(look(1000, num_workers, 100))
    console = Console(width=width, record=True, file=io.StringIO())
    console.print(frame(history, width))
    lines = console.export_text().splitlines()
    text = "\n".join(lines)
    assert max(map(len, lines)) <= width
    for told in ("12345", "7 min", "97", "1000", "900", "61/80 GiB", "97%", "45%", "silent 2 s", "4.0", "<= 5 s"):
        assert told in text
    assert text.count("gen_") == num_workers
    assert ("denoise 75%" in text) is (width == 160)
    assert "…" not in re.sub(r"…\S+", "", text)  # nothing is cut but workers' names


def test_rates_are_of_the_last_minute() -> None:
    history = History()
    history.add(look(1000, 1, 100))
    (worker,) = history.looks[-1].workers
    assert pictures_a_minute(worker, history) == pytest.approx(60 * 100 / 600)  # since its start
    history.add(look(1030, 1, 120, denoise_s=90))
    (worker,) = history.looks[-1].workers
    assert pictures_a_minute(worker, history) == pytest.approx(40)
    assert dict(shares(worker, history))["denoise"] == 1
    assert finished_a_minute(history.looks[-1].queues[0], 1030) == pytest.approx(20)
    history.add(look(1080, 1, 120))
    assert len(history.looks) == 2


@pytest.fixture
def folder() -> Iterator[Path]:
    made = Path(tempfile.mkdtemp(prefix="fr-"))
    yield made
    shutil.rmtree(made, ignore_errors=True)


def environment(url: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FITTING_ROOM_")}
    return kept | {"REDIS_URL": url, "COLUMNS": "100", "TERM": "xterm"}


def test_one_frame_for_scripts(empty_redis_url: str) -> None:
    said = subprocess.run(
        [*TOP, "--once"], env=environment(empty_redis_url), cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "0/0 workers ready" in said.stdout
    away = subprocess.run(
        [*TOP, "--once"], env=environment("redis://127.0.0.1:1"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert (away.returncode, "does not answer" in away.stderr) == (2, True)


def test_it_outlives_redis(folder: Path) -> None:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, False)
    server = RedisServer(folder)
    top = subprocess.Popen(
        [*TOP, "--every", "0.2"], env=environment(server.url), cwd=ROOT, stdin=theirs, stdout=theirs, stderr=theirs
    )
    try:
        until_shown(ours, "workers ready")
        server.stop()
        until_shown(ours, "does not answer")
        server = RedisServer(folder)
        until_shown(ours, "workers ready", "does not answer")
        top.send_signal(signal.SIGINT)
        until_shown(ours, "workers ready", ended=top)
        assert top.returncode == 0
    finally:
        top.kill()
        server.stop()


def until_shown(
    terminal: int,
    wanted: str,
    unwanted: str = "",
    *,
    ended: subprocess.Popen[bytes] | None = None,
    within_s: float = 30,
) -> None:
    """Until a frame has the one and not the other; or the process has `ended`, which waits for its reader."""
    give_up_at, shown = time.monotonic() + within_s, ""
    while ended is None or ended.poll() is None:
        assert time.monotonic() < give_up_at, shown[-2000:]
        try:
            shown += os.read(terminal, 65536).decode(errors="replace")
        except BlockingIOError:
            time.sleep(0.05)
        _, _, rest = shown.partition(wanted)
        if ended is None and (wanted in rest and unwanted not in rest if unwanted else wanted in shown):
            return
        shown = rest if unwanted and unwanted in rest else shown
