from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from detector import cli, replay
from detector.contract.decisions import Decision, Reason
from detector.contract.events import EVENT_SCHEMA
from detector.investigate import TEXT_CHARACTERS_MIN, UnknownAccountError, investigate
from detector.lake import LakeWriter, decisions_frame
from detector.sql import Lake

NOON = 1_767_614_400_000  # 2026-01-05T12:00:00Z
PITCH = "meet me on my page, dear \x1b[31mfriend[/red]"
BOT = "bot"


def event(n: int, account: str, kind: str = "message", **fields: object) -> dict[str, object]:
    return {"event_id": f"{account}-{n}", "type": kind, "account_id": account, "ts": NOON + n * 60_000, **fields}


def story() -> pl.DataFrame:
    rows = [event(n, BOT, target_id=f"h{n}", text=PITCH, device_id="d1", ip="10.0.0.1") for n in range(12)]
    rows += [event(n, f"h{i}", target_id="x", text="hi") for i in range(8) for n in range(i + 1)]
    rows += [event(0, "twin", text=PITCH, device_id="d1"), event(0, "neighbour", "login", ip="10.0.0.1")]
    rows += [event(0, "neighbour2", "login", ip="10.0.0.1"), event(20, "h1", "report", target_id=BOT)]
    rows += [event(21, "h2", "block", target_id=BOT), event(22, "h2", "report", target_id=BOT)]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA).sort("ts", maintain_order=True)


def decision(account: str) -> Decision:
    at = "2026-01-05T12:05:00.000Z"
    return Decision(
        decision_id=f"d-{account}",
        account_id=account,
        verdict="block",
        previous_verdict="allow",
        score=0.97,
        reasons=(Reason("MASS", "Writes to many strangers within an hour", "targets_distinct_1h", 12.0, 2.0),),
        event_id=f"{account}-5",
        event_ts=at,
        decided_at=at,
        expires_at=None,
        campaign_id=None,
        model_version="m1",
        policy_version="p1",
        shadow=False,
    )


@pytest.fixture(scope="module")
def lake_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("investigate")
    events = story()
    writer = LakeWriter(folder / "lake", "w0")
    writer.add("events", events.with_columns(outcome=pl.lit("processed"), offset=pl.int_range(events.height)))
    writer.add("vectors", replay.vectors(events))
    told = [{"account_id": name, "kind": "messenger", "value": "telegram:coin", "ts": NOON} for name in (BOT, "pusher")]
    writer.add("contacts", pl.DataFrame(told))
    member = {
        "event_id": "m",
        "ts": NOON,
        "score": 0.97,
        "verdict": "block",
        "model_version": "m1",
        "campaign_id": "camp_00000000000000aa",
    }
    writer.add("scores", pl.DataFrame([member | {"account_id": name} for name in (BOT, "member")]))
    writer.add("decisions", decisions_frame([decision(BOT), decision("twin")]))
    writer.add("labels", pl.DataFrame({"account_id": [BOT], "label": [1], "labelled_at": [NOON]}))
    writer.stage(1)
    writer.publish(1)
    return folder / "lake"


def test_an_account_stands_where_its_latest_decision_put_it(lake_dir: Path):
    standing = investigate(Lake(lake_dir), BOT).standing
    assert (standing.verdict, standing.score, standing.model_version) == ("block", 0.97, "m1")
    assert (standing.events, standing.label, standing.reported_by) == (12, 1, 2)
    assert standing.campaign_id == "camp_00000000000000aa"


def test_decisions_come_with_their_reasons(lake_dir: Path):
    (found,) = investigate(Lake(lake_dir), BOT).decisions
    assert found["reasons"][0]["text"] == "Writes to many strangers within an hour"


def test_the_timeline_is_the_newest_events_newest_first(lake_dir: Path):
    case = investigate(Lake(lake_dir), BOT, events_shown=2)
    assert [row["event_id"] for row in case.timeline] == ["bot-11", "bot-10"]
    assert case.counts == {"message": 12}
    assert sum(case.activity) == 12


def test_features_are_those_the_stream_computed(lake_dir: Path):
    kept = Lake(lake_dir).rows("SELECT * FROM vectors WHERE event_id = 'bot-11'")[0]
    measures = investigate(Lake(lake_dir), BOT).measures
    assert {m.name: m.value for m in measures} == {m.name: pytest.approx(kept[m.name]) for m in measures}
    assert len(measures) > 10


def test_what_stands_out_most_comes_first(lake_dir: Path):
    case = investigate(Lake(lake_dir), BOT)
    assert case.population == 11
    extremes = [abs((m.percentile or 0.0) - 50) for m in case.measures]
    assert extremes[0] > 40
    assert case.measures[0].percentile == 100.0
    assert min(extremes) == pytest.approx(extremes[-1], abs=1)


def test_who_shares_more_and_rarer_things_is_closer(lake_dir: Path):
    case = investigate(Lake(lake_dir), BOT)
    assert [(link.account_id, link.verdict, link.shared) for link in case.linked] == [
        ("twin", "block", {"device_id": 1, "text": 1}),
        ("member", "allow", {"campaign": 1}),
        ("pusher", "allow", {"contact": 1}),
        ("neighbour", "allow", {"ip": 1}),
        ("neighbour2", "allow", {"ip": 1}),
    ]


def test_a_greeting_everybody_writes_links_nobody(lake_dir: Path):
    assert len("hi") < TEXT_CHARACTERS_MIN
    assert investigate(Lake(lake_dir), "h3").linked == []


def test_an_account_only_others_name_is_still_a_case(tmp_path: Path):
    writer = LakeWriter(tmp_path, "w0")
    rows = [event(0, "h1", "report", target_id="silent")]
    writer.add("events", pl.DataFrame(rows, schema=EVENT_SCHEMA))
    writer.stage(1)
    writer.publish(1)
    case = investigate(Lake(tmp_path), "silent")
    assert (case.standing.events, case.standing.reported_by, case.measures) == (0, 1, [])


def test_an_account_nobody_saw_is_unknown(lake_dir: Path):
    with pytest.raises(UnknownAccountError, match="nothing of account 'ghost'"):
        investigate(Lake(lake_dir), "ghost")


def gillnet(*args: str) -> int:
    with pytest.raises(SystemExit) as stop:
        cli.main(["investigate", *args])
    assert isinstance(stop.value.code, int)
    return stop.value.code


def test_the_command_shows_the_case_and_nothing_a_terminal_obeys(lake_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert gillnet(BOT, "--lake-dir", str(lake_dir)) == 0
    shown = capsys.readouterr().out
    assert "\x1b" not in shown
    assert r"\x1b[31mfriend[/red]" in shown
    for words in ("verdict     block", "allow → block", "Writes to many strangers", "twin  block  shares 1 device"):
        assert words in shown


def test_the_command_speaks_json(lake_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert gillnet(BOT, "--lake-dir", str(lake_dir), "--json") == 0
    case = json.loads(capsys.readouterr().out)
    assert case["standing"]["first_seen"] == "2026-01-05T12:00:00Z"
    assert case["linked_total"] == 5


def test_the_command_fails_on_an_unknown_account_in_one_line(lake_dir: Path, capsys: pytest.CaptureFixture[str]):
    assert gillnet("gh\x1b[31most", "--lake-dir", str(lake_dir)) == 1
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert "FROM accounts WHERE account_id ILIKE" in error
