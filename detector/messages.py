"""What the messages of a file say: language, category, contacts, and which are near duplicates of which."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from detector.contract.events import EVENT_SCHEMA
from detector.files import limits_from, read_events
from features.hashing import keys
from features.slots import SlotTable
from features.text.column import TextColumn
from features.text.contact_splits import SplitContacts
from features.text.contacts import find_contacts
from features.text.fold import normalise
from features.text.language import CODES, guess_languages
from features.text.near_duplicates import NearDuplicates
from features.text.signatures import sign
from models.categories import Categories
from models.encoder import StaticEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from detector.files import Progress
    from detector.settings import Settings
    from features.text.near_duplicates import Groups, Matches

SENDERS_SHOWN_MIN: Final = 3
_HEAD: Final = {"event_id": pl.String(), "account_id": pl.String(), "ts": pl.Datetime("ms", "UTC")}
_LANGUAGES: Final = pl.Series("language", CODES)


@dataclass
class Reader:
    """Reads messages in the order they come; it knows what was sent before."""

    encoder: StaticEncoder = field(default_factory=StaticEncoder.load)
    near: NearDuplicates = field(default_factory=NearDuplicates)
    categories: Categories = field(init=False)

    def __post_init__(self) -> None:
        self.categories = Categories.load(encoder_id=self.encoder.model_id)
        self._senders, self._tails = SlotTable(), SplitContacts()

    def process(self, events: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """Return a row for each of the events that has a text, and one for each contact in them."""
        sent = events.filter(pl.col("text").is_not_null())
        head = sent.select(pl.col(name).cast(kind) for name, kind in _HEAD.items())
        texts, ts, senders = TextColumn.of(sent["text"]), sent["ts"].to_numpy(), keys(sent["account_id"])
        folded, full = normalise(texts)
        matches = self.near.process(sign(full), senders, ts, texts)
        scores = self.categories.score(self.encoder.encode(folded), texts, folded)
        found = [find_contacts(texts), self._tails.find(self._senders.find_or_add(senders), ts, texts)]
        rows = head.hstack([_LANGUAGES[guess_languages(texts)]]).hstack(_groups_of(matches))
        categories = pl.DataFrame(scores, schema=list(self.categories.names), orient="row")
        return rows.hstack(categories), pl.concat([contacts.beside(head) for contacts in found])

    def groups(self) -> pl.DataFrame:
        """Return the near duplicates of several senders, most senders first; ``example`` is one of their texts."""
        return _told(self.near.leaders(SENDERS_SHOWN_MIN))


def _groups_of(matches: Matches) -> pl.DataFrame:
    known = {
        "group": _names(matches.leaders),
        "group_messages": matches.counts,
        "group_senders": matches.senders,
        "group_closeness": matches.closeness,
    }
    alone = pl.Series(matches.leaders == 0)
    return pl.DataFrame(known).with_columns(pl.when(~alone).then(pl.all()))


def _names(leaders: np.ndarray[tuple[int], np.dtype[np.uint64]]) -> pl.Series:
    return pl.Series("group", [f"{leader:016x}" for leader in leaders.tolist()], pl.String)


def _told(groups: Groups) -> pl.DataFrame:
    columns = groups._asdict() | {"leaders": _names(groups.leaders), "examples": groups.examples.series()}
    times = {name: pl.Datetime("ms", "UTC") for name in ("first_ms", "last_ms")}
    frame = pl.DataFrame(columns).with_columns(pl.col(name).cast(kind) for name, kind in times.items())
    names = {
        "leaders": "group",
        "counts": "messages",
        "first_ms": "first_seen",
        "last_ms": "last_seen",
        "examples": "example",
    }
    return frame.rename(names).sort("senders", "group", descending=[True, False])


def write_messages(
    source: Path | str, output: Path, settings: Settings, now_ms: int, progress: Progress | None = None
) -> tuple[int, pl.DataFrame, pl.DataFrame]:
    """Write ``messages``, ``contacts`` and ``groups`` as Parquet; how many messages, the contacts and the groups."""
    output.mkdir(parents=True, exist_ok=True)
    reader, written, draft = Reader(), 0, output / "messages.parquet.partial"
    nothing, none_found = reader.process(pl.DataFrame(schema=EVENT_SCHEMA))
    contacts = [none_found]
    with pq.ParquetWriter(draft, _arrow(nothing).schema, compression="zstd") as out:
        for decoded in read_events(source, limits_from(settings), now_ms, progress=progress):
            rows, found = reader.process(decoded.events)
            out.write_table(_arrow(rows))
            contacts.append(found)
            written += len(rows)
    draft.replace(output / "messages.parquet")
    said, groups = pl.concat(contacts), reader.groups()
    said.write_parquet(output / "contacts.parquet")
    groups.write_parquet(output / "groups.parquet")
    return written, said, groups


def _arrow(rows: pl.DataFrame) -> pa.Table:
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest())
