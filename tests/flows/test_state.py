"""The state folder: held by one, and fixed in what cannot change."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from detector.contract.errors import UsageError
from detector.settings import Settings
from flows.state import StateError, locked, open_deployment, read_deployment, read_totals, recovery_dir, write_totals

PARTITIONS = {"events": 4, "decisions": 4, "scores": 4, "labels": 4, "campaigns": 4, "events.dlq": 4}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(state_dir=tmp_path, shards=4)


def test_a_deployment_is_begun_once_and_found_again(settings: Settings):
    begun = open_deployment(settings, PARTITIONS)
    assert open_deployment(settings.model_copy(update={"workers": 7}), PARTITIONS) == begun
    assert (begun.shards, begun.lanes) == (4, 1)


def test_a_start_that_ended_halfway_is_begun_again(settings: Settings):
    open_deployment(settings, PARTITIONS)
    (settings.state_dir / "deployment.json").unlink()
    open_deployment(settings, PARTITIONS)
    assert list(recovery_dir(settings).iterdir())


@pytest.mark.parametrize(("name", "value"), [("shards", 5), ("events_topic", "other")])
def test_what_is_fixed_cannot_change(settings: Settings, name: str, value: object):
    open_deployment(settings, PARTITIONS)
    with pytest.raises(UsageError, match=f"{name} is {value}.*--state-dir"):
        open_deployment(settings.model_copy(update={name: value}), PARTITIONS | {"other": 4})


def test_a_state_of_another_version_is_left_alone(settings: Settings):
    open_deployment(settings, PARTITIONS)
    path = settings.state_dir / "deployment.json"
    begun = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({n: v for n, v in begun.items() if n != "entity_shards"} | {"version": 1}))
    with pytest.raises(UsageError, match=r"version 1, .* reads version 8: .* --state-dir"):
        open_deployment(settings, PARTITIONS)


def test_a_state_from_before_there_were_campaigns_is_refused_for_its_version_and_not_called_damaged(settings: Settings):
    open_deployment(settings, PARTITIONS)
    path = settings.state_dir / "deployment.json"
    begun = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode({n: v for n, v in begun.items() if "campaigns" not in n} | {"version": 3}))
    for read in (read_deployment, lambda known: open_deployment(known, PARTITIONS)):
        with pytest.raises(UsageError, match=r"version 3, .* reads version 8: .* --state-dir"):
            read(settings)


def test_an_output_topic_may_grow_but_not_shrink(settings: Settings):
    begun = open_deployment(settings, PARTITIONS)
    assert open_deployment(settings, PARTITIONS | {"decisions": 8}) == begun
    with pytest.raises(StateError, match="has 2 partitions"):
        open_deployment(settings, PARTITIONS | {"decisions": 2})


def test_damaged_state_is_said(settings: Settings):
    open_deployment(settings, PARTITIONS)
    (settings.state_dir / "deployment.json").write_text('{"shards"')
    with pytest.raises(StateError, match="damaged"):
        open_deployment(settings, PARTITIONS)


def test_totals_are_kept(settings: Settings):
    assert read_totals(settings) == {}
    write_totals(settings, {"read": 3})
    assert read_totals(settings) == {"read": 3}


def test_a_held_state_is_refused_until_its_holder_and_its_children_are_gone(tmp_path: Path):
    code = f"""if True:
        import subprocess, sys
        from pathlib import Path
        from flows.state import locked
        with locked(Path({str(tmp_path)!r})) as lock:
            child = subprocess.Popen(["sleep", "60"], stdout=subprocess.DEVNULL, pass_fds=(lock,))
            print(child.pid, flush=True)
            sys.stdin.read()
    """
    holder = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    child = int(holder.stdout.readline())
    with pytest.raises(StateError, match=f"in use by process {holder.pid}"), locked(tmp_path):
        pass
    holder.kill()
    holder.communicate()
    with pytest.raises(StateError), locked(tmp_path):
        pass
    subprocess.run(["kill", "-9", str(child)], check=True)
    with locked(tmp_path):
        pass
