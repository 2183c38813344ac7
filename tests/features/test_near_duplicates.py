from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.text.column import TextColumn
from features.text.near_duplicates import Matches, NearDuplicates
from features.text.near_told import is_complete
from features.text.signatures import sign

HOUR = 3_600_000
START = 1_700_000_400_000 // HOUR * HOUR
SPAM = "hey i am new here and looking for something serious write me on telegram"
EDITED = "hello i am new here and looking for something real write me on telegram soon"
OTHER = "the train to the airport was late again so we took a taxi instead"


def process(index, rows):
    """Process rows (text, sender, time) as one batch."""
    texts, senders, ts = zip(*rows, strict=True) if rows else ((), (), ())
    column = TextColumn.of(list(texts))
    return index.process(sign(column), np.array(senders, np.uint64), np.array(ts, np.int64), column)


def crowd(text, senders, step_ms=1):
    return [(text, 1 + i, START + i * step_ms) for i in range(senders)]


def word(rng):
    return "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(3, 8)))


def sentences(rng, count):
    """Draw texts that have nothing in common."""
    return [" ".join(word(rng) for _ in range(8)) for _ in range(count)]


def joined(parts):
    return [np.concatenate(column).tolist() for column in zip(*parts, strict=True)]


def whole(index):
    """Tell all there is."""
    return index.changes(others_bytes_min=1 << 40)


def known(index):
    """Tell all there is, at the end of a turn and in the next; and after a message, for otherwise nothing is told."""
    for _ in range(2):
        process(index, [("the very last text of all that were sent", 1, START)])
        told = whole(index)
    return {name: array.tolist() for name, array in told.items() if name.endswith(("_others", "counters"))}


@st.composite
def streams(draw):
    """Draw messages of a few dozen texts, edited or not, by a few senders, with disorder; and where batches end."""
    rng = random.Random(draw(st.integers(0, 2**32)))
    texts, now, rows = sentences(rng, 30), START, []
    for _ in range(draw(st.integers(1, 120))):
        now += rng.choice([0, 1, 1000, HOUR])
        words = rng.choice(texts).split()
        if rng.random() < 0.5:
            words[rng.randrange(len(words))] = word(rng)
        rows.append((" ".join(words[: rng.choice([3, 8, 8])]), rng.randrange(5), now - rng.choice([0, 0, 3 * HOUR])))
    cuts = sorted(draw(st.lists(st.integers(0, len(rows)), max_size=4)))
    return rows, list(zip([0, *cuts], [*cuts, len(rows)], strict=True))


@given(streams(), st.sampled_from([1, 4, 16, 64]))
@settings(max_examples=50, deadline=None)
def test_neither_answers_nor_state_depend_on_where_batches_end(stream, capacity):
    rows, batches = stream
    whole, parts = NearDuplicates(capacity), NearDuplicates(capacity)
    answers = joined([process(parts, rows[a:b]) for a, b in batches])
    assert answers == joined([process(whole, rows)])
    assert known(parts) == known(whole)


@given(streams(), st.sampled_from([1, 4, 16, 64]))
@settings(max_examples=50, deadline=None)
def test_a_restored_state_goes_on_as_if_never_stopped(stream, capacity):
    rows, batches = stream
    index, answers, told = NearDuplicates(capacity), [], []
    for begin, end in batches:
        answers.append(process(index, rows[begin:end]))
        told.append(index.changes(others_bytes_min=1))
        index = NearDuplicates(capacity)
        for changes in filter(None, told):
            index.apply(changes)
    assert joined(answers) == joined([process(NearDuplicates(capacity), rows)])


@given(streams(), st.sampled_from([1, 16, 64]), st.sampled_from([1, 500, 3000]))
@settings(max_examples=50, deadline=None)
def test_what_was_told_since_a_turn_began_is_the_whole_state_once_it_is_complete(stream, capacity, others):
    rows, _ = stream
    index, turn = NearDuplicates(capacity), []
    process(index, rows[:7])
    whole(index)
    for row in [*rows[7:], *((f"{SPAM} {i}", i, START + i) for i in range(2000))]:
        process(index, [row])
        index.sweep(START - HOUR, 2)
        if told := index.changes(others):
            turn.append(told)
            if is_complete(told):
                break
    assert is_complete(turn[-1])
    copy = NearDuplicates(capacity)
    for told in turn:
        copy.apply(told)
    assert known(copy) == known(index)


def test_an_edited_copy_joins_and_another_text_does_not():
    found = process(NearDuplicates(64), [(SPAM, 1, START), (OTHER, 2, START + 1), (EDITED, 3, START + 5)])
    assert found.leaders[0] == found.leaders[2] != found.leaders[1] != 0
    assert found.similarities[0] == 1
    assert 0.4 < found.similarities[2] < 1
    assert found.closeness[2] == pytest.approx(found.similarities[2], abs=0.01)
    assert found.counts.tolist() == found.senders.tolist() == [1, 1, 2]
    assert found.ages_ms.tolist() == [0, 0, 5]
    assert found.new.tolist() == [True] * 3


def test_a_stock_phrase_has_no_leader():
    found = process(NearDuplicates(64), [("how are you", 1, START), ("i do so too lol", 2, START), ("", 3, START)])
    assert not any(np.concatenate([np.asarray(c, np.int64) for c in found]))


def test_an_id_lasts_whatever_else_was_seen():
    filled = NearDuplicates(64)
    process(filled, [(text, 1, START) for text in sentences(random.Random(1), 200)])
    one, other = (process(index, [(SPAM, 7, START)]) for index in (NearDuplicates(1 << 10), filled))
    assert one.leaders[0] == other.leaders[0]
    assert process(NearDuplicates(64), [(SPAM, 7, START + 1)]).leaders[0] != one.leaders[0]


def test_senders_are_counted_once():
    found = process(NearDuplicates(64), [(SPAM, sender, START) for sender in [1, 1, 2, 3, 2, 1, 0, 0]])
    assert found.senders.tolist() == [1, 1, 2, 3, 3, 3, 4, 4]
    assert found.counts.tolist() == list(range(1, 9))
    assert found.new.tolist() == [True, False, True, True, False, False, True, False]


def test_senders_are_exact_up_to_4096_and_estimated_beyond():
    index = NearDuplicates(1 << 14)
    senders = np.random.default_rng(1).integers(0, 2**64, 60_000, np.uint64)
    once = process(index, [(SPAM, int(s), START) for s in senders])
    assert (once.senders[:4096] == np.arange(1, 4097)).all()
    true = np.arange(1, 60_001)
    assert (np.abs(once.senders / true - 1) < 0.06).all()  # 4½ standard errors
    again = process(index, [(SPAM, int(s), START) for s in senders])
    assert not again.new.any()
    assert index.senders_lost == 0


def test_growth_is_that_of_the_last_hour():
    rows = [(SPAM, i, START) for i in range(100)] + [(SPAM, 200, START + HOUR // 2), (SPAM, 201, START + 3 * HOUR // 2)]
    rows += [(SPAM, 202, START + 5 * HOUR)]
    assert process(NearDuplicates(64), rows).senders_1h[-4:].tolist() == [100, 101, 1 + 101 // 2, 1]


def test_late_messages_count_and_move_the_first_time():
    index = NearDuplicates(64)
    found = process(index, [(SPAM, 1, START), (SPAM, 2, START - HOUR), (SPAM, 3, START - 9 * HOUR)])
    assert found.ages_ms.tolist() == [0, 0, 0]
    group = index.leader(int(found.leaders[0]))
    assert (group.first_ms, group.last_ms, group.senders) == (START - 9 * HOUR, START, 3)


def test_memory_is_bounded_and_groups_of_several_senders_stay_longest():
    index = NearDuplicates(64)
    spam = int(process(index, crowd(SPAM, 20)).leaders[0])
    before = index.nbytes
    for i, text in enumerate(sentences(random.Random(2), 320)):
        process(index, [(text, i, START)])
    assert index.nbytes == before
    assert len(index) == 64
    assert index.evicted > 200
    assert index.leader(spam).senders == 20
    assert process(index, [(EDITED, 99, START)]).senders[0] == 21
    for i, text in enumerate(sentences(random.Random(3), 1000)):
        process(index, [(text, i, START)])
    assert index.leader(spam) is None


def test_a_crowd_of_groups_costs_a_small_and_known_number_of_bytes_each():
    assert NearDuplicates(1 << 12).nbytes / (1 << 12) < 440


def test_the_idle_are_swept_and_their_places_used_again():
    index = NearDuplicates(16)
    process(index, [(text, i, START + i) for i, text in enumerate(sentences(random.Random(4), 16))])
    assert index.sweep(START + 10, 8) == 8
    assert index.sweep(START + 10, 100) == 2
    assert len(index) == 6
    process(index, [(text, 1, START + HOUR) for text in sentences(random.Random(5), 10)])
    assert (len(index), index.evicted) == (16, 0)


def test_an_example_is_shown_from_three_senders_on():
    index = NearDuplicates(64)
    first = process(index, crowd(SPAM, 2))
    assert index.leader(int(first.leaders[0])).example == ""
    process(index, [("Hey! " + SPAM, 3, START), (EDITED, 4, START)])
    assert index.leader(int(first.leaders[0])).example == "Hey! " + SPAM


def test_a_long_example_is_cut_between_characters():
    index = NearDuplicates(64)
    long = "я " + " ".join(["привет", "друзья", "как", "ваши", "дела", "сегодня", "вечером"] * 9)
    found = process(index, crowd(long, 3))
    example = index.leader(int(found.leaders[0])).example
    assert len(example.encode()) in (255, 256)
    assert long.startswith(example)


def test_examples_of_many_groups_replace_the_oldest():
    index = NearDuplicates(256)
    texts = sentences(random.Random(6), 20)
    rows = [(text, sender, START) for text in texts for sender in range(3)]
    process(index, rows)
    groups = index.leaders(3)
    assert set(groups.examples.strings()) == {"", *texts[4:]}  # there is room for one in sixteen


def test_groups_are_given_from_so_many_senders_on():
    index = NearDuplicates(64)
    process(index, crowd(SPAM, 5, HOUR) + crowd(OTHER, 2))
    groups = index.leaders(3)
    assert groups.senders.tolist() == groups.counts.tolist() == [5]
    assert groups.words.tolist() == [14]
    assert groups.closeness.tolist() == [1]
    assert groups.examples.strings() == [SPAM]
    assert index.leaders(1).senders.tolist() == [5, 2]
    assert index.leader(0) is None
    assert index.leader(12345) is None


def test_looking_changes_nothing():
    index, other = NearDuplicates(64), NearDuplicates(64)
    for each in (index, other):
        process(each, crowd(SPAM, 2))
    found = index.find(sign(TextColumn.of([EDITED, OTHER])), np.array([START + 9, START]))
    assert isinstance(found, Matches)
    assert found.similarities[0] > 0.4
    assert found.ages_ms[0] == 9
    assert found.leaders[1] == 0
    assert known(index) == known(other)


def test_more_entries_than_are_noted_are_told_all_the_same():
    index, texts = NearDuplicates(64), sentences(random.Random(7), 64)
    for text in texts:
        process(index, [(text, 1, START)])
    copy = NearDuplicates(64)
    copy.apply(index.changes(others_bytes_min=1))
    assert known(copy) == known(index)
    assert index.nbytes < 50_000


@pytest.mark.parametrize("count", [8, 40, 400])
def test_similarity_is_nearly_exact_for_texts_that_are_not_long_and_estimated_for_others(count):
    rng, errors = random.Random(count), []
    for _ in range(60):
        common, one, other = ([word(rng) for _ in range(count)] for _ in range(3))
        texts = " ".join(common + one[: count // 2]), " ".join(common + other[: count // 2])
        index = NearDuplicates(64)
        process(index, [(texts[0], 1, START)])
        found = index.find(sign(TextColumn.of([texts[1]])), np.array([START]))
        a, b = ({f" {text} "[i : i + 4] for i in range(len(text) - 1)} for text in texts)
        errors.append(found.similarities[0] - len(a & b) / len(a | b))
    assert abs(np.mean(errors)) < 0.02
    assert np.std(errors) < {8: 0.03, 40: 0.04, 400: 0.08}[count]


def test_a_short_text_is_found_with_two_of_five_words_replaced():
    index = NearDuplicates(64)
    process(index, [("sub to my channel for no reason", 1, START)])
    assert process(index, [("follow to my channel with no reason", 2, START)]).senders.tolist() == [2]


def test_a_state_of_another_capacity_is_refused():
    index = NearDuplicates(64)
    process(index, crowd(SPAM, 1))
    told = index.changes()
    with pytest.raises(ValueError, match="set the capacity back"):
        NearDuplicates(32).apply(told)


def test_an_impossible_capacity_is_refused():
    with pytest.raises(ValueError, match="expected 1 to 1048575"):
        NearDuplicates(1 << 20)
