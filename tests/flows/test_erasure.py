"""`gillnet erase` against a deployment that ran: afterwards nothing on disk names the person."""

import json
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest

from detector.lake import LakeWriter
from detector.lake.staged import SUFFIX, read_epoch
from flows.blocks import read_blocks
from flows.clients import ensure_topics
from flows.erasure import pseudonym_of
from flows.producer import produce
from flows.state import locked

PERSON = 'pérson-7f3a"\\'
SECRET = "only one person ever wrote this sentence"
START_MS = 1_767_571_200_000
GILLNET = str(Path(sys.executable).with_name("gillnet"))

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)  # which broker it is makes no difference


def event(number: int, account: str, **more: Any) -> tuple[bytes, bytes]:
    fields = {"event_id": f"e{number}", "type": "message", "account_id": account, "ts": START_MS + number * 500} | more
    return account.encode(), json.dumps(fields).encode()


def told(first: int) -> list[tuple[bytes, bytes]]:
    """Let the person write to others, and others to and about the person; some of it is no event."""
    made = []
    for number in range(first, first + 120, 4):
        made += [
            event(number, PERSON, target_id=f"other-{number % 7}", text=SECRET, ip="192.0.2.77", device_id="d-1"),
            event(number + 1, f"other-{number % 7}", target_id=PERSON, text=f"hello {PERSON}, how are you"),
            event(number + 2, "other-1", target_id="other-2", text="nothing", note={"about": PERSON, "n": 1}),
            event(number + 3, "other-3", conversation_id=f"{PERSON}:other-3", text="hey you there", links=[PERSON]),
        ]
    broken = json.dumps({"event_id": "x", "type": "nonsense", "account_id": PERSON, "ts": START_MS}).encode()
    return [*made, (b"k", broken), (b"k", PERSON.encode() + b" {")]


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Give every file under a folder as text, what is packed unpacked too."""
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        yield str(path.relative_to(folder)), path.read_bytes().decode(errors="replace")
        if path.suffix == ".parquet":
            yield str(path.relative_to(folder)), _said(pl.read_parquet(path, hive_partitioning=False))
        elif path.suffix == SUFFIX:
            for _, rows in read_epoch(path):
                yield str(path.relative_to(folder)), _said(rows)
        elif path.parent.name == "checkpoints":
            content = path.read_bytes()
            for block in read_blocks(content, len(content)):
                yield str(path.relative_to(folder)), " ".join(_bytes(array) for array in block.values())
        elif path.suffix == ".sqlite3":
            with closing(sqlite3.connect(path)) as store:
                yield str(path.relative_to(folder)), str(store.execute("SELECT ser_change FROM snaps").fetchall())


def _bytes(array: np.ndarray) -> str:
    return array.tobytes().decode(errors="replace")


def _said(rows: pl.DataFrame) -> str:
    return "\n".join(str(row) for row in rows.rows())


def found(folder: Path) -> dict[str, str]:
    """Name the files that know the person, with what they know."""
    needles = {PERSON, json.dumps(PERSON)[1:-1], repr(PERSON)[1:-1], "7f3a", SECRET, "192.0.2.77"}
    return {name: needle for name, text in contents(folder) for needle in needles if needle in text}


@pytest.fixture(scope="module")
def erased(new_stream: Callable[..., Any]) -> Any:
    """Run a deployment, label the person and put them into a campaign, erase them, and run on."""
    stream = new_stream(lake_flush_seconds=0.3)
    ensure_topics(stream.settings)
    produce(stream.settings, stream.settings.events_topic, [told(0)])
    stream.first = stream.run()
    lake = LakeWriter(stream.settings.lake_dir, "extra")
    lake.add(
        "labels", pl.DataFrame({"account_id": [PERSON, "other-1"], "label": [1, 0], "labelled_at": [START_MS] * 2})
    )
    campaign = {
        "campaign_id": ["c"], "template": [SECRET], "examples": [[SECRET, "nothing"]], "members": [2],
        "member_ids": [[PERSON, "other-1"]], "updated_at": [START_MS],
    }  # fmt: skip
    lake.add("campaigns", pl.DataFrame(campaign))
    lake.stage(1)
    lake.publish(1)
    lake.forget(1)
    stream.before = found(stream.settings.state_dir.parent)
    stream.rows = pl.read_parquet(stream.settings.lake_dir / "events" / "**" / "*.parquet").height
    stream.said = gillnet(stream, "erase", "--json", "--", PERSON)
    stream.after = found(stream.settings.state_dir.parent)
    return stream


def gillnet(stream: Any, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GILLNET, *args], env=stream.environment, capture_output=True, text=True, timeout=300, check=False
    )


def test_state_and_lake_knew_the_person_before(erased: Any):
    assert any("accounts-" in name for name in erased.before)
    assert len([name for name in erased.before if name.endswith(".parquet")]) > 3


def test_nothing_on_disk_names_the_person_afterwards(erased: Any):
    assert erased.said.returncode == 0, erased.said.stderr
    assert erased.after == {}


def test_their_rows_went_and_those_of_others_stayed(erased: Any):
    note = json.loads(erased.said.stdout)
    rows = pl.read_parquet(erased.settings.lake_dir / "events" / "**" / "*.parquet")
    assert rows.height == erased.rows - note["lake_rows"]["events"] == 90
    assert note["lake_rows"]["dead_letters"] == 2
    assert note["lake_rows"]["labels"] == 1
    assert note["known_to_state"]
    assert rows.filter(pl.col("target_id") == note["pseudonym"]).height == 30
    campaigns = pl.read_parquet(erased.settings.lake_dir / "campaigns" / "**" / "*.parquet")
    campaign = campaigns.row(by_predicate=pl.col("campaign_id") == "c", named=True)
    assert (campaign["member_ids"], campaign["examples"], campaign["template"]) == (["other-1"], ["nothing"], None)


def test_the_note_names_nobody_but_tells_who_has_the_key(erased: Any):
    folder = erased.settings.state_dir
    (note,) = (folder / "erased.jsonl").read_text().splitlines()
    assert set(json.loads(note)) == {"schema", "pseudonym", "erased_at", "known_to_state", "lake_rows"}
    assert json.loads(note)["pseudonym"] == pseudonym_of((folder / "erasure.key").read_bytes(), PERSON)
    assert pseudonym_of(b"another key", PERSON) != json.loads(note)["pseudonym"]
    assert (folder / "erasure.key").stat().st_mode & 0o077 == 0


def test_the_stream_goes_on_and_judges_the_others_as_if_nothing_happened(erased: Any):
    others = [pair for pair in told(200) if PERSON.encode() != pair[0] and pair[0] != b"k"]
    produce(erased.settings, erased.settings.events_topic, [others])
    assert erased.run()["processed"] == len(others)
    wanted = [decision for decision in erased.expected()[0] if decision[1] != PERSON]
    assert [decision for decision in erased.decisions() if decision[1] != PERSON] == wanted
    assert len(wanted) > 5


def test_erasing_somebody_nobody_knows_changes_nothing_but_the_notes(erased: Any):
    before = {path: path.read_bytes() for path in erased.settings.lake_dir.rglob("*.parquet")}
    note = json.loads(gillnet(erased, "erase", "--json", "nobody-at-all").stdout)
    assert (note["known_to_state"], note["lake_rows"]) == (False, {})
    assert {path: path.read_bytes() for path in erased.settings.lake_dir.rglob("*.parquet")} == before


def test_a_running_deployment_is_left_alone(erased: Any):
    with locked(erased.settings.state_dir):
        done = gillnet(erased, "erase", "other-1")
    assert done.returncode == 1
    assert re.search(r"in use by process \d+: stop that one first", done.stderr)


def test_a_key_of_ones_own_makes_the_pseudonym(erased: Any):
    erased_env = erased.environment | {"GILLNET_ERASURE_KEY": "hush"}
    done = subprocess.run(
        [GILLNET, "erase", "--json", "x"], env=erased_env, capture_output=True, text=True, timeout=300, check=True
    )
    assert msgspec.json.decode(done.stdout)["pseudonym"] == pseudonym_of(b"hush", "x")
