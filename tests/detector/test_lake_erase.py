"""One account taken out of rows of every table."""

import json
from pathlib import Path

import polars as pl
import pytest

from detector.lake import LakeWriter
from detector.lake.erase import Cleaner, erase
from detector.lake.tables import TABLES, as_stored

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z


def cleaned(table: str, who: str = "u-12345", **columns: list[object]) -> list[dict[str, object]]:
    frame = as_stored(table, pl.DataFrame(columns))
    return Cleaner(who, "erased-1", frozenset({"my words"}))(frame).select(*columns).to_dicts()


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_any_table_can_be_cleaned_also_none(table: str):
    empty = pl.DataFrame(schema=TABLES[table].schema)
    assert Cleaner("u-12345", "erased-1", frozenset()).__call__(empty).schema == empty.schema


def test_their_rows_go_and_others_name_a_pseudonym():
    rows = cleaned(
        "events",
        account_id=["u-12345", "b", "c", None],
        target_id=["b", "u-12345", None, "u-123456"],
        text=["x", "ask u-12345 about it", "u-1234", None],
        links=[["a"], ["http://u-12345.example", "b"], [], None],
        extra=[None, json.dumps({"about": "u-12345"}), None, None],
    )
    assert [tuple(row.values()) for row in rows] == [
        ("b", "erased-1", "ask erased-1 about it", ["http://erased-1.example", "b"], '{"about": "erased-1"}'),
        ("c", None, "u-1234", [], None),
        (None, "erased-16", None, None, None),
    ]


def test_a_short_id_is_replaced_where_it_is_a_value_of_its_own_only():
    rows = cleaned(
        "events", "al", account_id=["b"], target_id=["al"], text=["all right"], extra=['{"a":"al","b":"all"}']
    )
    assert list(rows[0].values()) == ["b", "erased-1", "all right", '{"a":"erased-1","b":"all"}']


def test_a_campaign_loses_a_member_and_what_it_wrote():
    rows = cleaned(
        "campaigns",
        template=["my words", "other words"],
        examples=[["my words", "other words"], ["other words"]],
        member_ids=[["u-12345", "b"], ["c"]],
        contacts=[[{"value": "telegram:u-12345", "count": 1}], []],
    )
    assert [tuple(row.values()) for row in rows] == [
        (None, ["other words"], ["b"], [{"value": "telegram:erased-1", "count": 1}]),
        ("other words", ["other words"], ["c"], []),
    ]


def test_a_dead_letter_that_names_them_goes():
    values = [b'{"account_id": "u-12345"', b"\xff u-12345", b"u-1234", None]
    assert [row["value"] for row in cleaned("dead_letters", value=values)] == [b"u-1234", None]


def test_an_id_in_need_of_escapes_is_found_as_json_writes_it():
    who = 'é"\\\n'
    values = [json.dumps({"a": who}).encode(), json.dumps({"a": who}, ensure_ascii=False).encode(), b"other"]
    assert [row["value"] for row in cleaned("dead_letters", who, value=values)] == [b"other"]


def test_files_are_rewritten_under_their_names_and_only_those_that_know_the_account(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    for seq, who in enumerate(["u-12345", "b"], start=1):
        writer.add("events", pl.DataFrame({"account_id": [who], "ts": [NOON + (seq - 1) * 86_400_000]}))
        writer.stage(seq)
    writer.publish(1)
    writer.forget(1)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert erase(tmp_path, "u-12345", "erased-1") == {"events": 1}
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    assert after.keys() == before.keys()
    assert len([path for path in before if before[path] != after[path]]) == 1
    assert erase(tmp_path, "u-12345", "erased-1") == {}
    assert erase(tmp_path, "b", "erased-2") == {"events": 1}, "what is only staged is found too"
