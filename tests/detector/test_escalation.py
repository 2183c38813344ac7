"""What is in doubt is read again beside the stream, and the next message carries what was found."""

import threading
import time

import numpy as np
import polars as pl
import pytest

from detector.contract.events import EVENT_SCHEMA
from detector.escalation import DOUBT_END, DOUBT_MIN, MINILM_SCALE, Escalation
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from features.catalogue import DEFAULT
from features.intake import arrive
from features.specialise import specialise
from models.bank import TemplateBank
from models.encoder import StaticEncoder

START_MS = 1_767_571_200_000
KNOWN = "write to me on my other account, I have something lovely to show you tonight"
OTHER = "does anybody know how late the library is open during the holidays this year"


class Counting:
    """The shipped encoder, which counts its texts and can be held up."""

    def __init__(self):
        self.may_go = threading.Event()
        self.may_go.set()
        self._encoder, self.texts = StaticEncoder.load(), []
        self.model_id, self.dimensions = "another", self._encoder.dimensions

    def encode(self, folded):
        self.texts += folded.strings()
        self.may_go.wait()
        return self._encoder.encode(folded)


class Stream:
    """Sends messages through where all meet."""

    def __init__(self, folder):
        self.file, self.encoder = folder / "templates.safetensors", Counting()
        self.escalation, self._groups = Escalation(self.encoder, self.file, 100), MessageGroups(100)
        self._reader, self._count, self._recognised = shipped_reader(), 0, []

    def know(self, *texts):
        bank = TemplateBank(StaticEncoder.load())
        bank.add(texts, "camp_000000000000000a")
        bank.save(self.file)
        self.until(lambda: (self.send(("nobody", "hi"), likeness=0), self.escalation.templates == len(texts))[1])
        self.encoder.texts.clear()

    def send(self, *sent, likeness=700):
        rows = [
            {
                "event_id": f"e{self._count + i}",
                "type": "message",
                "account_id": sender,
                "ts": START_MS + i,
                "text": text,
            }
            for i, (sender, text) in enumerate(sent)
        ]
        self._count += len(rows)
        events = pl.DataFrame(rows, schema=EVENT_SCHEMA)
        messages = arrive(events, specialise(DEFAULT).plan, self._reader).messages
        known = np.full(len(rows), likeness, np.int32)
        found = self.escalation.process(
            events["event_id"], messages, known, self._groups.process(messages), time.monotonic()
        )
        self._recognised += found.recognised.to_dicts()
        return found

    def until(self, holds):
        deadline = time.monotonic() + 10
        while not holds():
            assert time.monotonic() < deadline, "nothing came within ten seconds"
            time.sleep(0.005)

    def recognised(self, count=1):
        """Send small talk until so many messages were recognised; they are told once."""
        self.until(lambda: (self.send(("nobody", "hi"), likeness=0), len(self._recognised) >= count)[1])
        found, self._recognised = self._recognised, []
        return found


@pytest.fixture
def stream(tmp_path):
    made = Stream(tmp_path)
    yield made
    made.encoder.may_go.set()
    made.escalation.close()


def test_the_next_message_of_the_account_carries_what_was_found_once(stream):
    stream.know(KNOWN)
    stream.encoder.may_go.clear()
    assert stream.send(("bot", KNOWN)).likeness.tolist() == [0]
    stream.encoder.may_go.set()
    (row,) = stream.recognised()
    assert (row["account_id"], row["campaign_id"], row["ts"]) == ("bot", "camp_000000000000000a", START_MS)
    assert row["similarity"] == pytest.approx(1, abs=0.02)
    later = stream.send(("bot", "hello"), ("bot", "are you there"), ("other", "hello"), likeness=0)
    assert later.likeness.tolist() == [int(1000 * row["similarity"]), 0, 0]


def test_a_copy_by_another_account_is_known_at_once_and_read_once(stream):
    stream.know(KNOWN)
    stream.send(("bot", KNOWN))
    stream.recognised()
    again = stream.send(("second", KNOWN + " !"), ("third", KNOWN))
    assert again.likeness.min() > DOUBT_END
    assert {row["account_id"] for row in stream.recognised(2)} == {"second", "third"}
    assert len(stream.encoder.texts) == 1


@pytest.mark.parametrize("likeness", [DOUBT_MIN - 1, DOUBT_END])
def test_what_is_not_in_doubt_is_not_read_again(likeness, stream):
    stream.know(KNOWN)
    stream.send(("bot", KNOWN), likeness=likeness)
    stream.send(("bot", OTHER))
    stream.until(lambda: stream.encoder.texts)
    assert stream.encoder.texts == [OTHER]


def test_what_several_accounts_send_is_in_doubt_however_little_it_is_like_a_template(stream):
    stream.know(KNOWN)
    stream.send(("a", OTHER), ("b", OTHER), ("c", OTHER), likeness=0)
    stream.until(lambda: stream.encoder.texts)
    assert stream.encoder.texts == [OTHER]
    stream.until(lambda: (stream.send(("nobody", "hi"), likeness=0), stream.escalation.counted()[0])[1])
    assert stream.send(("c", "hello"), likeness=0).likeness.tolist() == [0]  # it was read, and is no rewording


def test_without_known_templates_nothing_is_read(stream):
    stream.send(("bot", KNOWN))
    assert stream.escalation.counted() == (0, 0)
    assert stream.encoder.texts == []


def test_what_the_budget_passes_over_is_counted(stream):
    stream.know(KNOWN)
    letters = np.random.default_rng(1).choice(list("abcdefghiklmnoprstuv"), (400, 8, 5))
    stream.send(*((f"p{i}", " ".join(map("".join, words))) for i, words in enumerate(letters)))
    assert stream.escalation.counted()[1] > 0


def test_templates_that_come_later_are_taken_up(stream):
    stream.know(OTHER)
    stream.know(OTHER, KNOWN)
    stream.send(("bot", KNOWN))
    assert [row["account_id"] for row in stream.recognised()] == ["bot"]


def test_the_scale_rises():
    assert (np.diff(MINILM_SCALE, axis=0) > 0).all()
