"""Child processes that never outlive their parent."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def spawn(
    argv: Sequence[str | Path],
    log: IO[bytes],
    *,
    when_orphaned: signal.Signals = signal.SIGTERM,
    keep_open: Sequence[int] = (),
    environment: Mapping[str, str] | None = None,
) -> subprocess.Popen[bytes]:
    """Start `argv` in its own session, its output appended to `log`, its file descriptors `keep_open` inherited.

    `environment` takes the place of this process's own. On Linux the kernel sends the child `when_orphaned` as soon as
    the thread that called this ends, so call it from one that lives as long as the child may. Its own session keeps
    Ctrl-C for the parent, which decides in which order all end.
    """
    parent = os.getpid()

    def die_with_parent() -> None:
        if LIBC is None:
            return
        LIBC.prctl(PR_SET_PDEATHSIG, int(when_orphaned))
        if os.getppid() != parent:  # it died before the request was made
            os._exit(1)

    return subprocess.Popen(  # noqa: S603
        [str(part) for part in argv],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        pass_fds=tuple(keep_open),
        env=environment,
        preexec_fn=die_with_parent,
    )


def end(process: subprocess.Popen[bytes], within_s: float) -> None:
    """Ask `process` to end, and make it when it has not within `within_s`."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(within_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
