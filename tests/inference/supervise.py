"""A supervisor process for the tests: workers from the command line after `--`, until SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
from pathlib import Path

from redis import Redis

from inference.supervisor import Supervisor


def main() -> None:
    url, folder, num_workers, queues, _, *argv = sys.argv[1:]
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with Redis.from_url(url) as redis:
        Supervisor(redis, Path(folder), [argv] * int(num_workers), queues.split(",")).run(stop)


if __name__ == "__main__":
    main()
