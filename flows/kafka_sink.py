"""Exactly-once output to Kafka: in transactions, and after a crash nothing written twice.

Each partition has a writer thread: a transaction takes 3 to 20 ms of waiting, in which the worker goes on. A snapshot
waits until all that was handed over is committed, so what is durable is also published.

Each partition has one transactional id. A new writer fences every earlier one (which then fails, as it should), reads
back what was committed since the last durable snapshot, and skips exactly that when it is replayed (`flows.adopted`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock, Thread
from typing import Final, NotRequired, TypedDict, TypeVar

from bytewax.outputs import FixedPartitionedSink, StatefulSinkPartition
from confluent_kafka import KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.cimpl import OFFSET_BEGINNING

from detector.contract.errors import GillnetError
from detector.settings import Settings
from flows.adopted import Adopted
from flows.clients import EOF, consumer, know_topic, offset_of, passes, producer
from flows.records import About, Record
from flows.routing import part_key

TRANSACTION_SECONDS: Final = 30.0
_BROKER_ENDS_SECONDS: Final = 2 * TRANSACTION_SECONDS
"""The broker ends a transaction that is open for so long."""
_FENCED: Final = KafkaError._FENCED  # noqa: SLF001 - librdkafka's own codes are named so
Result = TypeVar("Result")


class SinkError(GillnetError):
    """Output could not be written; the worker stops, and what was not committed is written after the restart."""


class FencedError(SinkError):
    """Another run writes here now."""


class SinkState(TypedDict):
    """Where the next record goes at the earliest, how many the partition was given, what it holds that is to come."""

    next: int
    written: int
    adopted: NotRequired[list[tuple[str, About | None]]]
    """Ids of records before ``next`` that an earlier writer committed and the replay has not reached again."""


@dataclass(frozen=True, slots=True)
class Target:
    """A topic to write, the id by which a record in it is known again, and whom to tell about a transaction."""

    topic: str
    partitions: int
    id_of: Callable[[Message], str]
    written: Callable[[int, int], None]
    committed: Callable[[Sequence[Record], float], None]
    about_of: Callable[[Message], About | None] = lambda _: None
    withheld: Callable[[int], None] = lambda _: None
    """Told how many records were not written because they contradict what the topic holds."""


class KafkaSink(FixedPartitionedSink[Sequence[Record], SinkState]):
    """Writes records to the partition they are keyed by.

    ``own`` are the partitions Bytewax will give this worker: it builds a new one only when something is written to
    it, and to claim one takes half a second, so they are claimed all at once and ahead.
    """

    def __init__(self, settings: Settings, target: Target, own: Iterable[int] = ()) -> None:
        self._settings = settings
        self._target = target
        self._claims = {number: Claim(settings, target.topic, number) for number in own}

    def list_parts(self) -> list[str]:
        """Name every partition of the topic."""
        return [part_key(part) for part in range(self._target.partitions)]

    def part_fn(self, item_key: str) -> int:
        """Read the partition off the key."""
        return int(item_key)

    def build_part(self, step_id: str, for_part: str, resume_state: SinkState | None) -> KafkaSinkPartition:
        """Take over a partition."""
        del step_id
        number = int(for_part)
        claim = self._claims.pop(number, None) or Claim(self._settings, self._target.topic, number)
        return KafkaSinkPartition(self._settings, self._target, claim, resume_state)


class Claim:
    """The right to write a partition: earlier writers are fenced, and what they left open is ended."""

    def __init__(self, settings: Settings, topic: str, number: int) -> None:
        self.number, self._group = number, settings.consumer_group
        self.name = f"{topic}/{number}"
        self.producer = producer(
            settings,
            transactional_id=f"{settings.consumer_group}-{topic}-{number}",
            linger_ms=0,
            transaction_timeout_ms=int(_BROKER_ENDS_SECONDS * 1000),
        )
        self._claimed = in_background(self._claim)

    def wait(self) -> None:
        """Return when the claim holds; SinkError when it could not be made."""
        self._claimed.result()

    def guarded(self, action: Callable[[], None]) -> None:
        """Do something with the producer; SinkError when the broker refuses.

        Who was fenced was replaced, and another start would only fence the replacement in turn. But the broker fences
        a transaction too that it ended itself, when it or we were away for long: that one may be begun again.
        """
        started = time.monotonic()
        try:
            action()
        except KafkaException as error:
            if error.args[0].code() == _FENCED and time.monotonic() - started < _BROKER_ENDS_SECONDS:
                raise FencedError(
                    f"another run took over {self.name}, so this one ends, and has written nothing since; one alone "
                    f"may run for the consumer group {self._group!r}"
                ) from error
            raise SinkError(f"cannot write to {self.name}: {error.args[0].str()}") from error

    def _claim(self) -> None:
        self.guarded(lambda: self.producer.init_transactions(TRANSACTION_SECONDS))


class KafkaSinkPartition(StatefulSinkPartition[Sequence[Record], SinkState]):
    """The one writer of one partition."""

    def __init__(self, settings: Settings, target: Target, claim: Claim, state: SinkState | None) -> None:
        self._target = target
        self._claim = claim
        self._failed: KafkaError | None = None
        self._resumed: SinkState = state or {"next": OFFSET_BEGINNING, "written": 0}
        self._next, self._written = self._resumed["next"], self._resumed["written"]
        self._committed = in_background(lambda: self._read_back(settings))
        self._waiting: list[Record] = []
        self._busy = False
        self._lock = Lock()
        self._writing: Future[None] = Future()
        self._writing.set_result(None)
        target.written(claim.number, self._written)

    def write_batch(self, values: list[Sequence[Record]]) -> None:
        """Hand the records to this partition's writer; what waits while it commits goes into its next transaction."""
        if self._writing.done():
            self._writing.result()  # raises what its writer ended with
        with self._lock:
            self._waiting.extend(record for value in values for record in value)
            idle, self._busy = not self._busy, True
        if idle:
            self._writing = in_background(self._write)

    def snapshot(self) -> SinkState:
        """Say from where to read back, once everything is committed.

        What was read back and not yet replayed goes with it: the next writer begins behind it, and must skip it too.
        """
        self._writing.result()
        if not self._committed.done():  # then nothing was written, and what there is may be half read
            return self._resumed
        return {"next": self._next, "written": self._written, "adopted": self._committed.result().held()}

    def _write(self) -> None:
        while records := self._take():
            new, withheld = self._sort_out(records)
            started = time.perf_counter()
            if new:
                self._claim.guarded(lambda new=new: self._transaction(new))  # type: ignore[misc]  # bound now
                self._target.committed(new, time.perf_counter() - started)
            self._written += len(records) - withheld
            self._target.written(self._claim.number, self._written)

    def _sort_out(self, records: list[Record]) -> tuple[list[Record], int]:
        """Choose what to write, besides what is there already and what contradicts it; count the latter."""
        adopted, new, withheld = self._committed.result(), [], 0
        for record in records:
            if adopted.holds(record):
                adopted.meet(record)
            elif adopted.contradicted_by(record):
                withheld += 1
            else:
                new.append(record)
        if withheld:
            self._target.withheld(withheld)
        return new, withheld

    def _take(self) -> list[Record]:
        with self._lock:
            records, self._waiting = self._waiting, []
            self._busy = bool(records)
            return records

    def _transaction(self, records: list[Record]) -> None:
        self._claim.producer.begin_transaction()
        for record in records:
            self._send(record)
        self._commit()
        if self._failed is not None:
            raise KafkaException(self._failed)

    def _commit(self) -> None:
        """Commit, and go on trying while the broker is away; the transaction's own time ends that."""
        while True:
            try:
                self._claim.producer.commit_transaction(TRANSACTION_SECONDS)
            except KafkaException as error:
                if not error.args[0].retriable():
                    raise
            else:
                return

    def _send(self, record: Record) -> None:
        while True:
            try:
                self._claim.producer.produce(
                    self._target.topic, record.value, record.key, self._claim.number,
                    headers=list(record.headers), on_delivery=self._delivered,
                )  # fmt: skip
            except BufferError:  # the local queue is full: let the broker catch up
                self._claim.producer.poll(0.05)
            else:
                return

    def _delivered(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            self._failed = error
        else:
            self._next = max(self._next, offset_of(message) + 1)

    def _read_back(self, settings: Settings) -> Adopted:
        """Collect what was committed since the snapshot. The end is where the broker says so, not its watermark."""
        self._claim.wait()  # only then is what is committed final
        # A snapshot older than the topic's retention means reading all that is left.
        reader = consumer(settings, f"{settings.consumer_group}-readback", auto_offset_reset="earliest")
        found = Adopted(self._resumed.get("adopted", []))
        deadline = time.monotonic() + TRANSACTION_SECONDS
        try:
            know_topic(reader, self._target.topic)
            reader.assign([TopicPartition(self._target.topic, self._claim.number, self._next)])
            while True:
                for message in reader.consume(10_000, 0.05):
                    error = message.error()
                    if error is None:
                        found.add(self._target.id_of(message), self._target.about_of(message))
                        self._next = offset_of(message) + 1
                        deadline = time.monotonic() + TRANSACTION_SECONDS
                    elif error.code() == EOF:
                        return found
                    elif not passes(error):
                        raise SinkError(f"cannot read {self._claim.name} back: {error.str()}")
                if time.monotonic() > deadline:
                    raise SinkError(f"reading {self._claim.name} back came to a halt; is the broker well?")
        finally:
            reader.close()


def in_background(work: Callable[[], Result]) -> Future[Result]:
    """Run something on a thread of its own; whoever asks for the result gets it, or the error."""
    future: Future[Result] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - not handled here but raised where the result is asked for
            future.set_exception(error)

    Thread(target=run, daemon=True).start()
    return future
