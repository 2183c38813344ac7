"""A stand-in for a worker process: records a little of everything, then waits until its input closes."""

import sys
import time

import numpy as np

from detector.contract.decisions import Decision, Verdict
from flows import metrics


def _decision(verdict: Verdict) -> Decision:
    return Decision(
        decision_id="d",
        account_id="a",
        verdict=verdict.label,
        previous_verdict=Verdict.ALLOW.label,
        score=0.9,
        reasons=(),
        event_id="e",
        event_ts="2026-01-05T00:00:00.000Z",
        decided_at="2026-01-05T00:00:01.000Z",
        expires_at=None,
        campaign_id=None,
        model_version="m",
        policy_version="p",
        shadow=False,
    )


def record_once() -> None:
    now_ms = int(time.time() * 1000)
    metrics.record_source_batch(100, {"not_json": 2, "bad_time": 1}, now_ms)
    metrics.record_lag({0: 5, 1: 7})
    metrics.record_watermark(now_ms - 1500, now_ms)
    metrics.record_shard_results({"processed": 95, "duplicate": 1, "late": 1}, np.array([0.004]))
    metrics.record_end_to_end(np.arange(97))
    metrics.record_transaction([_decision(Verdict.BLOCK), _decision(Verdict.REVIEW)], 0.006)
    metrics.record_snapshot(3, 40, 8_000)
    metrics.record_entities(1, 70, 9_000)
    metrics.record_forgotten("accounts", 4)
    metrics.record_lake_file("events", 97)
    metrics.record_drift({"score": 0.3})
    metrics.record_languages({("en", True): 2, ("en", False): 5})


if __name__ == "__main__":
    metrics.record_model("0.1.0", "default-1", None)
    print("ready", flush=True)  # noqa: T201 -- tells the test that it may go on
    for line in sys.stdin:
        record_once()
        print(line.strip(), flush=True)  # noqa: T201 -- as above
