"""Rewordings are found among suspicious messages, and no more false ones than was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.paraphrases import Messages, _components, find_paraphrases

DAY = 86_400_000
DIMENSIONS = 64


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1)[:, None]).astype(np.float32)


def strangers(rng, count, first_sender=0):
    """Draw messages that have nothing to do with each other, each by another account."""
    vectors = unit(rng.normal(size=(count, DIMENSIONS)))
    return Messages(vectors, np.arange(first_sender, first_sender + count, dtype=np.uint64), np.zeros(count, np.int64))


def campaign(rng, count, noise=0.05, first_sender=10_000):
    centre = rng.normal(size=DIMENSIONS) / np.sqrt(DIMENSIONS)
    vectors = unit(centre + noise * rng.normal(size=(count, DIMENSIONS)))
    return Messages(vectors, np.arange(first_sender, first_sender + count, dtype=np.uint64), np.zeros(count, np.int64))


def joined(*parts):
    return Messages(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def test_campaigns_are_found_among_strangers():
    rng = np.random.default_rng(1)
    sent = joined(strangers(rng, 300), campaign(rng, 25), campaign(rng, 30, first_sender=20_000))
    found = find_paraphrases(sent, strangers(rng, 400))
    assert found.clusters.tolist() == [-1] * 300 + [0] * 25 + [1] * 30
    assert found.false_discovery_rate <= 0.05


def test_where_benign_messages_are_as_alike_nothing_is_found():
    rng = np.random.default_rng(2)
    sent, chat = (joined(*(campaign(rng, 10, first_sender=100 * i) for i in range(20))) for _ in range(2))
    found = find_paraphrases(sent, chat)
    assert (found.clusters == -1).all()
    assert found.cosine_min > 1


def test_what_one_or_two_accounts_say_again_and_again_is_no_cluster():
    rng = np.random.default_rng(3)
    sent = campaign(rng, 60)._replace(senders=np.arange(60, dtype=np.uint64) % 2)
    assert (find_paraphrases(sent, strangers(rng, 60)).clusters == -1).all()


def test_what_lies_months_apart_is_no_cluster():
    rng = np.random.default_rng(4)
    sent = campaign(rng, 60)._replace(ts=np.arange(60) * 40 * DAY)
    assert (find_paraphrases(sent, strangers(rng, 60)).clusters == -1).all()


@given(st.integers(1, 200), st.integers(0, 10_000))
def test_what_is_found_without_a_campaign_stays_within_the_rate(count, seed):
    rng = np.random.default_rng(seed)
    found = find_paraphrases(strangers(rng, count), strangers(rng, count), false_discovery_rate=0.2)
    assert found.false_discovery_rate <= 0.2
    assert np.isin(np.unique(found.clusters), np.arange(-1, found.clusters.max() + 1)).all()


@given(st.lists(st.tuples(st.integers(0, 29), st.integers(0, 29)), max_size=40))
def test_components_are_those_that_pairs_connect(pairs):
    left, right = (np.array([pair[i] for pair in pairs], np.int64) for i in range(2))
    expected = list(range(30))
    for _ in range(30):
        for a, b in pairs:
            expected[a] = expected[b] = min(expected[a], expected[b])
    assert _components(30, left, right).tolist() == expected


def test_fewer_benign_messages_than_suspicious_ones_are_refused():
    rng = np.random.default_rng(5)
    with pytest.raises(ValueError, match="at least 9 benign messages, as many as suspicious ones, got 8"):
        find_paraphrases(strangers(rng, 9), strangers(rng, 8))


def test_no_messages_are_no_clusters():
    rng = np.random.default_rng(6)
    assert find_paraphrases(strangers(rng, 0), strangers(rng, 0)).clusters.tolist() == []
