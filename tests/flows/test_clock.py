"""The system clock is set back and forward while the stream runs (a preloaded library lies to it)."""

import shutil
import signal
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SOURCE = Path(__file__).with_name("set_clock.c")
SetClock = Callable[[int], None]


@pytest.fixture
def clock(new_stream: Callable[..., Any], tmp_path: Path) -> tuple[Any, SetClock]:
    """Give a deployment, and what sets its clock: to so many seconds beside the real one."""
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("this machine has no C compiler to make a clock that can be set, or is no Linux")
    library, offset = tmp_path / "set_clock.so", tmp_path / "offset"
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", library, SOURCE, "-ldl"], check=True)
    offset.write_bytes(struct.pack("=q", 0))

    def set_clock(seconds: int) -> None:
        with offset.open("r+b", buffering=0) as file:
            file.write(struct.pack("=q", seconds))

    stream = new_stream()
    stream.within = ("env", f"LD_PRELOAD={library}", f"CLOCK_OFFSET={offset}")
    return stream, set_clock


def test_a_clock_set_back_and_forward_stops_nothing_and_loses_nothing(clock: tuple[Any, SetClock]):
    stream, set_clock = clock
    stream.feed(600)
    process = stream.start()
    stream.wait_for_decisions(20, seconds=40)
    time.sleep(1)  # the source waits for more
    for offset in (-3600, 3600):
        set_clock(offset)
        stream.feed(600)
        stream.wait_for_decisions(20, seconds=40)
        time.sleep(1)
    process.send_signal(signal.SIGTERM)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert errors.count("the system clock was set back by 3600.") == 1, errors
    stream.run()
    assert stream.decisions() == stream.expected()[0]
