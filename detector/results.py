"""What a batch came to: outcomes, scores, decisions, and the frames made of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from detector.contract.campaigns import campaign_id
from detector.contract.decisions import Verdict
from features.messages import (
    CAMPAIGN_HIGH,
    CAMPAIGN_LOW,
    HARASSMENT,
    HARVESTING,
    LANGUAGE,
    SCAM,
    SOLICITATION,
    SPAM,
)
from features.text.language import CODES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from detector.contract.decisions import Decision
    from detector.shard_batch import ShardBatch

OUTCOMES: Final = ("processed", "duplicate", "late")
_HEAD: Final = ("event_id", "account_id", "ts")
CATEGORIES: Final = {
    SPAM: "spam",
    SCAM: "scam",
    HARVESTING: "contact_harvesting",
    SOLICITATION: "sexual_solicitation",
    HARASSMENT: "harassment",
}
_LANGUAGES: Final = pl.Series("language", [*CODES, None])
_VERDICTS: Final = pl.Series("verdict", [v.label for v in Verdict])
_OUTCOMES: Final = pl.Series("outcome", OUTCOMES)


@dataclass(frozen=True)
class ShardResult:
    """What a batch of n events came to, of which m were processed.

    The frames are made when somebody asks for them: making frames costs more than judging a small batch.
    """

    batch: ShardBatch
    outcomes: NDArray[np.uint8]
    """(n,): places in `OUTCOMES`."""
    processed: NDArray[np.int64]
    """(m,): rows of the batch."""
    processed_scores: NDArray[np.float64]
    """(m,)"""
    verdicts: NDArray[np.int8]
    """(m,): the account's verdict after each."""
    sampled: NDArray[np.int64]
    """(k,): places among the processed of every decision's event and a sample of the others."""
    sampled_vectors: NDArray[np.float64]
    """(k, F)"""
    decisions: tuple[Decision, ...]
    model_version: str
    measures: NDArray[np.int32]
    """(m, len(MEASURES)): what was measured of the texts."""
    shadow_scores: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)
    """(m,) of each challenger, by its version."""

    @property
    def counts(self) -> dict[str, int]:
        """Events by outcome."""
        return dict(zip(OUTCOMES, np.bincount(self.outcomes, minlength=3).tolist(), strict=True))

    def languages(self) -> NDArray[np.int64]:
        """Count texts by language (place in `CODES`) and whether their account had a verdict, shape (languages, 2)."""
        language = self.measures[:, LANGUAGE]
        known = np.flatnonzero(language >= 0)
        pairs = 2 * language[known] + (self.verdicts[known] > 0)
        return np.bincount(pairs, minlength=2 * len(CODES)).reshape(-1, 2)

    @cached_property
    def events(self) -> pl.DataFrame:
        """``EVENT_SCHEMA`` and ``outcome``."""
        return self.batch.events.hstack([_OUTCOMES[self.outcomes]])

    @cached_property
    def scores(self) -> pl.DataFrame:
        """``event_id, account_id, ts, score, verdict, model_version`` of every processed event, and what its text is.

        That is its ``language``, the ``campaign_id`` it is part of, and how much it is of each of `CATEGORIES`, 0.5
        being where it counts as one; null without a text.
        """
        version = pl.Series("model_version", [self.model_version]).new_from_index(0, len(self.processed))
        scores = [pl.Series("score", self.processed_scores), _VERDICTS[self.verdicts], version]
        return self._heads.hstack([*scores, *_said(self.measures)])

    @cached_property
    def vectors(self) -> pl.DataFrame:
        """``event_id, account_id, ts, vector`` of the sampled events."""
        vector = pl.Series("vector", self.sampled_vectors, pl.Array(pl.Float64, self.sampled_vectors.shape[1]))
        return self._heads[self.sampled].hstack([vector])

    @property
    def shadows(self) -> pl.DataFrame:
        """``event_id, account_id, ts, score, model_version`` of every processed event for each challenger."""
        rows = [
            self._heads.with_columns(pl.Series("score", scores), pl.lit(version).alias("model_version"))
            for version, scores in self.shadow_scores.items()
        ]
        return pl.concat(rows) if rows else pl.DataFrame()

    @cached_property
    def _heads(self) -> pl.DataFrame:
        heads = self.batch.events[list(_HEAD)]
        return heads if len(self.processed) == len(heads) else heads[self.processed]


@dataclass(frozen=True, slots=True)
class Judged:
    """What some of a batch's n events came to; of them, m were processed. Places count the batch's events."""

    places: NDArray[np.int64]
    """(n,)"""
    outcomes: NDArray[np.uint8]
    """(n,)"""
    processed: NDArray[np.int64]
    """(m,): places."""
    scores: NDArray[np.float64]
    """(m,)"""
    verdicts: NDArray[np.int8]
    """(m,)"""
    sampled: NDArray[np.int64]
    """(k,): places."""
    vectors: NDArray[np.float64]
    """(k, F): of the sampled."""
    decisions: list[tuple[int, Decision]]
    """Each with the place of its event."""
    shadow_scores: dict[str, NDArray[np.float64]]
    """(m,) of each challenger."""


def joined(batch: ShardBatch, model_version: str, expired: tuple[Decision, ...], parts: list[Judged]) -> ShardResult:
    """Put what the parts of a batch came to, one at least, into arrival order, behind what had expired before it."""
    places, outcomes = _all("places", parts), _all("outcomes", parts)
    processed, sampled = _all("processed", parts), _all("sampled", parts)
    order = np.argsort(processed)
    decisions = sorted((decision for part in parts for decision in part.decisions), key=itemgetter(0))
    return ShardResult(
        batch=batch,
        outcomes=outcomes[np.argsort(places)],
        processed=processed[order],
        processed_scores=_all("scores", parts)[order],
        verdicts=_all("verdicts", parts)[order],
        sampled=np.searchsorted(processed[order], np.sort(sampled)),
        sampled_vectors=_all("vectors", parts)[np.argsort(sampled)],
        decisions=expired + tuple(decision for _, decision in decisions),
        model_version=model_version,
        measures=batch.columns.measures[batch.sent()[processed[order]]],
        shadow_scores={
            version: np.concatenate([part.shadow_scores[version] for part in parts])[order]
            for version in parts[0].shadow_scores
        },
    )


def _all(name: str, parts: list[Judged]) -> NDArray[Any]:
    return np.concatenate([getattr(part, name) for part in parts])


def _said(measures: NDArray[np.int32]) -> list[pl.Series]:
    """Make the columns that say what texts are."""
    mute = measures[:, LANGUAGE] < 0
    halves = np.where(mute[:, None], 0, measures[:, [CAMPAIGN_LOW, CAMPAIGN_HIGH]])
    numbers, places = np.unique(np.ascontiguousarray(halves).view(np.uint64)[:, 0], return_inverse=True)
    ids = [campaign_id(number) if number else None for number in numbers.tolist()]
    columns = [
        _LANGUAGES[np.where(mute, len(CODES), measures[:, LANGUAGE])],
        pl.Series("campaign_id", ids, pl.String)[places],
    ]
    shares = np.where(mute, np.nan, measures[:, list(CATEGORIES)].T / 1000)
    named = zip(CATEGORIES.values(), shares, strict=True)
    return columns + [pl.Series(name, share, nan_to_null=True) for name, share in named]


def by_language(counts: NDArray[np.int64]) -> dict[tuple[str, bool], int]:
    """Name what `ShardResult.languages` counted, where there is something."""
    return {(CODES[k], bool(flagged)): int(counts[k, flagged]) for k, flagged in np.argwhere(counts).tolist()}
