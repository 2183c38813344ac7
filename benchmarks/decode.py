"""What decoding costs: microseconds of CPU per event, by batch size and by what the values are like.

Run: POLARS_MAX_THREADS=1 python benchmarks/decode.py
"""

from __future__ import annotations

import json
import os
import time

os.environ.setdefault("POLARS_MAX_THREADS", "1")

import msgspec

from detector.contract.decode import DecodeLimits, decode
from detector.contract.lines import decode_line
from detector.simulator import load_scenario, simulate

LIMITS = DecodeLimits(event_bytes_max=262_144, ts_min_ms=946_684_800_000, future_ms_max=86_400_000 * 36_500)
EVENTS = 100_000
ROUNDS = 5
SIZES = (100, 500, 2_000, 10_000)
CALLS = 2_000


def inputs() -> dict[str, list[bytes]]:
    """Make the values of each kind."""
    simulated = [event.value for event in simulate(load_scenario("load"), seed=7, events=EVENTS)]
    plain = [value for value in simulated if isinstance(decode_line(value, 0, LIMITS, 0), tuple)]
    objects = [msgspec.json.decode(value) for value in plain]
    return {
        "simulated": simulated,
        "as json.dumps writes them": [json.dumps(held).encode() for held in objects],
        "with 3 unknown fields": [value[:-1] + b',"app":"4.2","session":{"n":7},"ab":[1,2]}' for value in plain],
        "1 % garbage": [b"garbage" if row % 100 == 0 else value for row, value in enumerate(plain)],
        "garbage (cut short)": [value[:-20] for value in plain],
    }


def cpu_us(values: list[bytes], size: int) -> float:
    """Measure the best of several rounds over all batches of one size."""
    batches = [values[at : at + size] for at in range(0, len(values), size)]
    decode(batches[0], LIMITS, 0)
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for batch in batches:
            decode(batch, LIMITS, 0)
        best = min(best, time.process_time() - begun)
    return best / len(values) * 1e6


def main() -> None:
    """Print the table."""
    made = inputs()
    mean = sum(map(len, made["simulated"])) / EVENTS
    print(f"{EVENTS} events of {mean:.0f} bytes on average; CPU µs an event, best of {ROUNDS}")
    print(f"{'values':<28}" + "".join(f"{size:>8}" for size in SIZES))
    for name, values in made.items():
        print(f"{name:<28}" + "".join(f"{cpu_us(values, size):>8.2f}" for size in SIZES))
    calls = ", ".join(f"{cpu_us(made['simulated'][:CALLS], size) * size:.0f} for {size}" for size in (1, 100, 500))
    print(f"CPU µs a call, by values in it: {calls}")
    begun = time.process_time()
    for row, value in enumerate(made["simulated"]):
        decode_line(value, row, LIMITS, 0)
    print(f"the reference, one value at a time: {(time.process_time() - begun) / EVENTS * 1e6:.2f}")


if __name__ == "__main__":
    main()
