"""How much memory the processes take that decode pictures."""

from __future__ import annotations

import threading
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.1


class MemoryWatch:
    """The most memory that any process below `root` has held. `peaks`: process id -> bytes; use as a context."""

    def __init__(self, root: int) -> None:
        self._root = psutil.Process(root)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="memory", daemon=True)
        self.peaks: dict[int, int] = {}

    def __enter__(self) -> MemoryWatch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._stop.wait(LOOK_EVERY_S):
            for child in self._root.children(recursive=True):
                self.peaks[child.pid] = max(self.peaks.get(child.pid, 0), peak_of(child.pid))


def peak_of(pid: int) -> int:
    """The most bytes that a process ever held, as Linux tells it; 0 when it is gone, and elsewhere."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)
