"""A campaign on its way through the stream: formed, published, kept in the lake, and known by its members' scores."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from detector.contract import campaigns

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)  # which broker it is makes no difference
START_MS = 1_767_571_200_000
NAMES = ("Anna", "Bob", "Carla", "Dan", "Eve", "Finn", "Gina", "Hugo", "Ida", "Jon", "Kim", "Leo")
CHAT = ("how was your weekend", "hiking with my sister", "do you like thai", "see you at eight")


def message(number: int, sender: str, target: str, text: str) -> tuple[bytes, bytes]:
    event = {"event_id": f"e{number}", "type": "message", "account_id": sender, "target_id": target, "text": text}
    return sender.encode(), json.dumps(event | {"ts": START_MS + number * 1000}).encode()


def stream_of(senders: int) -> list[tuple[bytes, bytes]]:
    """Make what some accounts say who all send one pitch, and some who only talk."""
    said = []
    for number in range(senders):
        pitch = f"Hello dear {NAMES[number]}, I make {500 + number} dollars a day with coins, telegram @coin_anna7"
        said += [(f"bot{number}", f"victim{number}", pitch), (f"person{number}", f"friend{number}", CHAT[number % 4])]
    return [message(i, *each) for i, each in enumerate(said)]


@pytest.fixture(scope="module")
def done(new_stream: Callable[..., Any]) -> Any:
    stream = new_stream(topic_partitions=1)
    stream.send(stream_of(6))
    stream.run("--scores")
    stream.send(stream_of(12)[12:])
    stream.run("--scores")
    return stream


def table(stream: Any, name: str) -> pl.DataFrame:
    return pl.read_parquet(Path(stream.settings.lake_dir) / name / "**" / "*.parquet")


def test_a_campaign_is_published_as_it_grows_and_lasts_from_run_to_run(done: Any):
    told = [campaigns.decode(m.value()) for m in done.read(done.settings.campaigns_topic)]
    assert {campaign.campaign_id for campaign in told} == {told[0].campaign_id}
    assert told[-1].members == 12
    assert set(told[-1].member_ids) == {f"bot{number}" for number in range(12)}
    assert [contact.value for contact in told[-1].contacts] == ["telegram:coin_anna7"]
    assert [m.key().decode() for m in done.read(done.settings.campaigns_topic)] == [c.campaign_id for c in told]


def test_the_lake_has_every_state_that_was_published(done: Any):
    told = [campaigns.decode(m.value()) for m in done.read(done.settings.campaigns_topic)]
    rows = table(done, "campaigns").sort("updated_at")
    assert rows.select("campaign_id", "members").rows() == [(c.campaign_id, c.members) for c in told]


def test_a_members_scores_name_the_campaign_from_when_it_formed(done: Any):
    named = table(done, "scores").filter(pl.col("campaign_id").is_not_null())
    (campaign,) = named["campaign_id"].unique()
    assert campaign == table(done, "campaigns")["campaign_id"][0]
    assert {account[:3] for account in named["account_id"]} == {"bot"}
    assert "bot11" in set(named["account_id"])


def test_the_lake_has_each_members_contact(done: Any):
    rows = table(done, "contacts").filter(value="telegram:coin_anna7")
    assert set(rows["account_id"]) == {f"bot{number}" for number in range(12)}
    assert set(rows["field"]) == {"text"}
