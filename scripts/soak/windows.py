"""When to kill: the windows of a job's way, each with who dies there."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

from scripts.soak.traps import Victim

# The API's
ASKED, ANSWERED = "a submit is about to be queued", "a submit is queued, its answer not sent"
HALF_SENT = "a photograph is half received"
TAKEN, KEPT = "an upload is taken, its photograph not stored", "a photograph is stored, its answer not sent"
# A worker's
CLAIMED, PREPARED = "jobs are claimed", "a photograph is prepared"
STEPPED, MADE = "the device works", "a picture is made, not stored"
HALF_STORED, STORED = "a picture is half stored", "a picture is stored, its job not ended"
ENDED = "a job is ended, its worker not told"
# The supervisor's
BEREAVED, RECLAIMED = "a worker is dead, its jobs not taken back", "jobs are taken back, their worker not buried"


@dataclass(frozen=True, slots=True)
class Blow:
    """A kill to come; `window` is empty for one at a random moment."""

    victim: Victim
    window: str = ""


RANDOM = (Blow("worker"), Blow("api"), Blow("redis"), Blow("supervisor"), Blow("worker"))
WINDOWS = (
    *(Blow("worker", window) for window in (STORED, CLAIMED, MADE, STEPPED, ENDED, HALF_STORED, PREPARED)),
    *(Blow("api", window) for window in (ANSWERED, ASKED, TAKEN, HALF_SENT, KEPT)),
    *(Blow("redis", window) for window in (ANSWERED, CLAIMED, STORED, ENDED, ASKED)),
    *(Blow("supervisor", window) for window in (BEREAVED, RECLAIMED)),
)


def blows(num_kills: int, chance: random.Random) -> list[Blow]:
    """So many, in any order: of any four one at a random moment, the others in each window in turn."""
    windows, moments = _in_turn(WINDOWS, chance), _in_turn(RANDOM, chance)
    chosen = [next(moments if number % 4 == 0 else windows) for number in range(num_kills)]
    chance.shuffle(chosen)
    return chosen


def _in_turn(kinds: tuple[Blow, ...], chance: random.Random) -> Iterator[Blow]:
    shuffled = list(kinds)
    chance.shuffle(shuffled)
    return itertools.cycle(shuffled)
