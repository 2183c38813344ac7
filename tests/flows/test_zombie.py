"""A whole deployment is paused, another takes its place, and the old one wakes up: it adds and doubles nothing."""

import re
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil


@contextmanager
def paused(process: Any) -> Iterator[None]:
    """Halt a run with all its workers, as a machine that is suspended would; at the end it goes on."""
    family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    for each in family:
        each.suspend()
    try:
        yield
    finally:
        for each in family:
            each.resume()


def test_on_one_machine_the_replacement_is_refused_as_long_as_the_paused_one_exists(new_stream: Callable[..., Any]):
    stream = new_stream()
    stream.feed(600)
    process = stream.start()
    stream.wait_for_decisions(20)
    with paused(process):
        replacement = stream.spawn()
        _, errors = replacement.communicate(timeout=60)
        assert replacement.returncode == 1
        (line,) = errors.splitlines()
        assert f"the state in {stream.settings.state_dir} is in use by process {process.pid}: stop that one" in line
    stream.feed(600)
    stream.wait_for_decisions(20, seconds=60)


def test_the_replacement_on_another_machine_fences_the_paused_one(new_stream: Callable[..., Any], tmp_path: Path):
    """The other machine has no state, and works it out anew from the topic."""
    stream = new_stream()
    stream.feed(600)
    process = stream.start()
    stream.wait_for_decisions(20)
    time.sleep(2)  # until nothing is being written
    elsewhere = {"GILLNET_STATE_DIR": tmp_path / "state", "GILLNET_LAKE_DIR": tmp_path / "lake"}
    with paused(process):
        stream.within = ("env", *(f"{name}={path}" for name, path in elsewhere.items()))
        replacement = stream.start()
        stream.feed(600)
        stream.wait_for_decisions(20, seconds=60)
    stream.feed(600)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2, errors
    said = [line for line in errors.splitlines() if not line.startswith("{")]
    assert len(said) == 1, errors
    assert re.fullmatch(f"error: another run took over .*{stream.settings.consumer_group}.*", said[0]), said
    replacement.send_signal(signal.SIGTERM)
    _, errors = replacement.communicate(timeout=60)
    assert (replacement.returncode, errors) == (0, "")
    stream.run()
    assert stream.decisions() == stream.expected()[0]
