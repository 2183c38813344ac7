"""Detect on files: the stream's engine, without a broker. Same input, same output, byte for byte."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import msgspec
import polars as pl

from detector.contract.decisions import Verdict, encode
from detector.contract.events import EVENT_SCHEMA
from detector.contract.times import DAY_MS, parse_rfc3339
from detector.engine import AccountShard
from detector.files import limits_from, read_events
from detector.message_groups import MessageGroups
from detector.message_reader import MessageReader
from detector.policy import policy_from
from detector.results import ShardResult
from detector.scoring import Scorer
from detector.shard_batch import whole
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from detector.contract.dead_letters import DeadLetter
    from detector.contract.decisions import Decision
    from detector.files import Progress
    from detector.settings import Settings

DECISIONS: Final = "decisions.jsonl"
SCORES: Final = "scores.parquet"
DEAD_LETTERS: Final = "dead_letters.jsonl"

TIME: Final = pl.Datetime("ms", "UTC")
_BEFORE_ALL_TIME: Final = -(2**60)
_ROWS_HELD: Final = 200_000


class Model(Scorer, Protocol):
    """A scorer with the thresholds its card sets."""

    @property
    def thresholds(self) -> Mapping[str, float]:
        """Lowest score for each verdict."""


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a file: processed, duplicate, late and dead add up to read."""

    read: int
    processed: int
    duplicate: int
    late: int
    dead: int
    accounts: int
    decisions: int
    accounts_by_verdict: dict[str, int]
    """Accounts by the verdict in force at the end."""
    model_version: str
    policy_version: str


@dataclass(frozen=True, slots=True)
class _Standing:
    """Where an account that ever had a verdict stands at the end."""

    first_flagged: int
    verdict: str


def day_end_ms(now_ms: int) -> int:
    """Give the end of the day in UTC: with it as now, all runs of a day refuse the same future events."""
    return (now_ms // DAY_MS + 1) * DAY_MS


def detect(
    source: Path | str,
    output: Path,
    settings: Settings,
    model: Model,
    now_ms: int,
    chunk: int = 10_000,
    progress: Progress | None = None,
) -> Summary:
    """Judge a file of events, in the order of its lines, and write the results to the folder ``output``."""
    policy = policy_from(settings, model.thresholds)
    lateness_ms = round(settings.lateness_seconds * 1000)
    reader = MessageReader.load(settings)
    intake = Intake(specialise(DEFAULT).plan, lateness_ms, reader, MessageGroups(settings.text_groups_max))
    shard = AccountShard(DEFAULT, model, policy, lateness_ms, ttl_ms=round(settings.account_ttl_days * DAY_MS))
    tally = _Tally()
    limits = limits_from(settings)
    for decoded in read_events(source, limits, now_ms, chunk, progress):
        tally.dead.extend(decoded.dead)
        # A verdict that ends is found by the account's next event, or at the end of the file, but never by
        # the watermark on the way: where a chunk ends must not show in the output.
        tally.add(shard.process(whole(intake.process(decoded.events)), _BEFORE_ALL_TIME, now_ms=None))
    nothing = pl.DataFrame(schema=EVENT_SCHEMA)
    tally.add(shard.process(whole(intake.process(nothing)), tally.newest_ms, now_ms=None))
    scores = tally.scores()
    _write(output, tally, scores)
    return tally.summary(scores, model.version, policy.version)


class _Tally:
    """What a run has come to so far."""

    def __init__(self) -> None:
        self.dead: list[DeadLetter] = []
        self.decisions: list[Decision] = []
        self.newest_ms = _BEFORE_ALL_TIME
        self._counts: Counter[str] = Counter()
        self._standings: dict[str, _Standing] = {}
        self._accounts: list[pl.DataFrame] = []
        self._rows = 0

    def add(self, result: ShardResult) -> None:
        """Take what a batch came to."""
        self._counts.update(result.counts)
        self.decisions.extend(result.decisions)
        if len(result.scores):
            newest = result.scores["ts"].max()
            assert isinstance(newest, int)
            self.newest_ms = max(self.newest_ms, newest)
            self._hold(result.scores.with_columns(events_seen=pl.lit(1, pl.Int64)))

    def scores(self) -> pl.DataFrame:
        """Give one row per account: its last score, the verdict in force, when it was first flagged."""
        flagged = self._flagged()
        accounts = _last_of_each(self._accounts)
        return (
            accounts.join(flagged, on="account_id", how="left", maintain_order="left")
            .with_columns(pl.col("verdict").fill_null(Verdict.ALLOW.label))
            .select("account_id", "score", "verdict", "first_flagged_ts", "events_seen")
            .sort("account_id")
        )

    def summary(self, scores: pl.DataFrame, model_version: str, policy_version: str) -> Summary:
        """Add up."""
        verdicts = Counter(scores["verdict"].to_list())
        return Summary(
            read=self._counts.total() + len(self.dead),
            processed=self._counts["processed"],
            duplicate=self._counts["duplicate"],
            late=self._counts["late"],
            dead=len(self.dead),
            accounts=len(scores),
            decisions=len(self.decisions),
            accounts_by_verdict={v.label: verdicts[v.label] for v in Verdict},
            model_version=model_version,
            policy_version=policy_version,
        )

    def _hold(self, scores: pl.DataFrame) -> None:
        self._accounts.append(_last_of_each([scores]))
        self._rows += len(self._accounts[-1])
        if self._rows > _ROWS_HELD + 2 * len(self._accounts[0]):
            self._accounts = [_last_of_each(self._accounts)]
            self._rows = len(self._accounts[0])

    def _flagged(self) -> pl.DataFrame:
        first: dict[str, int] = {}
        verdicts: dict[str, str] = {}
        for decision in self.decisions:
            at_ms = parse_rfc3339(decision.event_ts)
            assert at_ms is not None, "decisions carry RFC 3339 times"
            first.setdefault(decision.account_id, at_ms)
            verdicts[decision.account_id] = decision.verdict
        return pl.DataFrame(
            {"account_id": first.keys(), "first_flagged_ts": first.values(), "verdict": verdicts.values()},
            schema={"account_id": pl.String, "first_flagged_ts": pl.Int64, "verdict": pl.String},
        ).with_columns(pl.col("first_flagged_ts").cast(TIME))


def _last_of_each(frames: list[pl.DataFrame]) -> pl.DataFrame:
    schema = {"account_id": pl.String, "score": pl.Float64, "events_seen": pl.Int64}
    rows = pl.concat([pl.DataFrame(schema=schema), *(frame.select(schema.keys()) for frame in frames)])
    return rows.group_by("account_id", maintain_order=True).agg(pl.col("score").last(), pl.col("events_seen").sum())


def _write(output: Path, tally: _Tally, scores: pl.DataFrame) -> None:
    """Write the results beside their names first, so that a run that is cut short leaves none half done."""
    output.mkdir(parents=True, exist_ok=True)
    drafts = {name: output / f"{name}.partial" for name in (DECISIONS, SCORES, DEAD_LETTERS)}
    in_order = sorted(tally.decisions, key=lambda decision: decision.event_ts)
    _write_lines(drafts[DECISIONS], map(encode, in_order))
    scores.write_parquet(drafts[SCORES], compression="zstd", compression_level=3, row_group_size=100_000)
    _write_lines(drafts[DEAD_LETTERS], map(_dead_line, tally.dead))
    for name, draft in drafts.items():
        draft.replace(output / name)


def _write_lines(path: Path, lines: Iterable[bytes]) -> None:
    with path.open("wb") as out:
        out.writelines(line + b"\n" for line in lines)


def _dead_line(letter: DeadLetter) -> bytes:
    line: dict[str, object] = {"row": letter.row, "cause": letter.cause, "detail": letter.detail}
    try:
        line["value"] = letter.value.decode()
    except UnicodeDecodeError:
        line["value_base64"] = b64encode(letter.value).decode()
    return msgspec.json.encode(line)
