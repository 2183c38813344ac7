from flows.batches import NO_WATERMARK_MS, Mark
from flows.watermark import ShardWatermark, SourceWatermark


def test_a_worker_is_as_far_as_its_slowest_partition():
    watermark = SourceWatermark(idle_seconds=30)
    watermark.add(0, None, 0.0)
    watermark.add(1, None, 0.0)
    watermark.observe(0, 1000, 1.0)
    assert watermark.value(1.0) == NO_WATERMARK_MS
    watermark.observe(1, 500, 1.0)
    assert watermark.value(1.0) == 500


def test_an_idle_partition_is_not_waited_for():
    watermark = SourceWatermark(idle_seconds=30)
    watermark.add(0, None, 0.0)
    watermark.add(1, None, 0.0)
    watermark.observe(0, 1000, 40.0)
    assert watermark.value(40.0) == 1000


def test_older_events_do_not_turn_time_back():
    watermark = SourceWatermark(idle_seconds=30)
    watermark.add(0, 2000, 0.0)
    assert watermark.observe(0, 1500, 1.0) == 2000
    assert watermark.value(1.0) == 2000


def test_with_every_partition_idle_there_is_nothing_to_wait_for():
    watermark = SourceWatermark(idle_seconds=30)
    watermark.add(0, 1000, 0.0)
    assert watermark.value(31.0) is None


def test_an_ended_partition_is_not_waited_for():
    watermark = SourceWatermark(idle_seconds=30)
    watermark.add(0, 1000, 0.0)
    watermark.add(1, 2000, 0.0)
    watermark.end(0)
    assert watermark.value(0.0) == 2000


def test_a_shard_waits_until_every_source_was_heard():
    watermark = ShardWatermark(sources=2)
    assert watermark.observe(Mark(0, 900)) == NO_WATERMARK_MS
    assert watermark.observe(Mark(1, 700)) == 700


def test_a_shard_does_not_wait_for_an_idle_source():
    watermark = ShardWatermark(sources=2)
    watermark.observe(Mark(1, None))
    assert watermark.observe(Mark(0, 900)) == 900


def test_a_shard_never_goes_back():
    watermark = ShardWatermark(sources=1)
    watermark.pass_over(800)
    assert watermark.observe(Mark(0, 100)) == 800
