"""Whether the broker answers, and has our topics: asked on a thread of its own, said once when that changes.

The clients of the workers connect again by themselves, and each of them would complain as long as it lasts.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final, Self

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient

from detector.contract.errors import GillnetError
from detector.settings import Settings
from flows.clients import UNREACHABLE, client_config, topics_of

ASK_SECONDS: Final = 1.0
ANSWER_SECONDS: Final = 5.0
_GONE_ANSWERS: Final = 5
"""A topic is gone when it was not there so many times in a row: a broker that has just started may not know it yet."""
_log = logging.getLogger(__name__)


class TopicGoneError(GillnetError):
    """A topic of the deployment was deleted while it ran."""


class BrokerWatch:
    """Watches as long as its ``with`` block lasts, and tells whether the broker answers when that changes."""

    def __init__(self, settings: Settings, tell: Callable[[bool], None]) -> None:
        self._settings, self._tell = settings, tell
        self._up, self._over = threading.Event(), threading.Event()
        self._up.set()
        self._missed: Counter[str] = Counter()
        self._thread = threading.Thread(target=self._watch, name="broker-watch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()  # it is not waited for: it may be waiting for an answer, and holds nothing

    def answers(self) -> bool:
        """Ask now, unless it is known to be away."""
        if self._up.is_set() and not self._answers(self._client()):
            self._up.clear()
        return self._up.is_set()

    def wait(self, stop: threading.Event) -> bool:
        """Return once the broker answers, or when asked to stop; whether it answers."""
        while not self._up.wait(ASK_SECONDS / 10) and not stop.is_set():
            continue
        return self._up.is_set()

    def check_topics(self) -> None:
        """Raise TopicGoneError when one is no longer there; clients would ask for it again and again."""
        for topic, times in self._missed.copy().items():
            if times >= _GONE_ANSWERS:
                raise TopicGoneError(
                    f"topic {topic!r} is no longer there, so the stream stops: start again, and it is made anew and "
                    "empty; if it is the topic of events, begin anew too, with another --state-dir"
                )

    def _watch(self) -> None:
        client, address = self._client(), self._settings.bootstrap_servers
        answered, answered_at = True, time.monotonic()
        while not self._over.wait(ASK_SECONDS):
            before, answered = answered, self._answers(client)
            if self._over.is_set():
                return
            if answered:
                self._up.set()
                if not before:
                    away = time.monotonic() - answered_at
                    _log.warning("the broker at %s answers again, after %.0f s", address, away)
                    self._tell(True)
                answered_at = time.monotonic()
            elif before:
                self._up.clear()
                _log.warning("the broker at %s does not answer: nothing is lost; the stream waits for it", address)
                self._tell(False)

    def _client(self) -> AdminClient:
        return AdminClient(client_config(self._settings, lambda _: None))

    def _answers(self, client: AdminClient) -> bool:
        """Ask about our topics in a way that makes none of them anew."""
        asked = TopicCollection(list(topics_of(self._settings).values()))
        answers = client.describe_topics(asked, request_timeout=ANSWER_SECONDS)
        try:
            errors = {topic: answer.exception(ANSWER_SECONDS) for topic, answer in answers.items()}
        except TimeoutError:
            return False
        codes = {name: error.args[0].code() for name, error in errors.items() if isinstance(error, KafkaException)}
        if any(code in UNREACHABLE for code in codes.values()):
            return False
        missing = [name for name, code in codes.items() if code == KafkaError.UNKNOWN_TOPIC_OR_PART]
        self._missed = Counter({name: self._missed[name] + 1 for name in missing})
        return True
