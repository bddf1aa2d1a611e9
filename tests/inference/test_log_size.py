"""Logs that processes hold open stay small, and go on."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from inference import log_size
from inference.children import spawn
from inference.log_size import LogSizes

WRITE = "import sys; [print(n, 'x' * 90, flush=True) for n in range(2000)]; sys.stdin.read()"


def test_a_log_that_has_grown_is_cut_and_its_writer_goes_on_at_its_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_size, "LARGEST", 100_000)
    monkeypatch.setattr(log_size, "LOOK_EVERY_S", 0.0)
    log, small = tmp_path / "worker-0.log", tmp_path / "api.log"
    small.write_text("little\n")
    sizes = LogSizes(tmp_path)
    for _ in range(3):
        with log.open("ab") as held:
            writer: subprocess.Popen[bytes] = spawn([sys.executable, "-c", WRITE], held)
            assert writer.wait(30) == 0
            assert log.stat().st_size > 100_000
            sizes.look()
            held.write(b"and on\n")
            held.flush()
        assert log.read_bytes() == b"and on\n"
        log.write_bytes(b"")
    assert sum(file.stat().st_size for file in tmp_path.iterdir()) < 3 * 100_000
    assert "1999 xxx" in (tmp_path / "worker-0.log.1").read_text()
    assert small.read_text() == "little\n"


FILL = """
import logging, resource, sys
from pathlib import Path
from inference import logs

def has_room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

logs.configure("json", "serve", Path(sys.argv[1]))
log = logging.getLogger("a part")
for size in (2_000, 1_000_000, 2_000):
    has_room(size)
    for _ in range(30):
        log.info("a line of some length, of which few have room")
"""


def test_a_log_whose_disk_is_full_is_told_of_in_a_sentence_and_written_again_when_there_is_room(tmp_path: Path) -> None:
    log = tmp_path / "serve.log"
    said = subprocess.run([sys.executable, "-c", FILL, log], capture_output=True, text=True, check=True, timeout=30)
    sentence = f"fitting-room: {log} cannot be written: File too large. Lines are lost until that is mended."
    assert said.stderr.splitlines() == [sentence] * 2
    assert log.read_text().count("few have room") >= 30
