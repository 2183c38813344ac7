"""Segments are read off events for reports; no model sees a person's age, gender, country or name."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from detector import cli
from detector.contract.decode import DecodeLimits, decode
from detector.contract.events import EVENT_SCHEMA
from detector.contract.labels import LABELS_SCHEMA, read_labels
from detector.histories import Recipe
from detector.replay import Replay
from detector.segments import DIMENSIONS, Segments
from detector.simulator import Simulation, load_scenario
from detector.simulator.saving import write_labels
from detector.training import train
from features.catalogue import DEFAULT
from models import default, folder
from models.training import Options

HOUR = 3_600_000
DAY = 24 * HOUR
MIDNIGHT = 1_760_054_400_000 - 1_760_054_400_000 % DAY
LIMITS = DecodeLimits(event_bytes_max=1 << 18, ts_min_ms=0, future_ms_max=0)
SEVERAL = set(DIMENSIONS) - {"language"}  # the simulator's people all write English, as far as can be told
PROTECTED = {"age", "gender", "country", "name"}


def frame(*events: dict[str, object]) -> pl.DataFrame:
    rows = [{"event_id": str(i), "account_id": "a", "type": "message", **event} for i, event in enumerate(events)]
    return decode([json.dumps(row).encode() for row in rows], LIMITS, MIDNIGHT + 100 * DAY).events


def labels(*names: str, until: int | None = None) -> pl.DataFrame:
    rows = {name: [None] * len(names) for name in LABELS_SCHEMA} | {
        "account_id": list(names),
        "label": [0] * len(names),
    }
    return pl.DataFrame(rows, schema=LABELS_SCHEMA).with_columns(labelled_at=pl.lit(until, pl.Int64))


def segments(events: pl.DataFrame, batch: int = 100, until: int | None = None) -> dict[str, object]:
    known = labels("a", until=until)
    gathered = Segments(known)
    assert sum(len(part) for part in gathered.watch(events.iter_slices(batch))) == len(events)
    return gathered.of(known.select("account_id")).row(0, named=True)


def test_what_an_account_gave_last_counts() -> None:
    told = segments(
        frame(
            {"type": "signup", "ts": MIDNIGHT, "platform": "ios", "country": "DE"},
            {"type": "profile_update", "ts": MIDNIGHT + 1, "age": 31, "gender": "f"},
            {"type": "login", "ts": MIDNIGHT + 2, "platform": "web"},
            {"type": "profile_update", "ts": MIDNIGHT + 3, "age": 36},
        )
    )
    assert (told["platform"], told["country"], told["gender"], told["age"]) == ("web", "DE", "f", "35 to 49")


def test_the_language_it_mostly_writes_and_the_time_it_is_mostly_there_count() -> None:
    german = "ich weiss nicht ob das noch geht aber wir können es versuchen"
    told = segments(
        frame(
            {"ts": MIDNIGHT + 13 * HOUR, "text": german},
            {"ts": MIDNIGHT + 20 * HOUR, "text": german},
            {"ts": MIDNIGHT + 21 * HOUR, "text": "what do you think about this and where are you from"},
        )
    )
    assert (told["language"], told["hour of day"]) == ("de", "18 to 24 UTC")


@pytest.mark.parametrize(
    ("lived", "age"), [(HOUR, "under a day"), (2 * DAY, "a day to a week"), (9 * DAY, "a week and over")]
)
def test_an_account_is_as_old_as_its_last_event_after_its_sign_up(lived: int, age: str) -> None:
    told = segments(frame({"type": "signup", "ts": MIDNIGHT}, {"ts": MIDNIGHT + lived}))
    assert told["account age"] == age


def test_without_a_sign_up_nobody_knows_how_old_it_is_and_what_is_not_given_is_unknown() -> None:
    told = segments(frame({"ts": MIDNIGHT}))
    assert told.pop("account age") == "sign-up not seen"
    assert told.pop("hour of day") == "00 to 06 UTC"
    assert set(told.values()) == {None}


def test_what_an_account_does_after_it_was_labelled_counts_for_nothing() -> None:
    events = frame(
        {"type": "login", "ts": MIDNIGHT, "country": "DE"}, {"type": "login", "ts": MIDNIGHT + 9, "country": "FR"}
    )
    assert segments(events, until=MIDNIGHT + 5)["country"] == "DE"


@pytest.fixture(scope="module")
def simulated() -> tuple[Simulation, pl.DataFrame]:
    simulation = Simulation(replace(load_scenario("demo"), bots=0.25, campaign_accounts=3), 4, 6_000)
    lines = [line.value for line in simulation]
    return simulation, decode(lines, LIMITS, simulation.last_ms + DAY).events


def test_how_events_are_batched_changes_no_segment(simulated: tuple[Simulation, pl.DataFrame]) -> None:
    _, events = simulated
    ids = events.select("account_id").unique().sort("account_id")
    found = []
    for size in (40, 6_000):
        gathered = Segments(labels(*ids["account_id"]))
        for _ in gathered.watch(events.iter_slices(size)):
            pass
        found.append(gathered.of(ids))
    assert found[0].equals(found[1])
    assert found[0].columns == list(DIMENSIONS)


def unprotected(events: pl.DataFrame) -> pl.DataFrame:
    """Give everyone another age, gender, country and name."""
    return events.with_columns(
        age=pl.lit(99).cast(EVENT_SCHEMA["age"]),
        gender=pl.lit("other"),
        country=pl.lit("XX"),
        name=pl.when(pl.col("name").is_not_null()).then(pl.lit("Somebody")),
    ).cast(dict(EVENT_SCHEMA))


def test_no_feature_changes_with_age_gender_country_or_name(simulated: tuple[Simulation, pl.DataFrame]) -> None:
    """So no model, the one that ships included, can know them; of a name it knows how many digits are in it."""
    _, events = simulated
    assert all(events[column].n_unique() > 2 for column in PROTECTED)
    plain, changed = (Replay().process(frame)[1] for frame in (events, unprotected(events)))
    assert np.array_equal(plain, changed, equal_nan=True)
    inputs = [DEFAULT.names.index(name) for name in default().feature_names]
    assert np.array_equal(*(default().score(np.ascontiguousarray(rows[:, inputs])) for rows in (plain, changed)))


def test_no_feature_is_called_after_them() -> None:
    for name in DEFAULT.names:
        assert not PROTECTED - {"name"} & set(name.split("_")), name
    assert [name for name in DEFAULT.names if "name" in name.split("_")] == ["name_digits"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, simulated: tuple[Simulation, pl.DataFrame]) -> Path:
    simulation, events = simulated
    place = tmp_path_factory.mktemp("trained")
    write_labels(str(place / "labels.csv"), simulation.labels)
    (place / "events.jsonl").write_bytes(b"".join(line.value + b"\n" for line in simulation))

    def again() -> Iterator[pl.DataFrame]:
        return events.iter_slices(2_000)

    known = read_labels(place / "labels.csv").with_columns(labelled_at=pl.lit(None, pl.Int64))
    train(again, known, place / "model", Recipe(options=Options(rounds=5, resamples=5)))
    return place


def test_a_trained_model_reads_none_of_them(trained: Path) -> None:
    read = set(folder.load(trained / "model").feature_names)
    assert read <= set(DEFAULT.names)
    assert not read & (PROTECTED | set(DIMENSIONS))


def test_its_card_has_a_table_for_each_dimension(trained: Path) -> None:
    card = (trained / "model" / "card.md").read_text()
    assert "## False positives by segment" in card
    assert all(f"| {name} | humans | flagged |" in card for name in SEVERAL)


def gillnet(capsys: pytest.CaptureFixture[str], *args: str) -> tuple[object, str]:
    with pytest.raises(SystemExit) as stop:
        cli.main(["evaluate", *args])
    captured = capsys.readouterr()
    return stop.value.code, captured.out + captured.err


def test_evaluate_shows_segments_on_request(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ("--events", str(trained / "events.jsonl"), "--labels", str(trained / "labels.csv"), "--threshold", "0.3")
    code, said = gillnet(capsys, *given, "--segments", "--json")
    told = json.loads(said)
    assert code == 0
    assert {rate["dimension"] for rate in told["segments"]} >= SEVERAL
    platforms = [rate for rate in told["segments"] if rate["dimension"] == "platform"]
    assert sum(rate["humans"] for rate in platforms) <= told["n"] - told["positives"]
    code, said = gillnet(capsys, *given, "--segments")
    assert (code, "under a day" in said) == (0, True)
    code, said = gillnet(capsys, *given, "--json")
    assert "segments" not in json.loads(said)


def test_vectors_have_no_segments(trained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said = gillnet(capsys, "--vectors", "v.parquet", "--labels", str(trained / "labels.csv"), "--segments")
    assert code == 2
    assert "read off events" in said
