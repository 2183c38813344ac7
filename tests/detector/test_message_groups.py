"""Reading and grouping messages as the stream does."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.campaign_files import templates_file
from detector.campaign_labels import open_bank
from detector.contract.errors import UsageError
from detector.contract.events import EVENT_SCHEMA
from detector.message_groups import MessageGroups
from detector.message_reader import MessageReader, shipped_reader
from detector.settings import Settings
from features import messages as m
from features.catalogue import DEFAULT
from features.columns import SHAPE
from features.details import Tails
from features.intake import Intake, arrive
from features.specialise import specialise
from features.text.language import CODES

PLAN = specialise(DEFAULT).plan
HOUR_MS = 3_600_000
PITCH = "Hello dear, I saw your profile and I think you are lovely, write to me at my other place"
CHAT = ("how was your weekend then", "I went hiking with my sister and her dog", "do you like thai food at all")
SPAM = "WINNER!! You have been selected for a 1000 pound prize, claim now at https://win-cash.example/claim code 8812"


def frame(*texts, sender=None):
    rows = [
        {
            "event_id": str(i),
            "type": "message",
            "account_id": sender or f"a{i}",
            "target_id": "b",
            "ts": i * 1000,
            "text": text,
        }
        for i, text in enumerate(texts)
    ]
    return pl.DataFrame(rows, schema=EVENT_SCHEMA)


def measures(*texts, **more):
    intake = Intake(PLAN, HOUR_MS, shipped_reader(), MessageGroups(1000))
    return intake.process(frame(*texts, **more)).columns.measures


def test_an_edited_copy_is_known_for_one():
    found = measures(PITCH, PITCH.upper() + " !!", PITCH.replace("lovely", "l o v e l y"), *CHAT)
    assert found[:3, m.COPIES].tolist() == [1, 2, 3]
    assert found[:3, m.SENDERS].tolist() == [1, 2, 3]
    assert (found[3:, m.SENDERS] <= 1).all()


def test_copies_of_one_text_have_one_shape_within_an_account():
    intake = Intake(PLAN, HOUR_MS, shipped_reader(), MessageGroups(1000))
    edited = PITCH.replace("lovely", "really lovely").replace("Hello", "Hi")
    shapes = intake.process(frame(PITCH, edited, CHAT[0], sender="a")).columns.halves[:, SHAPE]
    assert shapes[0] == shapes[1] != shapes[2]


def test_what_is_no_text_has_no_measures():
    found = measures(None, CHAT[0])
    assert (found[0] == -1).all()
    assert CODES[found[1, m.LANGUAGE]] == "en"


def test_spam_reads_as_spam_and_chat_does_not():
    found = measures(SPAM, *CHAT)
    assert found[0, m.SPAM] >= m.CATEGORY
    assert (found[1:, m.SPAM : m.HARASSMENT + 1] < m.CATEGORY).all()


def test_contacts_reach_those_who_group():
    arrived = arrive(frame("nothing here", "call me at 415 555 0123", None, "see foo.com"), PLAN, shipped_reader())
    contacts = arrived.messages.contacts
    assert contacts.row.tolist() == [1, 2]  # the third event has no text, so the fourth's is the third text
    assert contacts.values.strings() == ["4155550123", "foo.com"]


def test_without_a_reader_nothing_is_known_of_texts():
    arrived = arrive(frame(*CHAT), PLAN)
    assert arrived.messages is None
    assert (arrived.columns.measures == -1).all()


texts = st.lists(st.sampled_from([PITCH, PITCH + " now", SPAM, *CHAT, None, "hi"]), max_size=12)


@given(texts, st.integers(0, 12))
def test_where_a_batch_is_cut_changes_nothing(some, cut):
    def run(*parts):
        intake = Intake(PLAN, HOUR_MS, shipped_reader(), MessageGroups(100))
        return np.concatenate([intake.process(part).columns.halves for part in parts])

    whole = frame(*some)
    assert np.array_equal(run(whole), run(whole[:cut], whole[cut:]))


def read(*some):
    return arrive(frame(*some), PLAN, shipped_reader(), Tails()).messages


def grouped(groups, *some):
    return [column.tolist() for column in groups.process(read(*some))]


@pytest.mark.parametrize("capacity", [3, 1000])
def test_what_was_told_leads_to_the_same_state(capacity):
    groups, told = MessageGroups(capacity), []
    for number in range(30):
        groups.process(read(PITCH, f"{CHAT[number % 3]} number {number * 37}", SPAM))
        told.extend(groups.changes().values())
    copy = MessageGroups(capacity)
    for changes in told:
        copy.apply(changes)
    assert grouped(copy, PITCH, SPAM, *CHAT) == grouped(groups, PITCH, SPAM, *CHAT)


def test_what_was_told_since_the_turn_before_ended_is_the_whole_state():
    groups, told = MessageGroups(1000), []
    for number in range(30):
        groups.process(read(f"{PITCH} {number}", *(f"{text} {number} times" for text in CHAT)))
        told.extend(groups.changes().values())
    ends = [i for i, changes in enumerate(told) if changes["complete"][0]]
    assert 2 <= len(ends) < 15
    copy = MessageGroups(1000)
    for changes in told[ends[-2] + 1 :]:
        copy.apply(changes)
    assert grouped(copy, PITCH, *CHAT) == grouped(groups, PITCH, *CHAT)


def test_nothing_is_told_when_nothing_came():
    assert MessageGroups(10).changes() == {}


def test_an_encoder_that_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(UsageError, match="expected a static model"):
        MessageReader.load(Settings(encoder_dir=tmp_path))


def test_a_known_template_is_recognised_from_the_first_message_on(tmp_path):
    settings = Settings(campaigns_dir=tmp_path)
    reader = MessageReader.load(settings)
    edited = PITCH.replace("lovely", "really lovely").upper()
    before = arrive(frame(edited, *CHAT), PLAN, reader).columns.measures[:, m.TEMPLATE]
    bank = open_bank(settings)
    bank.add([PITCH], "camp_0000000000000001", "bot")
    bank.save(templates_file(settings))
    after = arrive(frame(edited, *CHAT), PLAN, reader).columns.measures[:, m.TEMPLATE]
    assert before.tolist() == [0] * 4
    assert after[0] > 800
    assert (after[1:] < 600).all()


def test_a_bank_that_breaks_while_it_is_in_use_leaves_the_templates_there_were(tmp_path, caplog):
    settings = Settings(campaigns_dir=tmp_path)
    bank = open_bank(settings)
    bank.add([PITCH], "camp_0000000000000001", "bot")
    bank.save(templates_file(settings))
    reader = MessageReader.load(settings)
    templates_file(settings).write_bytes(b"no bank")
    for _ in range(2):
        assert arrive(frame(PITCH), PLAN, reader).columns.measures[0, m.TEMPLATE] == 1000
    assert caplog.text.count("the templates read before stay in use") == 1
