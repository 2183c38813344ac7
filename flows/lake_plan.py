"""Where a deployment's part of the lake is; light, for the launcher imports it before it starts workers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from detector.lake import LakeWriter
from detector.settings import Settings
from flows.state import Deployment


@dataclass(frozen=True, slots=True)
class LakePlan:
    """Where the lake is, and how this deployment writes it.

    Lanes are fixed when a deployment begins, whatever the number of workers later; their names carry its id, so that
    a deployment that begins anew never meets the files of the one before.
    """

    folder: Path
    deployment: str
    lanes: int
    flush_seconds: float
    epoch_seconds: float

    @classmethod
    def of(cls, settings: Settings, deployment: Deployment) -> LakePlan:
        """Take the plan from the settings and what is fixed."""
        return cls(
            settings.lake_dir, deployment.id, deployment.lanes, settings.lake_flush_seconds, settings.epoch_seconds
        )

    def lane(self, number: int) -> str:
        """Name a lane."""
        return f"{self.deployment}.{number}"


def finish(plan: LakePlan, lanes: Mapping[int, int]) -> None:
    """Publish all that workers staged, who have all ended well, so that it is durable.

    ``lanes`` says up to where. What else lies there a worker staged that was killed, in a lane that no worker has taken
    over since: Bytewax does so when there is something to write.
    """
    for number, seq in lanes.items():
        writer = LakeWriter(plan.folder, plan.lane(number))
        writer.publish(seq)
        writer.forget(seq)
