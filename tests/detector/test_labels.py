from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from detector.contract.errors import UsageError
from detector.contract.labels import LABELS_SCHEMA, Label, LabelError, decode_label, encode_label, read_labels

AT_MS = 1_767_571_200_000


def written(tmp_path: Path, name: str, text: str) -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_form_of_the_same_labels_reads_the_same(tmp_path: Path):
    csv = "account_id,label,labelled_at,source\na,bot,2026-01-05T00:00:00Z,analyst\nb,0,,\n"
    jsonl = (
        f'{{"account_id":"a","label":1,"labelled_at":{AT_MS},"source":"analyst"}}\n\n'
        '{"account_id":"b","label":"human"}\n'
    )
    packed = tmp_path / "labels.jsonl.zst"
    with pa.CompressedOutputStream(str(packed), "zstd") as stream:
        stream.write(jsonl.encode())
    table = tmp_path / "labels.parquet"
    moment = datetime(2026, 1, 5, tzinfo=UTC)
    pl.DataFrame(
        {
            "account_id": ["a", "b"],
            "label": [1, 0],
            "labelled_at": [moment, None],
            "source": ["analyst", None],
        }
    ).write_parquet(table)
    for path in (written(tmp_path, "l.csv", csv), written(tmp_path, "l.jsonl", jsonl), packed, table):
        read = read_labels(path)
        assert read.schema == LABELS_SCHEMA
        assert read.rows() == [("a", 1, AT_MS, "analyst", None, None, None), ("b", 0, None, None, None, None, None)]


def test_the_latest_label_of_an_account_counts(tmp_path: Path):
    path = written(
        tmp_path,
        "l.csv",
        "account_id,label,labelled_at\n"
        "a,bot,2026-01-02T00:00:00Z\na,human,2026-01-01T00:00:00Z\na,0,\nb,bot,\nb,human,\n",
    )
    assert read_labels(path).select("account_id", "label").rows() == [("a", 1), ("b", 0)]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.csv", "id,label\n1,bot\n", "at least the columns account_id, label, got id, label"),
        (
            "l.csv",
            "account_id,label\na,bot\nb,maybe\n",
            "row 3: label: expected bot, human, 1 or 0, got 'maybe'",
        ),
        ("l.csv", 'account_id,label,note\na,bot,"two\nlines"\n,1,\n', "row 4: account_id: expected"),
        (
            "l.csv",
            "account_id,label,labelled_at\na,bot,2026-01-01\n",
            "row 2: labelled_at: expected RFC 3339",
        ),
        ("l.csv", 'account_id,label\na,"bot\n', "expected CSV"),
        ("l.jsonl", '{"account_id":"a","label":1}\n{"account_id":"a"}\n', "row 2: label: expected"),
        ("l.jsonl", '{"account_id":"a","label":1}\nnope\n', "row 2: expected a label as a JSON object"),
        ("l.jsonl", '{"account_id":"a","label":2}', "row 1: label: expected"),
        ("l.jsonl", '{"account_id":"a","label":1,"note":5}', "row 1: note: expected a string, got 5"),
        ("l.parquet", "text", "expected parquet data"),
    ],
)
def test_a_wrong_row_is_named_with_what_was_expected(tmp_path: Path, name: str, text: str, message: str):
    with pytest.raises(UsageError) as raised:
        read_labels(written(tmp_path, name, text))
    assert message in str(raised.value)
    assert name in str(raised.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path):
    path = tmp_path / "labels.csv"
    path.write_bytes(b"account_id,label\n\xff\xfe,bot\n")
    with pytest.raises(UsageError, match="save it as UTF-8"):
        read_labels(path)


def test_an_empty_file_has_no_labels(tmp_path: Path):
    assert read_labels(written(tmp_path, "l.csv", "account_id,label\n")).is_empty()
    assert read_labels(written(tmp_path, "l.jsonl", "")).schema == LABELS_SCHEMA


def test_a_label_survives_its_topic():
    label = Label(account_id="a", label="bot", labelled_at="2026-01-05T00:00:00.000Z", family="romance")
    assert decode_label(encode_label(label)) == label
    assert label.is_bot
    assert b'"schema":"gillnet.label/1"' in encode_label(label)


@pytest.mark.parametrize("value", [b"", b"[]", b"\xff", b'{"account_id":"a"}', b"[" * 5_000, b'{"label":"bot"}'])
def test_a_value_that_is_no_label_is_refused(value: bytes):
    with pytest.raises(LabelError):
        decode_label(value)


def test_a_campaign_column_says_who_acts_together(tmp_path: Path) -> None:
    path = written(tmp_path, "l.csv", "account_id,label,campaign\na,1,c1\nb,0,\n")
    assert read_labels(path)["campaign"].to_list() == ["c1", None]
