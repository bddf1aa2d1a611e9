"""How a generation ended, as a shop is told it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from rq.job import JobStatus

from inference.jobs import Status
from inference.records import STATUSES


@dataclass(frozen=True, slots=True)
class Event:
    """How one generation ended, and how often that has been told in vain."""

    generation_id: str
    num_attempts: int
    shop: str
    body: str

    @property
    def message_id(self) -> str:
        """The same for every attempt: receivers drop repeats by it."""
        return f"msg_{self.generation_id}"

    @classmethod
    def from_row(cls, row: Sequence[bytes | None]) -> Event:
        """From what `deliveries.lua` returns."""
        texts = [value.decode() if value is not None else None for value in row]
        generation_id, attempts, shop, rq_status, ended_at, result_key, error_code, error_message = texts
        assert generation_id is not None
        assert shop is not None
        status = STATUSES[JobStatus(rq_status)]
        data: dict[str, Any] = {"generationId": generation_id, "status": status.value}
        if status is Status.COMPLETED:
            data["resultImageKey"] = result_key
        else:
            data |= {"errorCode": error_code, "errorMessage": error_message}
        kind = "generation.completed" if status is Status.COMPLETED else "generation.failed"
        when = datetime.fromtimestamp(float(ended_at or 0), UTC).isoformat().replace("+00:00", "Z")
        return cls(generation_id, int(attempts or 0), shop, json.dumps({"type": kind, "timestamp": when, "data": data}))
