"""Campaigns form, grow, merge, close and are told, whatever the batches."""

import random
import tracemalloc

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.campaigns import Allowed, Batch, Campaigns, add_allowed, read_allowed
from detector.campaigns.template import template_of
from detector.contract.campaigns import Status, campaign_id, campaign_number, decode
from detector.contract.decisions import Verdict, encode
from detector.contract.errors import UsageError
from features.hashing import keys
from features.text.column import TextColumn
from features.text.contacts import find_contacts
from features.text.fold import normalise
from features.text.language import guess_languages
from features.text.near_duplicates import NearDuplicates
from features.text.signatures import sign

HOUR, DAY = 3_600_000, 86_400_000
START = 1_700_000_400_000 // HOUR * HOUR
SPAM = "hey i am new here and looking for something serious, write me on telegram @{} please"
CHAT = "does anybody know a good place for pizza near the old railway station"


class Stream:
    """Messages (account, text, time) go to near duplicates and to campaigns, as they do in the engine."""

    def __init__(self, **options):
        self.near, self.campaigns = NearDuplicates(1 << 10), Campaigns(**options)
        self.published = {}

    def send(self, rows):
        accounts, texts, ts = zip(*rows, strict=True) if rows else ((), (), ())
        raw, ids = TextColumn.of(list(texts)), pl.Series(accounts, dtype=pl.String)
        senders, times = keys(ids), np.array(ts, np.int64)
        matches = self.near.process(sign(normalise(raw).full), senders, times, raw)
        batch = Batch(senders, ids, times, guess_languages(raw), raw, find_contacts(raw))
        return self.campaigns.observe(batch, matches)

    def judge(self, verdict, *accounts):
        self.campaigns.tell_verdicts(
            keys(pl.Series(accounts, dtype=pl.String)), np.full(len(accounts), verdict, np.int8)
        )

    def updated(self):
        told = self.campaigns.updated()
        self.published |= {campaign.campaign_id: campaign for campaign in told}
        return told


def crowd(text, senders, step=HOUR, start=START, name="bot"):
    return [(f"{name}-{i}", text.format(f"olga{i % 7}"), start + i * step) for i in range(senders)]


def state_of(campaigns):
    return {name: array.tolist() for name, array in campaigns.snapshot().items()}


TEXT = "we are all of us going over there to see what they have got in the new shop by the river"
WORDS = TEXT.split()


@st.composite
def streams(draw):
    """Draw messages of a few campaigns and of people, contacts among them, in disorder; and where batches end."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    texts = [" ".join(rng.sample(WORDS, 9)) for _ in range(6)]
    now, rows = START, []
    for _ in range(draw(st.integers(1, 150))):
        now += rng.choice([0, 1000, HOUR, HOUR, 3 * DAY, 40 * DAY] if rng.random() < 0.3 else [0, 1000])
        text = rng.choice(texts) + rng.choice(["", "", " at shop-one.com", " at shop-two.com", " :)"])
        rows.append((f"a{rng.randrange(12)}", text, now - rng.choice([0, 0, 2 * HOUR])))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    return rows, list(zip([0, *cuts], [*cuts, len(rows)], strict=True))


@given(streams(), st.sampled_from([1, 2, 100]), st.sampled_from([4, 1000]))
@settings(max_examples=60)
def test_neither_answers_nor_state_depend_on_where_batches_end(stream, capacity, members_max):
    rows, batches = stream
    whole, parts = (Stream(capacity=capacity, members_max=members_max) for _ in range(2))
    said = [
        np.concatenate(column).tolist() for column in zip(*(parts.send(rows[a:b]) for a, b in batches), strict=True)
    ]
    assert said == [column.tolist() for column in whole.send(rows)]
    assert state_of(parts.campaigns) == state_of(whole.campaigns)


@given(streams(), st.data())
@settings(max_examples=60)
def test_what_was_told_leads_to_the_same_state(stream, data):
    rows, batches = stream
    told, other = Stream(), Campaigns()
    for begin, end in batches:
        told.send(rows[begin:end])
        judged = data.draw(st.lists(st.integers(0, 11), max_size=5, unique=True))
        told.judge(data.draw(st.sampled_from([Verdict.ALLOW, Verdict.BLOCK])), *[f"a{i}" for i in judged])
        if data.draw(st.booleans()) and (changes := told.campaigns.changes()) is not None:
            other.apply(changes)
    if (changes := told.campaigns.changes()) is not None:
        other.apply(changes)
    assert state_of(other) == state_of(told.campaigns)
    third = Campaigns()
    third.apply(told.campaigns.snapshot())
    assert state_of(third) == state_of(told.campaigns)
    assert third.updated() == told.updated()


def test_three_accounts_with_one_text_are_a_campaign_from_their_first_message():
    stream = Stream()
    said = stream.send(crowd(SPAM, 3))
    assert said.members.tolist() == [0, 0, 3]
    (campaign,) = stream.updated()
    assert campaign.campaign_id == campaign_id(int(said.campaigns[2]))
    assert campaign_number(campaign.campaign_id) == said.campaigns[2]
    assert campaign.member_ids == ("bot-0", "bot-1", "bot-2")
    assert (campaign.status, campaign.members, campaign.messages) == (Status.FORMING, 3, 3)
    assert campaign.first_seen == "2023-11-14T22:00:00.000Z"


def test_what_three_accounts_paste_is_a_campaign_once_five_did():
    stream = Stream()
    said = stream.send(crowd(CHAT, 5, step=DAY))
    assert said.members.tolist() == [0, 0, 0, 0, 5]


@pytest.mark.parametrize("senders", [3, 7], ids=["in no campaign", "in a campaign"])
def test_three_accounts_that_shared_another_text_before_are_a_campaign(senders):
    stream = Stream()
    other = "does anyone of you still have the notes from the meeting about the garden"
    stream.send(crowd(other, senders, step=HOUR))
    said = stream.send([(f"bot-{i}", CHAT, START + DAY + i * HOUR) for i in (senders - 2, senders - 1, 9)])
    assert said.members.tolist() == [0, 0, 3]


@pytest.mark.parametrize("step", [60_000, HOUR], ids=["at once", "apart, one of them twice"])
def test_lines_that_three_accounts_paste_together_are_no_campaign(step):
    lines = ("in some cases useful info is found in the syslog of the machine", CHAT)
    rows = [(f"p{i % 3}", line, START + i * step) for i in range(4) for line in lines]
    assert not Stream().send(rows).campaigns.any()


def test_a_flood_of_one_text_takes_memory_by_its_messages_and_not_by_their_pairs():
    stream = Stream()
    stream.send([("p0", CHAT, START + i * 1000) for i in range(10_000)])
    tracemalloc.start()
    stream.send([(f"p{i}", CHAT, START + DAY + i * HOUR) for i in (1, 2)])
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 100 << 20


def test_a_campaign_grows_and_is_told_again_only_when_it_changed():
    stream = Stream()
    stream.send(crowd(SPAM, 8))
    assert [campaign.status for campaign in stream.updated()] == [Status.ACTIVE]
    assert stream.updated() == ()
    assert stream.send([("bot-3", SPAM.format("olga9"), START + DAY)]).members.tolist() == [8]
    (campaign,) = stream.updated()
    assert (campaign.members, campaign.messages) == (8, 9)


@pytest.mark.parametrize("text", ["how are you", "happy new year to all", "what do you think of that"])
def test_what_many_say_in_their_own_words_is_no_campaign(text):
    stream = Stream()
    rng = random.Random(1)
    said = stream.send([(f"p{i}", f"{text} {' '.join(rng.sample(WORDS, 4))}", START + i * HOUR) for i in range(40)])
    assert not said.campaigns.any()


def test_copies_years_apart_are_no_campaign():
    assert not Stream().send(crowd(CHAT, 6, step=100 * DAY, name="p")).campaigns.any()


def test_a_template_shows_what_varies():
    stream = Stream()
    names = ("anna", "lena", "kate", "olga", "nina", "vera", "maria")
    stream.send(
        [
            (f"b{i}", f"hi {name}, i made {i + 2}00 dollars this week, ask me how at pay-day.com", START + i)
            for i, name in enumerate(names)
        ]
    )
    (campaign,) = stream.updated()
    assert campaign.template == "hi {…} i made {amount} this week ask me how at {link}"
    assert [(link.value, link.count) for link in campaign.links] == [("pay-day.com", 3)]
    assert template_of([]) == ""


def test_campaigns_with_one_contact_are_one_and_the_older_name_lasts():
    stream = Stream()
    other = "my uncle pays everyone who calls him today, ask for details at shop-one.com right now"
    stream.send(
        crowd(SPAM.replace("telegram @{}", "my page shop-one.com"), 5) + crowd(other, 5, start=START + DAY, name="late")
    )
    told = {campaign.status: campaign for campaign in stream.updated()}
    one = told[Status.ACTIVE]
    assert told[Status.MERGED].merged_into == one.campaign_id
    assert (one.members, one.messages) == (10, 10)
    said = stream.send([("new", other, START + 2 * DAY)])
    assert said.campaigns.tolist() == [campaign_number(one.campaign_id)]


def test_a_link_that_everybody_shares_merges_nothing():
    stream = Stream()
    stream.send([(f"p{i}", f"look {word} at video-site.com", START) for i, word in enumerate(WORDS)])
    other = "my uncle pays everyone who calls him today, ask for details at video-site.com right now"
    stream.send(crowd(SPAM.replace("telegram @{}", "my page video-site.com"), 5) + crowd(other, 5, name="late"))
    assert Status.MERGED not in {campaign.status for campaign in stream.updated()}


def test_a_silent_campaign_closes_reopens_and_is_forgotten():
    stream = Stream()
    stream.send(crowd(SPAM, 8))
    stream.updated()
    stream.send([(f"p{i}", CHAT, START + 9 * DAY) for i in range(5)])
    closed = {campaign.members: campaign.status for campaign in stream.updated()}
    assert closed[8] is Status.CLOSED
    assert stream.send([("bot-9", SPAM.format("x9"), START + 10 * DAY)]).members.tolist() == [9]
    assert stream.updated()[0].status is Status.ACTIVE
    stream.send(crowd(CHAT, 5, start=START + 200 * DAY))
    assert len(stream.campaigns) == 1
    assert stream.send([("bot-1", SPAM.format("x1"), START + 201 * DAY)]).campaigns.tolist() == [0]


def test_the_last_verdicts_of_members_are_told():
    stream = Stream()
    stream.send(crowd(SPAM, 3))
    stream.judge(Verdict.REVIEW, "bot-0", "bot-1", "stranger")
    stream.judge(Verdict.BLOCK, "bot-1")
    (campaign,) = stream.updated()
    assert [(v.value, v.count) for v in campaign.verdicts] == [("review", 1), ("block", 1)]
    assert campaign.status is Status.ACTIVE
    stream.judge(Verdict.BLOCK, "bot-0")
    assert [v.count for v in stream.updated()[0].verdicts] == [2]
    assert stream.updated() == ()


def crowd_over_weeks(suspects):
    """Let sixty accounts say the same over thirty days; some of them are reviewed."""
    stream = Stream()
    for i in range(60):
        stream.send([(f"p{i}", CHAT, START + i * 12 * HOUR)])
        stream.judge(Verdict.REVIEW, *(f"p{j}" for j in range(min(i, suspects))))
    return stream


def test_what_trusted_accounts_say_for_weeks_is_learned_and_written_to_a_file(tmp_path):
    stream = crowd_over_weeks(suspects=2)
    assert stream.updated()[0].label == "benign"
    (learned,) = stream.campaigns.learned()
    assert stream.campaigns.learned() == ()
    assert learned.source == "learned"
    add_allowed(tmp_path / "allowed.jsonl", [learned])
    assert read_allowed(tmp_path / "allowed.jsonl") == (learned,)
    assert stream.send([("p1", CHAT, START + 31 * DAY)]).campaigns.tolist() == [0]
    assert not Stream(allowed=read_allowed(tmp_path / "allowed.jsonl")).send(crowd(CHAT, 9)).campaigns.any()


def test_what_suspects_say_is_not_learned():
    stream = crowd_over_weeks(suspects=10)
    assert stream.updated()[0].label is None
    assert stream.campaigns.learned() == ()


def test_the_file_wins_over_what_was_learned(tmp_path):
    add_allowed(tmp_path / "allowed.jsonl", [Allowed(text=CHAT), Allowed(text=CHAT, allowed=False)])
    assert Stream(allowed=read_allowed(tmp_path / "allowed.jsonl")).send(crowd(CHAT, 9)).campaigns.any()


def test_a_campaign_allowed_later_is_benign():
    stream = Stream()
    stream.send(crowd(SPAM, 8))
    stream.updated()
    stream.campaigns.set_allowed([Allowed(text=SPAM)])
    (campaign,) = stream.updated()
    assert (campaign.label, campaign.status) == ("benign", Status.CLOSED)
    assert not stream.send(crowd(SPAM, 2)).campaigns.any()


def test_an_analyst_names_a_campaign():
    stream = Stream()
    stream.send(crowd(SPAM, 3))
    (campaign,) = stream.updated()
    stream.campaigns.tell_labels({campaign.campaign_id: "bot", "camp_0000000000000001": "bot"})
    (campaign,) = stream.updated()
    assert (campaign.label, campaign.status) == ("bot", Status.ACTIVE)


def test_a_line_that_is_no_entry_is_named(tmp_path):
    (tmp_path / "allowed.jsonl").write_text('{"text": "fine"}\n\n{"txt": 1}\n')
    with pytest.raises(UsageError, match=r"allowed.jsonl, line 3: expected an object"):
        read_allowed(tmp_path / "allowed.jsonl")
    assert read_allowed(tmp_path / "none.jsonl") == ()


def test_members_beyond_what_is_held_are_counted():
    stream = Stream(members_max=4)
    said = stream.send(crowd(SPAM, 20))
    assert said.members.tolist()[2:] == list(range(3, 21))
    assert stream.send([("bot-9", SPAM.format("x"), START + DAY)]).members.tolist() == [20]
    assert len(stream.updated()[0].member_ids) == 4


def test_a_campaign_survives_being_written():
    stream = Stream()
    stream.send(crowd(SPAM, 3))
    (campaign,) = stream.updated()
    assert decode(encode(campaign)) == campaign


@pytest.mark.parametrize("name", ["", "camp_1", "camp_zzzzzzzzzzzzzzzz", "team_0000000000000001"])
def test_what_is_no_id_is_refused(name):
    with pytest.raises(ValueError, match="camp_ and 16"):
        campaign_number(name)
