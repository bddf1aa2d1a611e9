"""`fitting-room bench api`, with real servers and a moment of load. How fast they are is no test's matter."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from scripts.options import FITTING_ROOM

SERVERS = ("fitting-room", "plain")
FIGURES = {f"{what}_{figure}" for what in ("submit", "status") for figure in ("requests_s", "p50_ms", "p99_ms")}


def test_the_last_line_has_every_figure(tmp_path: Path) -> None:
    options = ["--rounds", "1", "--seconds", "0.5", "--waiting", "10,300", "--page", str(tmp_path / "api.html")]
    ran = subprocess.run([*FITTING_ROOM, "bench", "api", *options], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    told = json.loads(ran.stdout.splitlines()[-1])
    assert {"submit_rate_ratio", "submit_p99_ratio", "status_rate_ratio"} <= set(told)
    for clients in ("clients_8", "clients_32"):
        for server in SERVERS:
            assert set(told[clients][server]) == FIGURES
            assert all(value > 0 for value in told[clients][server].values())
            assert told[clients][server]["submit_p50_ms"] <= told[clients][server]["submit_p99_ms"]
    assert set(told["cost_by_waiting"]) == {"10", "300"}
    assert told["cost_by_waiting"]["10"]["status_ratio"] == 1
    assert (tmp_path / "api.html").is_file()
