"""What a demo came to, in words and as JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from detector.contract.decisions import Decision, Verdict

_LADDER: Final = [verdict.label for verdict in Verdict]


@dataclass
class Seen:
    """What came by while the demo ran."""

    decisions: list[Decision] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    """Seconds from an event's production to its decision being read, of events after the first decision."""
    first_seconds: float | None = None
    seconds: float = 0.0
    counted: dict[str, int] = field(default_factory=dict)

    def worst(self) -> dict[str, Decision]:
        """Give each account's severest decision."""
        worst: dict[str, Decision] = {}
        for decision in self.decisions:
            held = worst.get(decision.account_id)
            if held is None or _LADDER.index(decision.verdict) > _LADDER.index(held.verdict):
                worst[decision.account_id] = decision
        return worst


def decision_line(decision: Decision) -> str:
    """Write a decision on one line, with the reason that weighed most."""
    reason = decision.reasons[0].text if decision.reasons else ""
    return f"{decision.account_id:<14} {decision.verdict:<10} {decision.score:.2f}  {reason}"


def lines(seen: Seen, labels: Mapping[str, str], lake: Path) -> list[str]:
    """Sum the demo up and say what to try next."""
    counted, facts = seen.counted, as_json(seen, labels, lake)
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in facts["decisions_by_verdict"].items() if count)
    bots, people = facts["synthetic_truth"]["bots"], facts["synthetic_truth"]["people"]
    return [
        "",
        f"{counted['read']:,} events read = {counted['processed']:,} processed + {counted['duplicate']:,} duplicate"
        f" + {counted['late']:,} late + {counted['dead']:,} dead",
        f"{len(seen.decisions)} decisions: {verdicts}",
        *_speed(facts),
        f"{bots['flagged']} of {bots['accounts']} made-up bots and {people['flagged']} of {people['accounts']:,}"
        " made-up people were flagged.",
        "That shows the system at work; it says nothing about how well it would do on your platform.",
        "",
        f"The lake is in {lake}. Try next:",
        *_next(seen, lake),
    ]


def as_json(seen: Seen, labels: Mapping[str, str], lake: Path) -> dict[str, Any]:
    """Sum the demo up for a program."""
    verdicts = Counter(decision.verdict for decision in seen.decisions)
    flagged = {account for account, decision in seen.worst().items() if decision.verdict != Verdict.ALLOW.label}
    return {
        "events": seen.counted,
        "seconds": round(seen.seconds, 1),
        "seconds_to_first_decision": seen.first_seconds and round(seen.first_seconds, 1),
        "decisions_by_verdict": {verdict: verdicts[verdict] for verdict in reversed(_LADDER)},
        "latency_ms": _latency(seen),
        "synthetic_truth": {
            "bots": _flagged(labels, "bot", flagged),
            "people": _flagged(labels, "human", flagged),
        },
        "lake": str(lake),
    }


def _flagged(labels: Mapping[str, str], label: str, flagged: set[str]) -> dict[str, int]:
    accounts = {account for account, truth in labels.items() if truth == label}
    return {"accounts": len(accounts), "flagged": len(accounts & flagged)}


def _latency(seen: Seen) -> dict[str, float] | None:
    if not seen.latencies:
        return None
    p50, p99 = np.percentile(seen.latencies, [50, 99]) * 1000
    return {"p50": round(float(p50), 1), "p99": round(float(p99), 1)}


def _speed(facts: Mapping[str, Any]) -> list[str]:
    latency, first = facts["latency_ms"], facts["seconds_to_first_decision"]
    if first is None:
        return []
    if latency is None:
        return [f"first decision after {first} s"]
    return [
        f"first decision after {first} s; then from event to decision {latency['p50']:.0f} ms (median),"
        f" {latency['p99']:.0f} ms (99th percentile)"
    ]


def _next(seen: Seen, lake: Path) -> list[str]:
    blocked = sorted(seen.worst().values(), key=lambda d: (-_LADDER.index(d.verdict), -d.score, d.account_id))
    gillnet = _program()
    tries = [
        f'  {gillnet} sql --lake-dir {lake} "FROM decisions SELECT verdict, count(*) GROUP BY verdict"',
        f"  {gillnet} sql --lake-dir {lake}",
    ]
    if blocked:
        tries.insert(0, f"  {gillnet} investigate --lake-dir {lake} {blocked[0].account_id}")
    return tries


def _program() -> str:
    """Name this program as one can call it from here: in a checkout by its path, elsewhere by its name."""
    program = Path(sys.argv[0]).absolute()
    return str(program.relative_to(Path.cwd())) if program.is_relative_to(Path.cwd()) else "gillnet"
