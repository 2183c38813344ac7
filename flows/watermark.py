"""Event time: how far the stream has come, from the events alone and never from the clock."""

from __future__ import annotations

from flows.batches import NO_WATERMARK_MS, Mark


class SourceWatermark:
    """The smallest newest event time over a worker's partitions; the clock only says which of them are idle."""

    def __init__(self, idle_seconds: float) -> None:
        self._idle_seconds = idle_seconds
        self._newest_ms: dict[int, int | None] = {}
        self._active_at: dict[int, float] = {}

    def add(self, partition: int, newest_ms: int | None, clock_seconds: float) -> None:
        """Take on a partition, with the newest event time it had before a restart."""
        self._newest_ms[partition] = newest_ms
        self._active_at[partition] = clock_seconds

    def observe(self, partition: int, newest_ms: int, clock_seconds: float) -> int:
        """Note the newest event of a batch; the partition's newest so far."""
        before = self._newest_ms[partition]
        newest = newest_ms if before is None else max(before, newest_ms)
        self._newest_ms[partition] = newest
        self._active_at[partition] = clock_seconds
        return newest

    def end(self, partition: int) -> None:
        """Wait no more for a partition that has ended."""
        self._active_at[partition] = float("-inf")

    def value(self, clock_seconds: float) -> int | None:
        """Give the watermark; None while every partition is idle, for then there is nothing to wait for."""
        since = clock_seconds - self._idle_seconds
        live = [newest for part, newest in self._newest_ms.items() if self._active_at[part] >= since]
        if not live:
            return None
        return NO_WATERMARK_MS if None in live else min(newest for newest in live if newest is not None)


class ShardWatermark:
    """The smallest watermark over the sources that feed a worker's shards; it never goes back."""

    def __init__(self, sources: int) -> None:
        self._sources = sources
        self._heard: dict[int, int | None] = {}
        self.value_ms = NO_WATERMARK_MS

    def pass_over(self, value_ms: int) -> None:
        """Go on from where a shard was: one that heard less of the same sources has missed nothing."""
        self.value_ms = max(self.value_ms, value_ms)

    def observe(self, mark: Mark) -> int:
        """Take in one source's mark; the shard's watermark after it."""
        self._heard[mark.source] = mark.watermark_ms
        live = [value for value in self._heard.values() if value is not None]
        if len(self._heard) >= self._sources and live:
            self.value_ms = max(self.value_ms, min(live))
        return self.value_ms
