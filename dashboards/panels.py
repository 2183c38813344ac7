"""What the Gillnet board shows: one entry a panel, with what to do when it looks bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

RATE: Final = "[$__rate_interval]"


@dataclass(frozen=True, slots=True)
class Panel:
    """One graph: its queries by legend, its unit as Grafana names it, and its width of 24 columns."""

    title: str
    unit: str
    description: str
    queries: Mapping[str, str]
    width: int = 8
    stacked: bool = False


def _quantiles(metric: str, *shares: float, name: str = "") -> dict[str, str]:
    buckets = f"sum by (le) (rate({metric}_bucket{RATE}))"
    return {f"{name} p{share * 100:g}".strip(): f"histogram_quantile({share}, {buckets})" for share in shares}


def _mean(metric: str) -> str:
    return f"sum(rate({metric}_sum{RATE})) / sum(rate({metric}_count{RATE}))"


DECISIONS: Final = (
    Panel(
        "Decisions by verdict",
        "suffix: /min",
        "Decisions published per minute. A sudden rise of block or limit is an attack or a bad model or "
        "rule: look at a few accounts with `gillnet investigate` before anything else; if they look human, "
        "restart with `shadow = true`, so that nothing takes effect, and go back to the previous model.",
        {"{{verdict}}": f'60 * sum by (verdict) (rate(gillnet_decisions_total{{shadow="false"}}{RATE}))'},
        stacked=True,
    ),
    Panel(
        "Share of held accounts restricted in the last hour",
        "percentunit",
        "Challenge, limit and block decisions of the last hour over the accounts in state. It should move "
        "slowly. When it jumps, compare with the same hour of the day before and see who they are with "
        "`gillnet sql` over the decisions table.",
        {
            "{{verdict}}": "sum by (verdict) (increase(gillnet_decisions_total"
            '{verdict=~"challenge|limit|block",shadow="false"}[1h]))'
            " / on() group_left() clamp_min(sum(gillnet_state_accounts), 1)"
        },
    ),
    Panel(
        "Shadow decisions",
        "suffix: /min",
        "Decisions recorded without effect. Zero unless `shadow = true`. Compare with the line that decides"
        " before you let a new model or threshold take effect.",
        {"{{verdict}}": f'60 * sum by (verdict) (rate(gillnet_decisions_total{{shadow="true"}}{RATE}))'},
        stacked=True,
    ),
)
STREAM: Final = (
    Panel(
        "Events by outcome",
        "suffix: ev/s",
        "Every event read ends as processed, duplicate, late or dead; the four add up to read. Many "
        "duplicates: a producer repeats itself. Many late ones: a producer was cut off, or its clock is "
        "wrong. Zero while the platform is up: see Lag, then the producers.",
        {
            "{{outcome}}": f"sum by (outcome) (rate(gillnet_events_total{RATE}))",
            "read": f"sum(rate(gillnet_events_read_total{RATE}))",
        },
    ),
    Panel(
        "Lag",
        "suffix: ev",
        "Events in the topic that were not read yet. It should return to near zero after a peak. If it "
        "keeps growing, add workers (up to the number of partitions); if one partition alone is behind, one"
        " key is hot.",
        {"all partitions": "sum(gillnet_consumer_lag_events)", "worst": "max(gillnet_consumer_lag_events)"},
    ),
    Panel(
        "End to end",
        "s",
        "From an event's arrival in Kafka to its decision written. The aim is a p99 under 100 ms. If it is "
        "high while lag is low, see the times of batches and transactions for which step is slow.",
        _quantiles("gillnet_end_to_end_seconds", 0.5, 0.95, 0.99),
    ),
    Panel(
        "Behind the clock",
        "s",
        "How far the watermark and the newest event are behind the clock. A watermark that falls behind "
        "while the newest event is fresh means one partition holds all others back: find its producer. A "
        "replay of old events shows their age here, which is fine.",
        {
            "watermark": "max(gillnet_watermark_delay_seconds)",
            "newest event": "time() - max(gillnet_last_event_timestamp_seconds)",
        },
    ),
    Panel(
        "Time of a batch",
        "s",
        "Time to process one batch of one worker (most of it is features and scoring), and of one Kafka "
        "transaction. Batches that take longer mean a larger model or larger batches; transactions, a slow "
        "broker.",
        {
            **_quantiles("gillnet_batch_seconds", 0.5, 0.99, name="batch"),
            **_quantiles("gillnet_transaction_seconds", 0.99, name="transaction"),
        },
    ),
    Panel(
        "Time between snapshots",
        "s",
        "Time between two snapshots of a worker. While events flow it should stay near `epoch_seconds` (1 s): "
        "that much is done again after a crash. Longer under load means that snapshots or the disk are slow.",
        _quantiles("gillnet_epoch_seconds", 0.5, 0.99),
    ),
)
STATE_AND_LAKE: Final = (
    Panel(
        "Accounts and shared entities held",
        "short",
        "Accounts in state, of all workers and of the fullest, and the devices, addresses and texts they share. "
        "Accounts follow those active in the last `account_ttl_days`, entities those of the last day. If either grows "
        "without end, a producer invents them. Some are forgotten before their time once a worker holds `accounts_max` "
        "or `entities_max`: then see where the new ones come from.",
        {
            "accounts, all workers": "sum(gillnet_state_accounts)",
            "accounts, fullest worker": "max(gillnet_state_accounts)",
            "shared entities": "sum(gillnet_state_entities)",
            "forgotten for want of room, {{held}}": "sum by (held) (increase(gillnet_state_forgotten_total[1h]))",
        },
        width=6,
    ),
    Panel(
        "Memory of the state",
        "bytes",
        "Bytes of all workers' arrays. Plan each worker's memory for its own, and twice that while it snapshots.",
        {"state": "sum(gillnet_state_bytes)"},
        width=6,
    ),
    Panel(
        "Lake rows by table",
        "suffix: rows/s",
        "Rows that became readable in the lake. Events at zero while events are processed means that the "
        "lake cannot be written: see the disk's space and rights.",
        {"{{table}}": f"sum by (table) (rate(gillnet_lake_rows_total{RATE}))"},
        width=6,
    ),
    Panel(
        "Lake files by table",
        "suffix: /min",
        "Files added per minute. Many small files make queries slow: raise `lake_flush_seconds`.",
        {"{{table}}": f"60 * sum by (table) (rate(gillnet_lake_files_total{RATE}))"},
        width=6,
    ),
)
DEAD_LETTERS: Final = (
    Panel(
        "Dead letters by cause",
        "suffix: ev/s",
        "Events that could not be decoded. Read some from the dead letter topic: their headers say cause, "
        "detail and where they came from. Mend the producer, then replay them.",
        {"{{cause}}": f"sum by (cause) (rate(gillnet_dead_letters_total{RATE}))"},
        width=12,
        stacked=True,
    ),
    Panel(
        "Share of dead letters",
        "percentunit",
        "Dead letters over events read. It should be zero; a step up is a producer's release that broke the"
        " contract of events.",
        {
            "dead": f'sum(rate(gillnet_events_total{{outcome="dead"}}{RATE}))'
            f" / clamp_min(sum(rate(gillnet_events_read_total{RATE})), 0.001)"
        },
        width=12,
    ),
)
HEALTH: Final = (
    Panel(
        "Restarts in the last hour",
        "none",
        "The launcher restarts all workers when one dies; nothing is lost or doubled, but time is. More "
        "than one is a fault: read the log from before the restart.",
        {"restarts": "sum(increase(gillnet_worker_restarts_total[1h]))"},
        width=6,
    ),
    Panel(
        "Ticks",
        "suffix: /s",
        "Ticks of all sources: about one a second for each worker that has partitions. At zero the stream hangs, "
        "however healthy the rest looks: see the log, then restart.",
        {"ticks": f"sum(rate(gillnet_ticks_total{RATE}))"},
        width=6,
    ),
    Panel(
        "Events in a batch",
        "suffix: ev",
        "Mean events of a batch as read. Small batches are normal when traffic is low; large ones mean that"
        " Gillnet is catching up.",
        {"mean": _mean("gillnet_batch_events")},
        width=6,
    ),
    Panel(
        "Refused and withheld",
        "none",
        "Models of the registry that do not fit (the log says why), and decisions of a replay after a crash that would "
        "contradict what was published before it. Zero on most days; after a crash a few decisions are no harm.",
        {
            "models refused": "sum(increase(gillnet_models_refused_total[1h]))",
            "decisions withheld": "sum(increase(gillnet_decisions_withheld_total[1h]))",
        },
        width=6,
    ),
    Panel(
        "Version and model",
        "none",
        "Which version and model run. Two lines for longer than a restart or a promotion means that two "
        "deployments share this Prometheus.",
        {"{{version}}, model {{model_version}}": "sum by (version, model_version) (gillnet_build_info) > 0"},
        width=6,
    ),
)

MODEL: Final = (
    Panel(
        "Drift",
        "none",
        "How far the ten columns that moved most are from what the model was trained on, over the last whole hour by "
        "event time (population stability index: below 0.1 little, above 0.25 much). One column alone: look at its "
        "producer. The score and many columns: the platform has changed, train again.",
        {"{{column}}": "topk(10, max by (column) (gillnet_drift))"},
        width=12,
    ),
    Panel(
        "Flagged share of texts by language",
        "percentunit",
        "Of the events with a text, the share whose account had a verdict after it, by guessed language. One language "
        "far above the others: see with `gillnet evaluate --segments` whether its people are flagged wrongly.",
        {
            "{{language}}": f'sum by (language) (rate(gillnet_scored_texts_total{{flagged="true"}}{RATE}))'
            f" / sum by (language) (rate(gillnet_scored_texts_total{RATE}))"
        },
        width=12,
    ),
    Panel(
        "Calibration on labelled accounts",
        "percentunit",
        "How far scores were from the share of bots among accounts that were labelled within the week (expected "
        "calibration error, each account by its last score before its label). Rising with many accounts beside it: "
        "scores no longer mean what they say; `gillnet retrain`, and compare.",
        {"error": "max(gillnet_calibration_error)"},
    ),
    Panel(
        "Labelled accounts behind it",
        "none",
        "Accounts labelled within the week, and scored before that by the model that decides. With fewer than a few "
        "hundred the error is mostly chance.",
        {"{{label}}": "max by (label) (gillnet_calibration_accounts)"},
    ),
    Panel(
        "Messages read again",
        "suffix: /min",
        "Messages in doubt: read by the larger encoder, or passed over as its budget was spent. Much passed over for "
        "long: raise escalations_per_second if there is CPU to spare. Zero where the extra is not installed.",
        {"{{outcome}}": f"60 * sum by (outcome) (rate(gillnet_escalated_messages_total{RATE}))"},
    ),
)

ROWS: Final[Mapping[str, tuple[Panel, ...]]] = {
    "Decisions": DECISIONS,
    "Model": MODEL,
    "Stream": STREAM,
    "State and lake": STATE_AND_LAKE,
    "Dead letters": DEAD_LETTERS,
    "Health": HEALTH,
}
"""The board's rows from top to bottom."""
