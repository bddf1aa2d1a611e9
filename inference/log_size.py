"""The logs of a data folder stay small: what child processes write there goes past any logger."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from pathlib import Path

LARGEST = 16 << 20  # bytes of a log; one older part is kept beside it
LOOK_EVERY_S = 10.0


class LogSizes:
    """Looks at the logs of `folders` now and then. As logrotate's copytruncate: whoever writes keeps the file open, to
    append, and goes on at its new start; a line that comes between copy and cut is lost."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._look_again_at = 0.0

    def look(self) -> None:
        """Cut those that have grown too large, if it is time to."""
        if time.monotonic() < self._look_again_at:
            return
        self._look_again_at = time.monotonic() + LOOK_EVERY_S
        for log in (log for folder in self._folders for log in folder.glob("*.log")):
            if log.stat().st_size > LARGEST:
                with contextlib.suppress(OSError):  # a full disk, say: all the more it is cut
                    shutil.copyfile(log, log.with_suffix(".log.1"))
                os.truncate(log, 0)
