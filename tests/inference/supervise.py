"""A supervisor process for the tests: workers from the command line after `--`, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from redis import Redis

from inference import logs
from inference.supervisor import Supervisor
from scripts.signals import stop_on_signal


def main() -> None:
    url, folder, num_workers, queues, _, *argv = sys.argv[1:]
    stop, hurry = threading.Event(), threading.Event()
    stop_on_signal(stop, hurry)
    logs.configure(None, "supervisor")
    with Redis.from_url(url) as redis:
        Supervisor(redis, Path(folder), [argv] * int(num_workers), queues.split(",")).run(stop, hurry)


if __name__ == "__main__":
    main()
