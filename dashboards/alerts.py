"""The Prometheus alert rules as code: few, and each says what to do."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final, Literal

BLOCKS: Final = 'gillnet_decisions_total{verdict="block",shadow="false"}'
READ: Final = "gillnet_events_read_total"


@dataclass(frozen=True, slots=True)
class Alert:
    """One rule: when it holds for ``minutes`` it wakes somebody (page) or waits for the morning (ticket)."""

    name: str
    severity: Literal["page", "ticket"]
    minutes: int
    query: str
    summary: str
    what_to_do: str


ALERTS: Final = (
    Alert(
        "GillnetDown",
        "page",
        2,
        "absent(gillnet_build_info)",
        "No Gillnet worker reports metrics: nothing is judged.",
        "Look whether the service runs and why it ended (journalctl -u gillnet), then start it. Nothing is "
        "lost: it goes on where it stopped.",
    ),
    Alert(
        "GillnetHung",
        "page",
        5,
        "sum(rate(gillnet_ticks_total[5m])) == 0",
        "Gillnet runs, but its stream has not moved for 5 minutes: it hangs.",
        "See in the log what it waits for (broker, disk), run gillnet doctor, and restart the service.",
    ),
    Alert(
        "GillnetNotReading",
        "page",
        5,
        f"sum(rate({READ}[5m])) == 0 and sum(gillnet_consumer_lag_events) > 0",
        "Events wait in Kafka and none has been read for 5 minutes.",
        "Run gillnet doctor: it checks broker, topics and credentials. Then restart the service.",
    ),
    Alert(
        "GillnetBrokerAway",
        "page",
        2,
        "gillnet_broker_up == 0",
        "The Kafka broker has not answered for 2 minutes: nothing is read, and no decision is written.",
        "Bring Kafka back; gillnet doctor says what it answers. Nothing is lost, and the stream goes on by itself.",
    ),
    Alert(
        "GillnetFallingBehind",
        "page",
        10,
        f"sum(gillnet_consumer_lag_events) / (sum(rate({READ}[5m])) > 0) > 300",
        "Gillnet is more than 5 minutes of work behind, and decisions are as late.",
        "Add workers, up to the number of partitions. One partition behind the others: one key is hot.",
    ),
    Alert(
        "GillnetSlow",
        "ticket",
        15,
        "histogram_quantile(0.99, sum by (le) (rate(gillnet_end_to_end_seconds_bucket[5m]))) > 1",
        "One event in a hundred takes more than a second from Kafka to its decision.",
        "On the board, see which of batch and transaction takes the time, and whether there is lag.",
    ),
    Alert(
        "GillnetDeadLettersMany",
        "page",
        10,
        f'sum(rate(gillnet_events_total{{outcome="dead"}}[10m])) / sum(rate({READ}[10m])) > 0.2',
        "More than a fifth of all events cannot be decoded, so bots go unseen.",
        "See the causes on the board, read some of the dead letter topic, roll the producer back.",
    ),
    Alert(
        "GillnetDeadLetters",
        "ticket",
        15,
        f'sum(rate(gillnet_events_total{{outcome="dead"}}[10m])) / sum(rate({READ}[10m])) > 0.01',
        "More than 1 % of events cannot be decoded.",
        "See the causes on the board, read some of the dead letter topic, mend the producer, replay them.",
    ),
    Alert(
        "GillnetBlockWave",
        "page",
        5,
        f"sum(increase({BLOCKS}[1h])) > 50"
        f" and sum(increase({BLOCKS}[1h])) > 4 * sum(increase({BLOCKS}[24h] offset 1h)) / 24"
        f" and sum(increase({BLOCKS}[1h])) > 4 * sum(increase({BLOCKS}[1h] offset 1d))",
        "Blocks of the last hour are more than four times those of an hour of the day before.",
        "Look at ten of them with gillnet investigate. People: restart with GILLNET_SHADOW=true, or if the"
        " model is new, gillnet models rollback. Bots: it is an attack, and it is being stopped.",
    ),
    Alert(
        "GillnetWorkersRestart",
        "page",
        0,
        "sum(increase(gillnet_worker_restarts_total[15m])) > 2",
        "The workers died and were restarted three times within 15 minutes.",
        "The log from before each restart says why. The same event each time: it is a bug, report it with "
        "the log. Killed without a word: out of memory.",
    ),
    Alert(
        "GillnetWatermarkStuck",
        "ticket",
        15,
        f"max(deriv(gillnet_watermark_delay_seconds[10m])) > 0.9 and sum(rate({READ}[10m])) > 0",
        "Events are read, but the watermark does not move, so what waits for time to pass waits on.",
        "One partition brings only old events: find its producer, and look at that host's clock.",
    ),
    Alert(
        "GillnetDrift",
        "ticket",
        90,
        "max(gillnet_drift) > 0.25",
        "For two hours a feature or the score has been far from what the model was trained on.",
        "The board's panel names it, and since when. A new client or a changed field: mend the producer. The platform "
        "itself has changed: gillnet retrain, and compare before you promote.",
    ),
    Alert(
        "GillnetMiscalibrated",
        "ticket",
        90,
        "max(gillnet_calibration_error) > 0.15 and sum(gillnet_calibration_accounts) >= 300"
        " and min(gillnet_calibration_accounts) >= 30",
        "For two hours scores have been far from what labels said of the same accounts afterwards.",
        "Look at some of the labelled accounts with gillnet investigate: are the labels right? Then gillnet retrain, "
        "and compare before you promote.",
    ),
    Alert(
        "GillnetModelRefused",
        "ticket",
        0,
        "sum(increase(gillnet_models_refused_total[1h])) > 0",
        "A model of the registry does not fit, and was not taken up; whoever decided before goes on deciding.",
        "The log says which model and why (checksum, features). Promote another, or add it again.",
    ),
    Alert(
        "GillnetLakeNotWriting",
        "ticket",
        15,
        'sum(increase(gillnet_events_total{outcome="processed"}[15m])) > 0'
        ' and (sum(increase(gillnet_lake_rows_total{table="events"}[15m])) or vector(0)) == 0',
        "Events are judged, but none has reached the lake for 15 minutes.",
        "Look at the lake's disk: space and rights (gillnet doctor). Decisions go on meanwhile.",
    ),
)
"""Every rule, worst first."""

_RULE: Final = """\
      - alert: {name}
        expr: {query}
        for: {minutes}m
        labels:
          severity: {severity}
        annotations:
          summary: {summary}
          what_to_do: {what_to_do}
"""


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a JSON string is a YAML string


def rules_file() -> str:
    """Write the rules as the YAML file that Prometheus loads."""
    rules = (
        _RULE.format(
            name=alert.name,
            query=_quoted(alert.query),
            minutes=alert.minutes,
            severity=alert.severity,
            summary=_quoted(alert.summary),
            what_to_do=_quoted(alert.what_to_do),
        )
        for alert in ALERTS
    )
    head = "# Written by `gillnet dashboards export`; change dashboards/alerts.py instead.\ngroups:\n"
    return head + "  - name: gillnet\n    rules:\n" + "".join(rules)
