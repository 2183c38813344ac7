"""The brokers the flow tests run on: the embedded one always, Apache Kafka when KAFKA_HOME names one."""

import importlib.util
import os
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np
import pytest

from detector.settings import Settings
from features.catalogue import DEFAULT
from flows.broker import EmbeddedBroker
from models import folder
from models.calibration import Platt

BOTH: Final = {
    "test_broker_away::test_the_stream_waits_for_a_broker_that_is_away_and_goes_on_when_it_is_back",
    "test_dead_letters::test_letters_are_read_back_as_they_came",
    "test_dead_letters::test_letters_are_read_to_the_last_though_the_broker_goes_away_meanwhile",
    "test_chaos", "test_clients", "test_durability", "test_kafka_sink", "test_producer", "test_recovery", "test_run",
}  # fmt: skip
"""Files and tests that depend on the broker's own ways; with all others on Apache Kafka too, CI would take too long."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave Apache Kafka to the tests it may change, unless KAFKA_ALL is set."""
    if os.environ.get("KAFKA_ALL"):
        return
    kept, left = [], []
    for item in items:
        of_kafka = getattr(item, "callspec", None) and item.callspec.params.get("server") == "kafka"
        names = {item.path.stem, f"{item.path.stem}::{getattr(item, 'originalname', item.name)}"}
        (left if of_kafka and not names & BOTH else kept).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


def _brokers() -> list[str]:
    return ["embedded", "kafka"] if os.environ.get("KAFKA_HOME") else ["embedded"]


def _load(name: str) -> ModuleType:
    # Tests are no packages (importlib mode), so a sibling module is loaded by its path.
    path = Path(__file__).with_name(f"{name}.py")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def kafka_tools() -> ModuleType:
    """Give the module that starts Apache Kafka."""
    return _load("kafka_server")


@pytest.fixture(scope="session")
def embedded_server() -> Iterator[Any]:
    """Run the embedded broker."""
    with EmbeddedBroker() as embedded:
        yield _load("kafka_server").StoppedBroker(embedded)


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Run Apache Kafka."""
    with _load("kafka_server").kafka_server(Path(os.environ["KAFKA_HOME"]), tmp_path_factory.mktemp("kafka")) as kafka:
        yield kafka


@pytest.fixture(scope="session", params=_brokers())
def server(request: pytest.FixtureRequest) -> Any:
    """Give a broker that can be made to go away; each is started once, however often tests change between them."""
    return request.getfixturevalue(f"{request.param}_server")


@pytest.fixture(scope="session")
def broker(server: Any) -> str:
    """Give the broker's address."""
    address: str = server.address
    return address


@pytest.fixture(scope="session")
def settings_of(broker: str, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Settings]:
    """Make settings of a deployment of its own: topics, group, state and lake nobody else uses."""

    def build(**more: object) -> Settings:
        name = uuid.uuid4().hex[:8]
        at = tmp_path_factory.mktemp("deployment")
        values: dict[str, object] = {
            "bootstrap_servers": broker, "consumer_group": f"g-{name}", "topic_partitions": 2, "shards": 4,
            "events_topic": f"events-{name}", "decisions_topic": f"decisions-{name}",
            "scores_topic": f"scores-{name}", "labels_topic": f"labels-{name}",
            "dead_letters_topic": f"dlq-{name}", "campaigns_topic": f"campaigns-{name}",
            "epoch_seconds": 0.2, "metrics_port": 0,
            "state_dir": at / "state", "lake_dir": at / "lake",
        }  # fmt: skip
        return Settings.model_validate(values | more)

    return build


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train a tiny model that makes many decisions: it dislikes messages in quick succession."""
    names = ("messages_count_10m", "gap_seconds_mean_10m", "targets_distinct_1h")
    x = np.random.default_rng(5).uniform(0, [15, 60, 15], size=(500, 3))
    return _train(tmp_path_factory.mktemp("model"), names, x, x[:, 0] + x[:, 2] > 6 + x[:, 1] / 20)


@pytest.fixture(scope="session")
def crowd_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train one that dislikes what accounts have in common, and what they receive."""
    names = ("accounts_per_device_1h", "messages_received_count_1h")
    x = np.random.default_rng(5).uniform(0, [30, 15], size=(500, 2))
    return _train(tmp_path_factory.mktemp("crowd_model"), names, x, x[:, 0] + 2 * x[:, 1] > 30)


def _train(at: Path, names: tuple[str, ...], x: np.ndarray, bots: np.ndarray) -> Path:
    import lightgbm as lgb  # slow to import, and only here of use

    params = {"objective": "binary", "verbose": -1, "num_threads": 1, "num_leaves": 15, "seed": 5}
    booster = lgb.train(params, lgb.Dataset(x, bots.astype(float)), 20)
    steps = zip(("review", "challenge", "limit", "block"), (0.2, 0.4, 0.6, 0.8), strict=True)
    thresholds = {step: folder.Threshold(score, 0.01) for step, score in steps}
    text = booster.model_to_string()
    manifest = folder.manifest_of(text, names, DEFAULT.names, Platt(), thresholds, {})
    folder.save(at, manifest, text, "# card\n", {})
    return at


@pytest.fixture(scope="session")
def crowds() -> ModuleType:
    """Give the module with events of accounts that share what they use."""
    return _load("crowds")


@pytest.fixture(scope="session")
def new_stream(settings_of: Callable[..., Settings], model_dir: Path) -> Iterator[Callable[..., object]]:
    """Make a deployment to feed and run; verdicts last minutes of event time, so that there are many."""
    usual: dict[str, object] = dict.fromkeys(("review_hours", "challenge_hours", "limit_hours", "block_hours"), 0.02)
    usual |= {"model_dir": model_dir, "lake_flush_seconds": 0.5}

    made = []

    def build(**more: object) -> object:
        made.append(_load("streams").Stream(settings_of(**(usual | more))))
        return made[-1]

    yield build
    for stream in made:
        stream.stop()
