"""`gillnet state reshard` against a deployment that ran: it goes on as if it had always had so many shards."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from flows import reshard as resharding
from flows.reshard import reshard
from flows.state import read_deployment, write_deployment

GILLNET = str(Path(sys.executable).with_name("gillnet"))

pytestmark = pytest.mark.parametrize("broker", ["embedded"], indirect=True)  # which broker it is makes no difference


def with_shards(stream: Any, shards: int) -> Any:
    """Give the deployment that setting."""
    stream.settings = stream.settings.model_copy(update={"shards": shards})
    return stream


def gillnet(stream: Any, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [GILLNET, *args], env=stream.environment, capture_output=True, text=True, timeout=200, check=False
    )


def test_a_deployment_goes_on_with_more_shards_and_with_fewer(new_stream: Callable[..., Any]):
    stream, counts = new_stream(), []
    for shards in (4, 10, 2):
        if counts:
            refused = gillnet(with_shards(stream, shards), "run")
            assert refused.returncode == 2
            assert f"gillnet state reshard --shards {shards}" in refused.stderr
            done = gillnet(stream, "state", "reshard", "--shards", str(shards))
            assert done.returncode == 0, done.stderr
            assert f"200 accounts in {shards} shards" in done.stdout
        stream.feed(1000)
        counts.append(stream.run("--workers", "2"))
    wanted, expected = stream.expected()
    assert {name: sum(count[name] for count in counts) for name in counts[0]} == expected
    assert stream.decisions() == wanted
    assert len(wanted) > 200


def test_a_change_that_is_cut_short_is_refused_until_it_is_finished(
    new_stream: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
):
    stream = new_stream()
    stream.feed(1000)
    stream.run()

    def cut_short(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(resharding, "_cut", cut_short)  # before any state is written
        with pytest.raises(KeyboardInterrupt):
            reshard(stream.settings, 8)
    refused = gillnet(with_shards(stream, 8), "run")
    assert refused.returncode == 2
    assert "was interrupted: finish it with `gillnet state reshard --shards 8`" in refused.stderr
    assert reshard(stream.settings, 8) == 200

    deployment = read_deployment(stream.settings)
    assert deployment is not None
    write_deployment(stream.settings, replace(deployment, resharding_from=4))  # as after a crash behind the states
    assert reshard(stream.settings, 8) == 200
    stream.feed(1000)
    assert stream.run()["read"] == 1000
    assert stream.decisions() == stream.expected()[0]


def test_what_would_move_decisions_to_another_partition_is_refused(new_stream: Callable[..., Any]):
    stream = new_stream()
    stream.feed(100)
    stream.run()
    done = gillnet(stream, "state", "reshard", "--shards", "5")
    assert done.returncode == 2
    assert "expected a multiple of the 2 partitions of decisions" in done.stderr
    assert stream.run()["read"] == 0
