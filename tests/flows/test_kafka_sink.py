"""The Kafka sink by itself: what a second writer finds and does."""

import random
import time
import uuid
from collections.abc import Callable

import pytest
from confluent_kafka import Message, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from detector.settings import Settings
from flows.clients import consumer
from flows.kafka_sink import Claim, KafkaSinkPartition, SinkError, SinkState, Target
from flows.records import About, Record, about


def value_of(message: Message) -> str:
    return (message.value() or b"").decode()


def records(*names: str) -> tuple[Record, ...]:
    return tuple(Record(name, b"key", name.encode(), (("why", b"test"),)) for name in names)


@pytest.fixture
def topic(broker: str) -> str:
    name = f"sink-{uuid.uuid4().hex[:8]}"
    admin = AdminClient({"bootstrap.servers": broker})
    for future in admin.create_topics([NewTopic(name, 2, 1)]).values():
        future.result(10)
    return name


class Opener:
    """Opens writers of one partition, as restarts would."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self.settings = settings
        self.topic = topic
        self.committed: list[str] = []
        self.withheld: list[int] = []
        self.about_of: Callable[[Message], About | None] = lambda _: None

    def open(self, state: SinkState | None = None) -> KafkaSinkPartition:
        def note(new: object, seconds: float) -> None:
            assert seconds >= 0
            self.committed += [record.id for record in new]  # type: ignore[attr-defined]

        target = Target(self.topic, 2, value_of, lambda *_: None, note, self.about_of, self.withheld.append)
        return KafkaSinkPartition(self.settings, target, Claim(self.settings, self.topic, 1), state)

    def held(self, least: int) -> list[str]:
        """Read to the end; a broker may show a committed transaction a moment after its writer was told."""
        client, found, until = consumer(self.settings), [], time.monotonic() + 10
        client.assign([TopicPartition(self.topic, 1, 0)])
        while True:
            messages = client.consume(1000, 0.1)
            found += [value_of(message) for message in messages if message.error() is None]
            ended = not messages or messages[-1].error() is not None
            if ended and (len(found) >= least or time.monotonic() > until):
                client.close()
                return found


@pytest.fixture
def opener(settings_of: Callable[..., Settings], topic: str) -> Opener:
    return Opener(settings_of(), topic)


def commit(partition: KafkaSinkPartition, *values: tuple[Record, ...]) -> SinkState:
    """Hand values over and wait until they are committed, as the end of an epoch does."""
    partition.write_batch(list(values))
    return partition.snapshot()


def test_what_a_snapshot_covers_can_be_read(opener: Opener):
    commit(opener.open(), records("a", "b"), records("c"))
    assert opener.held(3) == ["a", "b", "c"]


def test_a_replay_writes_only_what_is_missing(opener: Opener):
    first = opener.open()
    state = commit(first, records("a", "b"))
    commit(first, records("c", "d"))
    second = opener.open(state)
    commit(second, records("c", "d", "e"))
    assert opener.held(5) == ["a", "b", "c", "d", "e"]
    assert opener.committed == ["a", "b", "c", "d", "e"]
    assert second.snapshot()["written"] == 5


def test_a_new_deployment_adopts_what_the_topic_holds(opener: Opener):
    commit(opener.open(), records("a", "b"))
    commit(opener.open(None), records("a", "b", "c"))
    assert opener.held(3) == ["a", "b", "c"]


def test_a_replay_that_is_cut_short_by_another_crash_writes_nothing_twice(opener: Opener):
    commit(opener.open(), records("a", "b", "c"))
    state = commit(opener.open(None), records("a"))
    commit(opener.open(state), records("b", "c", "d"))
    assert opener.held(4) == ["a", "b", "c", "d"]


def test_a_start_that_is_stopped_before_it_replays_writes_nothing_twice(opener: Opener):
    commit(opener.open(), records("a", "b"))
    second = opener.open(None)
    second._committed.result()  # it has read the topic back
    commit(opener.open(second.snapshot()), records("a", "b", "c"))
    assert opener.held(3) == ["a", "b", "c"]


@pytest.mark.parametrize("seed", range(3))
def test_crashes_at_any_step_of_any_replay_lose_and_double_nothing(opener: Opener, seed: int):
    rng, names = random.Random(seed), [f"r{n}" for n in range(60)]
    durable: tuple[int, SinkState | None] = (0, None)
    for _ in range(8):
        (at, state) = durable
        partition = opener.open(state)
        partition._committed.result()  # so that its claim is older than the next one's
        for _ in range(rng.randrange(4)):
            end = min(at + rng.randrange(12), len(names))
            state, at = commit(partition, records(*names[at:end])), end
            durable = (at, state) if rng.random() < 0.4 else durable
    commit(opener.open(durable[1]), records(*names[durable[0] :]))
    assert opener.held(len(names)) == names


def decided(event: int, verdict: str) -> tuple[Record, ...]:
    """Make a decision about one account at its nth event."""
    name = f"{event} {verdict}"
    return (Record(name, b"key", name.encode(), about=about("a", f"2026-01-05T00:00:{event:02}Z", f"e{event}")),)


def about_of(message: Message) -> About:
    return decided(int(value_of(message).split()[0]), "")[0].about


def test_a_replay_that_judges_otherwise_contradicts_nothing(opener: Opener):
    """As when another model was promoted just before the crash."""
    opener.about_of = about_of
    state = commit(opener.open(), *[decided(1, "review")])
    commit(opener.open(state), decided(3, "limit"), decided(5, "block"))
    again = opener.open(state)
    otherwise = [
        decided(2, "review"),
        decided(3, "limit"),
        decided(4, "block"),
        decided(5, "limit"),
        decided(6, "block"),
    ]
    durable = commit(again, *otherwise[:3])
    commit(opener.open(durable), *otherwise[3:])
    assert opener.held(4) == ["1 review", "3 limit", "5 block", "6 block"]
    assert opener.withheld == [2, 1]


def test_a_predecessor_that_wakes_up_is_refused(opener: Opener):
    first = opener.open()
    second = opener.open(commit(first, records("a")))
    commit(second, records("b"))
    with pytest.raises(SinkError, match=opener.topic):
        commit(first, records("zombie"))
    assert opener.held(2) == ["a", "b"]


def test_a_write_the_broker_refuses_is_an_error(opener: Opener):
    partition = opener.open()
    with pytest.raises(SinkError):
        commit(partition, (Record("big", b"key", b"x" * 1_500_000),))


def test_batches_handed_over_while_a_transaction_commits_follow_in_order(opener: Opener):
    partition, names = opener.open(), [f"r{n}" for n in range(200)]
    for name in names:
        partition.write_batch([records(name)])
    assert partition.snapshot()["written"] == 200
    assert opener.held(200) == names
