"""One process at a time: an advisory lock on a file, gone with the last process that holds it open."""

from __future__ import annotations

import fcntl
import os
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class AlreadyLockedError(RuntimeError):
    """Another process holds the lock."""


def lock_file(path: Path, wait_s: float = 0.0) -> int:
    """The descriptor of `path`, locked; closing it, or dying, lets go.

    Raises:
        AlreadyLockedError: another process still held it after `wait_s`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    give_up_at = time.monotonic() + wait_s
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_at:
                os.close(descriptor)
                raise AlreadyLockedError(f"Another process holds {path}.") from None
            time.sleep(0.05)
        else:
            return descriptor
