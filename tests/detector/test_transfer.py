"""What is left out is left out whole: the parts of ``benchmarks/transfer.py``."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import polars as pl
import pytest

from detector.contract.labels import LABELS_SCHEMA
from detector.vector_table import VectorTable
from features.catalogue import DEFAULT


@pytest.fixture(scope="module")
def transfer(program: Callable[[str], ModuleType]) -> ModuleType:
    return program("transfer")


def labels(*rows: tuple[str, int, str | None, str | None]) -> pl.DataFrame:
    named = [dict(zip(("account_id", "label", "family", "campaign"), row, strict=True)) for row in rows]
    missing = [pl.lit(None, kind).alias(name) for name, kind in LABELS_SCHEMA.items() if name not in named[0]]
    return pl.DataFrame(named).with_columns(missing).select(list(LABELS_SCHEMA)).cast(dict(LABELS_SCHEMA))


def test_a_campaign_is_on_one_side_and_about_half_of_them_on_each(transfer: ModuleType) -> None:
    known = labels(*((f"b{i}", 1, "swipe_farm", f"c{i // 3}") for i in range(30)))
    sides = known.with_columns(second=transfer.halves(known)).group_by("campaign").agg(pl.col("second").n_unique())
    assert sides["second"].to_list() == [1] * 10
    assert transfer.halves(known).sum() == 15


def test_the_side_of_an_account_does_not_hang_on_the_order_of_the_rows(transfer: ModuleType) -> None:
    known = labels(*((f"p{i}", 0, None, None) for i in range(20)))
    sides = dict(zip(known["account_id"], transfer.halves(known), strict=True))
    turned = known.reverse()
    assert dict(zip(turned["account_id"], transfer.halves(turned), strict=True)) == sides


def test_a_family_left_out_teaches_nothing_and_is_judged_with_people_who_taught_nothing(
    transfer: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    taught: list[tuple[set[str], set[str]]] = []

    class Found:
        auc, recall_at_fpr_1pct, positives, n = 1.0, None, 1, 2

    def learned(_: object, teaching: pl.DataFrame, judged: pl.DataFrame, __: object) -> Found:
        taught.append((set(teaching["account_id"]), set(judged["account_id"])))
        return Found()

    monkeypatch.setattr(transfer, "learned", learned)
    bots = [(f"{family}-{i}", 1, family, f"{family}-{i // 2}") for family in transfer.BOT_FAMILIES for i in range(8)]
    known = labels(*bots, *((f"p{i}", 0, "normal", None) for i in range(20)))
    rows = list(transfer.families((None, known)))
    assert [row[0] for row in rows] == list(transfer.BOT_FAMILIES)
    assert rows[0][1:] == ["1 / 1", "1.000", "-", "1.000", "-"]
    for family, unseen, seen in zip(transfer.BOT_FAMILIES, taught[::2], taught[1::2], strict=True):
        assert not any(name.startswith(family) for name in unseen[0])
        assert sum(name.startswith(family) for name in seen[0]) == 4
        for teaching, judged in (unseen, seen):
            assert not teaching & judged


def test_an_account_gives_its_first_events_only(transfer: ModuleType, tmp_path: Path) -> None:
    rows = [
        {"event_id": f"{i}", "type": "post", "account_id": "ab"[i % 2], "ts": 1_760_000_000_000 + i} for i in range(900)
    ]
    (tmp_path / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    kept = pl.concat(transfer.first_events(tmp_path / "events.jsonl"))
    assert len(kept) == 2 * transfer.EVENTS_EACH
    assert kept["event_id"].to_list() == [str(i) for i in range(2 * transfer.EVENTS_EACH)]


def test_sets_put_together_keep_each_row_with_its_account(transfer: ModuleType) -> None:
    def part(name: str, value: float) -> tuple[VectorTable, pl.DataFrame]:
        rows = np.full((2, len(DEFAULT.names)), value)
        return VectorTable(pl.Series([f"{name}/a"] * 2), np.zeros(2, np.int64), DEFAULT.names, rows), labels(
            (f"{name}/a", 1, None, None)
        )

    table, known = transfer.together([part("x", 1.0), part("y", 2.0)])
    assert table.account_ids.to_list() == ["x/a", "x/a", "y/a", "y/a"]
    assert table.vectors[:, 0].tolist() == [1.0, 1.0, 2.0, 2.0]
    assert known["account_id"].to_list() == ["x/a", "y/a"]
