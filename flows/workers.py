"""Worker processes as the launcher sees them: started together, watched, ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import IO, Final

import msgspec

from flows.broker import die_with_parent, free_port
from flows.plan import FAILED, Plan
from flows.tally import Report

_TAIL_LINES: Final = 40
_OF_A_WORKER: Final = {
    # a worker is one core: more threads cost more than they give
    **dict.fromkeys(
        ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS"), "1"
    ),
    # else each of its many threads that wait for disk and broker keeps memory of its own that it freed
    "MALLOC_ARENA_MAX": "2",
}
_GRACE_SECONDS: Final = 0.5


class Worker:
    """One worker process, with what it said."""

    def __init__(self, index: int, environment: Mapping[str, str], lock: int) -> None:
        self.index = index
        self.error: str | None = None
        self._said: deque[str] = deque(maxlen=_TAIL_LINES)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "flows.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(environment),
            pass_fds=(lock,),  # the state stays locked until the last worker is gone
            preexec_fn=_before_exec(),
            start_new_session=True,  # a terminal's Ctrl-C is for the launcher
        )
        assert self._process.stderr is not None
        self._listener = threading.Thread(target=self._listen, args=(self._process.stderr,), daemon=True)
        self._listener.start()

    @property
    def code(self) -> int | None:
        """The exit code; None while it runs."""
        return self._process.poll()

    def begin(self, plan: Plan) -> None:
        """Tell it what to do; until then it loads what that needs."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # it died: whoever watches it will see
            self._process.stdin.write(msgspec.json.encode(plan))
            self._process.stdin.close()

    def drain(self) -> None:
        """Ask it to finish what it has and stop."""
        if self.code is None:
            self._process.terminate()

    def kill(self) -> None:
        """End it at once and wait until it is gone."""
        if self.code is None:
            self._process.kill()
        self._process.wait()
        self._listener.join(_GRACE_SECONDS)

    def report(self) -> Report:
        """Read what it says; only after it ended well."""
        assert self._process.stdout is not None
        self._listener.join(_GRACE_SECONDS)
        return msgspec.json.decode(self._process.stdout.read(), type=Report)

    def reason(self) -> str:
        """Say why it died, as well as it can be known."""
        self._listener.join(_GRACE_SECONDS)
        code = self._process.returncode
        fate = f"was killed by signal {-code}" if code < 0 else f"ended with {code}"
        last = self.error or next((line for line in reversed(self._said) if line.strip()), "")
        return f"worker {self.index} {fate}" + (f": {last}" if last else "")

    def _listen(self, stream: IO[bytes]) -> None:
        """Pass its log lines on; keep the rest (panics of workers whose peer died) for when it matters."""
        for raw in stream:
            line = raw.decode(errors="replace").rstrip("\n")
            if not line.startswith("{"):
                self._said.append(line)
                continue
            try:
                message = str(msgspec.json.decode(line)["message"])
            except (msgspec.DecodeError, KeyError, TypeError):
                message = ""
            if message.startswith(FAILED):
                self.error = message.removeprefix(f"{FAILED}: ")
            sys.stderr.write(line + "\n")
            sys.stderr.flush()


class Cluster:
    """All workers of one attempt. They load what they need from the moment they are made, and wait for their plan."""

    started_at: float
    """When they were told their plan."""

    def __init__(self, count: int, environment: Mapping[str, str], lock: int) -> None:
        self.workers: list[Worker] = []
        own = {**os.environ, **_OF_A_WORKER, **environment}
        try:
            for index in range(count):
                self.workers.append(Worker(index, own, lock))
        except BaseException:
            self.kill()
            raise

    def begin(self, plan: Plan) -> None:
        """Tell all what to do, and where the others are."""
        self.started_at = time.monotonic()
        addresses = tuple(f"127.0.0.1:{port}" for port in _free_ports(len(self.workers)))
        for worker in self.workers:
            worker.begin(msgspec.structs.replace(plan, index=worker.index, addresses=addresses))

    def dead(self) -> Worker | None:
        """Name a worker that failed: the one that says why, if any does, for the others only lost their peer."""
        failed = [worker for worker in self.workers if worker.code not in (None, 0)]
        if not failed:
            return None
        time.sleep(0.05)  # the one that says why may be about to end
        failed = [worker for worker in self.workers if worker.code not in (None, 0)]
        killed = [worker for worker in failed if (worker.code or 0) < 0]
        return next((w for w in failed if w.error and "communicat" not in w.error), (killed or failed)[0])

    def done(self) -> bool:
        """Say whether all ended well."""
        return all(worker.code == 0 for worker in self.workers)

    def drain(self) -> None:
        """Ask all to finish."""
        for worker in self.workers:
            worker.drain()

    def kill(self) -> None:
        """End all."""
        for worker in self.workers:
            worker.kill()


def _before_exec() -> Callable[[], None]:
    """Make the child end with us, and hold back SIGTERM until it listens: a drain asked early is not lost."""
    with_parent = die_with_parent()

    def prepare() -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        if with_parent is not None:
            with_parent()

    return prepare


def _free_ports(count: int) -> list[int]:
    ports: list[int] = []
    while len(ports) < count:
        port = free_port()
        if port not in ports:
            ports.append(port)
    return ports
