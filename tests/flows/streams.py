"""A deployment under test: its own topics, state and lake, events to feed it, and what should come out."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from detector.contract.decode import decode
from detector.engine import AccountShard
from detector.files import limits_from
from detector.message_groups import MessageGroups
from detector.message_reader import shipped_reader
from detector.policy import policy_from
from detector.settings import Settings
from detector.shard_batch import whole
from features.catalogue import DEFAULT
from features.intake import Intake
from features.specialise import specialise
from flows.batches import NO_WATERMARK_MS
from flows.clients import consumer, ensure_topics, offset_of
from flows.producer import produce
from models import folder

START_MS = 1_767_571_200_000
FIELDS = (
    "bootstrap_servers", "consumer_group", "events_topic", "decisions_topic", "scores_topic", "labels_topic",
    "campaigns_topic", "dead_letters_topic", "state_dir", "lake_dir", "model_dir", "shards", "topic_partitions",
    "epoch_seconds", "registry_dir",
    "metrics_port", "lake_flush_seconds", "review_hours", "challenge_hours", "limit_hours", "block_hours",
)  # fmt: skip


@dataclass
class Stream:
    """One deployment."""

    settings: Settings
    seed: int = 1
    sent: list[tuple[bytes, bytes]] = field(default_factory=list)
    started: list[subprocess.Popen[str]] = field(default_factory=list)
    banner: str = ""
    within: tuple[str, ...] = ()
    """A command that runs others, to start `gillnet run` with."""
    _watcher: Consumer | None = None

    def feed(self, count: int, rate: float | None = None) -> None:
        """Produce events; one in fifty is no event, one in fifty is a repeat."""
        ensure_topics(self.settings)
        rng = random.Random(self.seed * 1000 + len(self.sent))
        self.send([self._event(rng, len(self.sent) + i) for i in range(count)], rate)

    def send(self, made: list[tuple[bytes, bytes]], rate: float | None = None) -> None:
        """Produce these messages."""
        ensure_topics(self.settings)
        produce(self.settings, self.settings.events_topic, [made], rate)
        self.sent += made

    def _event(self, rng: random.Random, number: int) -> tuple[bytes, bytes]:
        key = f"account-{rng.randrange(200)}"
        if number % 50 == 7:
            return key.encode(), b'{"event_id": \xff broken ' + str(number).encode()
        if number % 50 == 31 and self.sent:
            return rng.choice(self.sent)
        kind = rng.choice(["message", "message", "swipe", "login"])
        event = {"event_id": f"e{number}", "type": kind, "account_id": key, "ts": START_MS + number * 100}
        if kind == "message":
            event |= {"target_id": f"account-{rng.randrange(200)}", "text": f"hello {rng.random()}"}
        if kind == "login":
            event |= {"device_id": f"device-{rng.randrange(20)}"}
        return key.encode(), json.dumps(event).encode()

    @property
    def environment(self) -> dict[str, str]:
        """The settings as the command line reads them."""
        chosen = {name: getattr(self.settings, name) for name in FIELDS}
        values = {f"GILLNET_{name}".upper(): str(value) for name, value in chosen.items() if value is not None}
        return os.environ | values | {"GILLNET_KAFKA": json.dumps(self.settings.kafka)}

    def spawn(self, *flags: str) -> subprocess.Popen[str]:
        """Start ``gillnet run``, and return at once."""
        process = subprocess.Popen(
            [*self.within, Path(sys.executable).with_name("gillnet"), "run", "--json", *flags],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.started.append(process)
        return process

    def start(self, *flags: str) -> subprocess.Popen[str]:
        """Start ``gillnet run`` and return when it runs."""
        process = self.spawn(*flags)
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("running on"), line + process.stderr.read()
        self.banner = line
        return process

    def run(self, *flags: str) -> dict[str, int]:
        """Run to the end of the topic; the closing summary."""
        process = self.start("--until-end", *flags)
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        return json.loads(out)

    def stop(self) -> None:
        """Leave nothing running, however the test went."""
        for process in self.started:
            process.kill()
            process.communicate()

    def workers(self, process: subprocess.Popen[str]) -> list[psutil.Process]:
        """Find the worker processes of a run."""
        children = psutil.Process(process.pid).children()
        return [child for child in children if "flows.worker" in child.cmdline()]

    def wait_for_decisions(self, more: int, seconds: float = 240) -> None:
        """Wait until that many decisions more than at the last call were published."""
        if self._watcher is None:
            partitions = ensure_topics(self.settings)[self.settings.decisions_topic]
            self._watcher = consumer(self.settings, "test-watcher")
            self._watcher.assign([TopicPartition(self.settings.decisions_topic, p, 0) for p in range(partitions)])
        deadline = time.monotonic() + seconds
        while more > 0:
            assert time.monotonic() < deadline, f"{more} decisions are missing after {seconds} s"
            more -= sum(message.error() is None for message in self._watcher.consume(10_000, 0.1))

    def stop_watching(self) -> None:
        """Wait for no more decisions."""
        if self._watcher is not None:
            self._watcher.close()

    def read(self, topic: str) -> list[Message]:
        """Read all that is committed in a topic."""
        partitions = range(ensure_topics(self.settings)[topic])
        client = consumer(self.settings, "test-reader")
        client.assign([TopicPartition(topic, p, 0) for p in partitions])
        ended: set[int | None] = set()
        found: list[Message] = []
        while len(ended) < len(partitions):
            for message in client.consume(10_000, 0.1):
                error = message.error()
                if error is None:
                    found.append(message)
                else:
                    assert error.code() == KafkaError._PARTITION_EOF, error
                    ended.add(message.partition())
        client.close()
        return found

    def decisions(self) -> list[tuple[object, ...]]:
        """Read the decisions, as what two runs must agree on."""
        return sorted(
            _essence(json.loads(message.value() or b"")) for message in self.read(self.settings.decisions_topic)
        )

    def expected(self) -> tuple[list[tuple[object, ...]], Counter[str]]:
        """Work out the decisions and counts in one go, without Kafka, Bytewax or interruptions."""
        assert self.settings.model_dir is not None
        model = folder.load(self.settings.model_dir)
        shard = AccountShard(DEFAULT, model, policy_from(self.settings, model.thresholds), 3_600_000)
        messages = sorted(self.read(self.settings.events_topic), key=lambda m: (m.partition() or 0, offset_of(m)))
        decoded = decode([m.value() or b"" for m in messages], limits_from(self.settings), time.time_ns() // 1_000_000)
        counts = Counter(read=len(messages), dead=len(decoded.dead))
        intake = Intake(specialise(DEFAULT).plan, 3_600_000, shipped_reader(), MessageGroups())
        result = shard.process(whole(intake.process(decoded.events)), NO_WATERMARK_MS, None)
        counts.update(result.counts)
        decisions = [_essence(json.loads(json.dumps(_plain(d)))) for d in result.decisions]
        counts["decisions"] = len(decisions)
        return sorted(decisions), counts


def _plain(decision: object) -> object:
    import msgspec

    return msgspec.to_builtins(decision)


def _essence(decision: dict[str, object]) -> tuple[object, ...]:
    names = ("decision_id", "account_id", "verdict", "previous_verdict", "score", "event_ts", "expires_at")
    return tuple(decision[name] or "" for name in names)


def kill(process: psutil.Process | subprocess.Popen[str]) -> None:
    """Kill -9, without a chance to tidy up."""
    os.kill(process.pid, signal.SIGKILL)
