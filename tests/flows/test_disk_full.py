"""The disk of the state or the lake is full: a small one of its own, in a mount namespace, really full."""

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

SIZE = "96m"


@pytest.fixture
def disk(request: pytest.FixtureRequest, new_stream: Callable[..., Any]) -> Iterator[tuple[Any, Path]]:
    """Give a deployment with a folder that is a disk of its own, and where that is seen from here."""
    stream = new_stream()
    at = getattr(stream.settings, request.param)
    at.mkdir(parents=True)
    mounted = f"mount -t tmpfs -o size={SIZE} none {at} && echo ready && exec sleep 3000"
    holder = subprocess.Popen(["unshare", "-rm", "sh", "-c", mounted], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    if holder.stdout.readline() != "ready\n":
        pytest.skip("this machine lets nobody mount in a namespace of their own")
    stream.within = ("nsenter", "--preserve-credentials", "-U", "-m", f"-w{Path.cwd()}", "-t", str(holder.pid))
    yield stream, Path(f"/proc/{holder.pid}/root{at}")
    holder.kill()
    holder.communicate()


def fill(folder: Path) -> Path:
    """Leave not a byte free."""
    filler = folder / "filler"
    with filler.open("wb", buffering=0) as out:
        for size in (1 << 20, 4096):
            try:
                while out.write(bytes(size)):
                    continue
            except OSError:
                continue
    return filler


@pytest.mark.parametrize("disk", ["state_dir", "lake_dir"], indirect=True)
def test_a_full_disk_stops_the_stream_with_the_reason_and_nothing_is_lost(disk: tuple[Any, Path]):
    stream, folder = disk
    stream.feed(1000)
    process = stream.start()
    stream.wait_for_decisions(20)
    filler = fill(folder)
    stream.feed(1000)
    _, errors = process.communicate(timeout=240)
    assert process.returncode == 1
    assert "no room is left on the disk of the" in errors.splitlines()[-1], errors
    assert "Traceback" not in errors
    filler.unlink()
    stream.run()
    decisions, counts = stream.expected()
    assert stream.decisions() == decisions
    lake = folder if stream.settings.lake_dir.name == folder.name else stream.settings.lake_dir
    rows = pl.read_parquet(lake / "events" / "*" / "*.parquet").select("partition", "offset")
    assert len(rows) == len(rows.unique()) == counts["processed"] + counts["duplicate"] + counts["late"]
