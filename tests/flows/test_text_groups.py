"""The step where all messages meet, without Bytewax around it."""

import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from detector.campaign_files import AnalystFiles, allowed_file
from detector.campaigns import Allowed, add_allowed
from detector.contract.events import EVENT_SCHEMA
from detector.escalation import Escalation
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from detector.settings import Settings
from features.catalogue import DEFAULT
from features.intake import arrive
from features.specialise import specialise
from flows.batches import CampaignsTold, Mark, Recognised, TextAnswer, TextInput
from flows.checkpoints import Checkpoints
from flows.text_groups import TextLogic
from flows.worker_table import WorkerTable
from models.bank import TemplateBank
from models.encoder import StaticEncoder

START_MS = 1_767_571_200_000
DAY_MS = 86_400_000
PITCH = "Hello dear, I saw your profile and I think you are lovely, write to me at my other place"
MARK = Mark(0, START_MS)
TICK = TextInput(0, MARK, None)


def said(*senders: str, at_ms: int = START_MS) -> TextInput:
    rows = [
        {"event_id": f"{sender}-{at_ms}", "type": "message", "account_id": sender, "ts": at_ms + i, "text": PITCH}
        for i, sender in enumerate(senders)
    ]
    events = pl.DataFrame(rows, schema=EVENT_SCHEMA)
    read = arrive(events, specialise(DEFAULT).plan, shipped_reader()).messages
    return TextInput(7, MARK, read, events["event_id"], np.full(len(rows), 700, np.int32))


@pytest.fixture
def step(tmp_path: Path):
    """Make the step, from a state if there is one; what is decided and said lies beside it."""
    decided, analysts = [], Settings(campaigns_dir=tmp_path / "campaigns")

    def take() -> list:
        taken = decided[:]
        decided.clear()
        return taken

    def make(state=None, escalation=None) -> TextLogic:
        table = WorkerTable(MessageGroups(100), 1, 1, Checkpoints(tmp_path, "texts"))
        return TextLogic(table, take, AnalystFiles(analysts), state, escalation)

    return SimpleNamespace(make=make, decided=decided, allowed=allowed_file(analysts))


def campaigns(logic: TextLogic):
    told, _ = logic.on_batch([TICK])
    return [campaign for each in told if isinstance(each, CampaignsTold) for campaign in each.campaigns]


def test_a_question_is_answered_and_a_campaign_told_when_time_passes(step):
    logic = step.make()
    (answer,), _ = logic.on_batch([said("a", "b", "c", "d", "e")])
    assert isinstance(answer, TextAnswer)
    assert (answer.source, answer.number, answer.grouped.senders.tolist()) == (0, 7, [1, 2, 3, 4, 5])
    (campaign,) = campaigns(logic)
    assert campaign.members == answer.grouped.members[-1] == 5
    assert campaigns(logic) == []


def test_what_escalation_finds_goes_with_the_answer_and_into_the_lake(step, tmp_path):
    bank, encoder = TemplateBank(StaticEncoder.load()), StaticEncoder.load()
    bank.add([PITCH], "camp_000000000000000a")
    bank.save(tmp_path / "templates.safetensors")
    escalation = Escalation(encoder, tmp_path / "templates.safetensors", 100)
    logic, told, number = step.make(escalation=escalation), [], 0
    try:
        while not any(isinstance(each, Recognised) for each in told):
            told += logic.on_batch([said("a", at_ms=START_MS + number)])[0]
            number += 1
            assert number < 2_000
            time.sleep(0.005)
    finally:
        escalation.close()
    answer, recognised = told[-2:]
    assert answer.likeness[0] > 900
    assert set(recognised.rows["account_id"]) == {"a"}
    assert set(recognised.rows["campaign_id"]) == {"camp_000000000000000a"}


def test_the_end_of_the_stream_tells_what_is_still_to_tell(step):
    logic = step.make()
    logic.on_batch([said("a", "b", "c", "d", "e")])
    (told,), _ = logic.on_eof()
    assert told.campaigns[0].members == 5


def test_it_goes_on_from_its_snapshot(step):
    logic = step.make()
    logic.on_batch([said("a", "b", "c", "d", "e")])
    restored = step.make(logic.snapshot())
    answers = [each.on_batch([said("f", at_ms=START_MS + 60_000)])[0][0].grouped for each in (logic, restored)]
    assert [answer.members.tolist() for answer in answers] == [[6], [6]]
    assert answers[0].campaigns.tolist() == answers[1].campaigns.tolist()


def test_a_campaign_keeps_its_members_verdicts(step):
    logic = step.make()
    logic.on_batch([said("a", "b", "c", "d", "e")])
    step.decided += [SimpleNamespace(account_id="a", verdict="block"), SimpleNamespace(account_id="z", verdict="block")]
    (campaign,) = campaigns(logic)
    assert [(verdict.value, verdict.count) for verdict in campaign.verdicts] == [("block", 1)]


def test_what_analysts_allow_is_taken_up_while_the_stream_runs(step):
    logic = step.make()
    logic.on_batch([said("a", "b", "c", "d", "e")])
    assert campaigns(logic)[0].label is None
    add_allowed(step.allowed, [Allowed(text=PITCH)])
    assert campaigns(logic)[0].label == "benign"


def test_a_broken_allow_list_is_said_and_what_was_said_before_counts(step, caplog):
    add_allowed(step.allowed, [Allowed(text=PITCH)])
    logic = step.make()
    step.allowed.write_text("no entry\n")
    assert campaigns(logic) == []
    assert "what was said before still counts" in caplog.text
    logic.on_batch([said("a", "b", "c", "d", "e")])
    assert campaigns(logic) == []


def test_what_was_silent_for_three_months_is_forgotten(step):
    logic = step.make()
    logic.on_batch([said("a", "b")])
    later = Mark(0, START_MS + 91 * DAY_MS)
    logic.on_batch([TextInput(0, later, None)] * 3)
    (answer,), _ = logic.on_batch([said("c", at_ms=START_MS + 91 * DAY_MS)])
    assert answer.grouped.senders.tolist() == [1]
