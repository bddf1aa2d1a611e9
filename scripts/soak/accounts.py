"""What the books, the visits and the receiver say of a stage, each row with what it must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from scripts.soak.books import Books
from scripts.soak.client import Crowd
from scripts.soak.findings import Findings
from scripts.soak.receiver import Receiver
from scripts.soak.visits import Visit


def tell_load(findings: Findings, visits: Sequence[Visit], crowd: Crowd, took_s: float) -> None:
    """What was asked for, and how it ended for whoever asked."""
    states = Counter(visit.status or "unknown" for visit in visits)
    codes = Counter(visit.error_code for visit in visits if visit.error_code)
    broken = Counter(visit.problem for visit in visits if visit.problem)
    findings.tell("visits", f"{len(visits)} in {took_s:.0f} s", jobs=len(visits), took_s=round(took_s, 1))
    findings.tell("ended", counts(states), completed=states["COMPLETED"], failed=states["FAILED"])
    findings.tell("failed, by reason", counts(codes), reasons=dict(codes))
    findings.tell(
        "requests", f"{crowd.num_requests}; repeated: {counts(crowd.repeated)}", repeated=crowd.repeated.total()
    )
    findings.tell("promises broken to a shopper", counts(broken), kept=not broken, broken=broken.total())


def tell_books(findings: Findings, found: Books, accepted: set[str]) -> None:
    """That each of `accepted` ended exactly once, and is counted once."""
    lost = accepted - found.entries.keys() | set(found.open) | set(found.without_picture) | set(found.without_reason)
    doubled = set(found.doubled) | found.entries.keys() - accepted  # one that nobody was told of was made twice
    findings.tell("accepted", len(accepted), accepted=len(accepted))
    findings.tell("lost", named(lost), kept=not lost, lost=len(lost))
    findings.tell("made or ended twice", named(doubled), kept=not doubled, doubled=len(doubled))
    drift = found.counter_drift
    findings.tell("counters off by", drift, kept=not drift, counter_drift=drift)
    findings.tell("records left over", named(found.left_over), kept=not found.left_over)
    orphans = found.pictures_without_job
    findings.tell("pictures without a job", named(orphans), kept=not orphans, pictures_without_job=len(orphans))


def tell_webhooks(findings: Findings, receiver: Receiver, accepted: set[str]) -> None:
    """That the shops were told how each ended, and told one thing."""
    untold = accepted - receiver.told.keys()
    twice = {each for each, told in receiver.told.items() if len(told) > 1}
    findings.tell("webhooks", f"{receiver.num_calls} for {len(receiver.told)} endings", webhooks=receiver.num_calls)
    findings.tell("endings no shop was told of", named(untold), kept=not untold, untold=len(untold))
    findings.tell("endings told in two ways", named(twice), kept=not twice, told_twice=len(twice))


def accepted_of(visits: Iterable[Visit]) -> set[str]:
    return {visit.generation_id for visit in visits if visit.generation_id}


def counts(found: Counter[str]) -> str:
    return ", ".join(f"{num} {name}" for name, num in found.most_common()) or "none"


def named(found: Iterable[str]) -> str:
    """How many, and the first few."""
    each = sorted(found)
    return f"{len(each)}" + (f": {', '.join(each[:3])}" if each else "")
