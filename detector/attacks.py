"""Attacks: what a model still finds of simulated bots that take care, and what the care costs those who run them.

Every evasion gets a simulation of its own, which is run through the stream's own feature engine. People of the same
simulation set the threshold. All of it is synthetic: it compares evasions, and says nothing about a real platform.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl

from detector.contract.decode import DecodeLimits, decode
from detector.contract.errors import UsageError
from detector.contract.times import DAY_MS, HOUR_MS
from detector.histories import Recipe, score_history
from detector.simulator import Simulation, load_scenario
from detector.simulator.evasions import ALL, NAMES, check_evasions, names_in
from detector.simulator.scenario import BOT_FAMILIES
from models.metrics import share_interval
from models.thresholds import cut_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from detector.histories import Judge
    from detector.simulator import Scenario
    from models.history import Trace
    from models.model import Model

NAIVE: Final = "none"
"""Stands for bots that do nothing to go unnoticed."""
FALSE_POSITIVES: Final = 0.01
AFTER: Final[dict[str, tuple[str, ...]]] = {
    "swipe_farm": ("swipe",),
    "like_farm": ("like", "follow"),
}
"""The events a family is run for; for the others it is what they write."""
_WRITTEN: Final = ("message", "post", "reply", "share")
_CHUNK: Final = 10_000
_LIMITS: Final = DecodeLimits(event_bytes_max=1 << 18, ts_min_ms=0, future_ms_max=0)


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How the bots of a family fared with an evasion."""

    evasion: str
    family: str
    bots: int
    """Accounts that did enough to be judged since they are bots."""
    recall: float | None
    recall_interval: tuple[float, float]
    """95 %, by Wilson."""
    median_events_to_flag: float | None
    """Of those flagged; counted from the account's first event as a bot."""
    sent_a_day: float | None
    """What an account is run for (messages and posts, swipes, or likes and follows), a day of its life as a bot."""
    unflagged_a_day: float | None
    """How much of that it got through before it was flagged."""


class AttackReport(msgspec.Struct, frozen=True, kw_only=True):
    """All families and evasions."""

    model_version: str
    care: float
    seed: int
    events: int
    """Of each simulation."""
    humans: dict[str, int]
    """People in each simulation, by evasion."""
    thresholds: dict[str, float]
    """The score that 1 % of them reach, by evasion."""
    outcomes: tuple[Outcome, ...]
    synthetic: bool = True


@dataclass(frozen=True, slots=True)
class _Seen:
    """A simulation that has been scored: accounts with what they are, and the score after every event."""

    ids: pl.DataFrame
    events: pl.DataFrame
    trace: Trace
    is_bot: NDArray[np.bool_]
    family: NDArray[np.str_]
    bot_from_ms: NDArray[np.int64]


def attack(
    model: Model,
    evasions: tuple[str, ...],
    *,
    care: float = 1.0,
    seed: int = 7,
    events: int = 100_000,
    families: tuple[str, ...] = BOT_FAMILIES,
    progress: Callable[[int, int], None] | None = None,
    recipe: Recipe | None = None,
) -> AttackReport:
    """Simulate each evasion (``none`` and ``all`` are two more) and measure what the model finds of each family."""
    used = recipe or Recipe()
    outcomes: list[Outcome] = []
    humans, thresholds = {}, {}
    for done, evasion in enumerate(evasions):

        def advance(more: int, before: int = done * events) -> None:
            if progress is not None:
                progress(before + more, len(evasions) * events)

        seen = _scored(Simulation(_platform(evasion, care, families), seed, events), model, used, advance)
        highest = seen.trace.highest(len(seen.ids), used.events_min)
        humans[evasion] = int((~seen.is_bot).sum())
        thresholds[evasion] = cut_at(highest[~seen.is_bot], FALSE_POSITIVES)
        first = seen.trace.first_at(thresholds[evasion], len(seen.ids), used.events_min)
        outcomes += [_outcome(seen, evasion, family, first, used.events_min) for family in families]
    return AttackReport(
        model_version=model.version,
        care=care,
        seed=seed,
        events=events,
        humans=humans,
        thresholds=thresholds,
        outcomes=tuple(outcomes),
    )


def attacks(listed: str | None) -> tuple[str, ...]:
    """Read which evasions to measure: names with commas between them, all of them by default."""
    if listed is None:
        return NAIVE, *NAMES, ALL
    wanted = names_in(listed)
    check_evasions(tuple(name for name in wanted if name not in {NAIVE, ALL}))
    if not wanted:
        raise UsageError(f"expected evasions with commas between them, got none; known: {', '.join(NAMES)}")
    return wanted


def _platform(evasion: str, care: float, families: tuple[str, ...]) -> Scenario:
    """Give two days of the demo's platform, with more bots, so that each family has enough to measure."""
    demo = load_scenario("demo")
    return replace(
        demo,
        events=2 * demo.events,
        bots=0.3,
        careful=0.0,
        bot_families=dict.fromkeys(families, 1.0),
        late=0.0,
        offline=0.0,
        duplicates=0.0,
        evasions={NAIVE: (), ALL: NAMES}.get(evasion, (evasion,)),
        care=care,
    )


def _scored(simulation: Simulation, judge: Judge, recipe: Recipe, advance: Callable[[int], None]) -> _Seen:
    frames = list(_decoded(simulation))
    labels = pl.DataFrame(
        [(label.account_id, label.label == "bot", label.family, label.bot_from_ms) for label in simulation.labels],
        schema={"account_id": pl.String, "bot": pl.Boolean, "family": pl.String, "bot_from_ms": pl.Int64},
        orient="row",
    ).sort("account_id")
    trace = score_history(_counted(frames, advance), labels.select("account_id"), judge, recipe)
    acted = pl.concat([frame.select("account_id", "ts", "type") for frame in frames])
    return _Seen(
        ids=labels.select("account_id"),
        events=acted.join(labels.with_row_index("account"), on="account_id", maintain_order="left"),
        trace=trace,
        is_bot=labels["bot"].to_numpy(),
        family=labels["family"].to_numpy(),
        bot_from_ms=labels["bot_from_ms"].to_numpy(),
    )


def _decoded(simulation: Simulation) -> Iterator[pl.DataFrame]:
    held: list[bytes] = []
    for event in simulation:
        held.append(event.value)
        if len(held) == _CHUNK:
            yield decode(held, _LIMITS, event.ts_ms).events
            held = []
    if held:
        yield decode(held, _LIMITS, simulation.last_ms).events


def _counted(frames: list[pl.DataFrame], advance: Callable[[int], None]) -> Iterator[pl.DataFrame]:
    done = 0
    for frame in frames:
        yield frame
        done += len(frame)
        advance(done)


def _outcome(seen: _Seen, evasion: str, family: str, first: NDArray[np.int64], events_min: int) -> Outcome:
    """Follow the bots of a family from when they are bots; people they passed for before count for nothing."""
    flagged_ms = np.where(first >= 0, seen.trace.ts[np.maximum(first, 0)], np.iinfo(np.int64).max)
    run_for = pl.col("type").is_in(AFTER.get(family, _WRITTEN))
    before = pl.col("ts") <= pl.col("flagged_ms")
    bots = (
        seen.events.filter(pl.col("bot"), pl.col("family") == family, pl.col("ts") >= pl.col("bot_from_ms"))
        .with_columns(flagged_ms=pl.lit(pl.Series(flagged_ms)).gather(pl.col("account")))
        .group_by("account", maintain_order=True)  # a sum of floats depends on it
        .agg(
            events=pl.len(),
            days=(pl.col("ts").max() - pl.col("ts").min()).clip(HOUR_MS) / DAY_MS,
            caught=pl.col("flagged_ms").first() < np.iinfo(np.int64).max,
            events_before=before.sum(),
            sent=run_for.sum(),
            unflagged=(run_for & before).sum(),
        )
        .filter(pl.col("events") >= events_min)
    )
    return Outcome(
        evasion=evasion,
        family=family,
        bots=len(bots),
        recall=_ratio(bots, "caught"),
        recall_interval=share_interval(int(bots["caught"].sum()), len(bots)),
        median_events_to_flag=_median(bots.filter("caught")["events_before"]),
        sent_a_day=_ratio(bots, "sent", "days"),
        unflagged_a_day=_ratio(bots, "unflagged", "days"),
    )


def _ratio(bots: pl.DataFrame, what: str, to: str | None = None) -> float | None:
    """Divide sums; by the number of bots unless told otherwise."""
    if bots.is_empty():
        return None
    return float(bots[what].to_numpy().sum() / (len(bots) if to is None else bots[to].to_numpy().sum()))


def _median(counts: pl.Series) -> float | None:
    return float(np.median(counts.to_numpy())) if len(counts) else None
