"""What bots do to go unnoticed changes what they do, the same for the same seed, and nothing else."""

import hashlib
import json
from collections import defaultdict
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector import cli
from detector.contract.decode import DecodeLimits, decode
from detector.contract.errors import UsageError
from detector.simulator import Simulation, load_scenario, simulate
from detector.simulator.draws import Draws
from detector.simulator.evasions import ALL, EVASIONS, NAMES, named_evasions
from detector.simulator.wording import Wording

LIMITS = DecodeLimits(event_bytes_max=256 * 1024, ts_min_ms=0, future_ms_max=0)
PLATFORM = replace(load_scenario("demo"), events=260_000, bots=0.3, careful=0.0, duplicates=0.0, offline=0.0, late=0.0)


class Bots:
    """A platform with many bots: what they did before and since they are bots, by account."""

    def __init__(self, *evasions: str, care: float = 1.0) -> None:
        simulation = Simulation(replace(PLATFORM, evasions=evasions, care=care), seed=5, events=15_000)
        self.events = [json.loads(line.value) for line in simulation]
        self.labels = {label.account_id: label for label in simulation.labels}
        self.before, self.since = defaultdict(list), defaultdict(list)
        for event in self.events:
            label = self.labels[event["account_id"]]
            if label.label == "bot":
                (self.since if event["ts"] >= label.bot_from_ms else self.before)[label.account_id].append(event)

    def texts(self) -> list[str]:
        return [e["text"] for events in self.since.values() for e in events if e["type"] == "message"]

    def gaps_cv(self) -> float:
        """How uneven the times within sessions are, typically."""
        found = []
        for events in self.since.values():
            gaps = [b["ts"] - a["ts"] for a, b in pairwise(events) if b["ts"] - a["ts"] < 60_000]
            if len(gaps) >= 10:
                found.append(np.std(gaps) / np.mean(gaps))
        return float(np.median(found))

    def events_a_day(self) -> float:
        days = sum(max(events[-1]["ts"] - events[0]["ts"], 3_600_000) for events in self.since.values()) / 86_400_000
        return sum(map(len, self.since.values())) / days

    def devices(self) -> dict[str, set[str]]:
        users = defaultdict(set)
        for name, events in self.since.items():
            for event in events:
                if "device_id" in event:
                    users[event["device_id"]].add(name)
        return users


@pytest.fixture(scope="module")
def naive() -> Bots:
    return Bots()


@pytest.mark.parametrize(
    ("name", "digest"), [("demo", "90d5d02235f11ecb"), ("load", "34110226de30cad5"), ("train", "5ca214eb190ae7f5")]
)
def test_scenarios_without_evasions_are_the_bytes_they_were_before_there_were_any(name: str, digest: str) -> None:
    simulation, found = Simulation(load_scenario(name), 7, 5_000), hashlib.sha256()
    for line in simulation:
        found.update(line.value + b"\n")
    labels = [(x.account_id, x.label, x.family, x.labelled_at_ms, x.source, x.campaign) for x in simulation.labels]
    found.update(repr(labels).encode())
    assert found.hexdigest()[:16] == digest


def test_without_care_nothing_changes() -> None:
    plain = list(simulate(PLATFORM, 3, 3_000))
    assert list(simulate(replace(PLATFORM, evasions=NAMES, care=0.0), 3, 3_000)) == plain


def test_the_same_seed_gives_the_same_bytes_whatever_the_order_of_the_names() -> None:
    one, other = (replace(PLATFORM, evasions=names, care=0.7) for names in (NAMES, NAMES[::-1]))
    assert list(simulate(one, 3, 3_000)) == list(simulate(other, 3, 3_000))


def test_jitter_makes_gaps_as_uneven_as_peoples(naive: Bots) -> None:
    assert naive.gaps_cv() < 0.6 < Bots("jitter").gaps_cv()


def test_a_slow_drip_sends_a_fraction(naive: Bots) -> None:
    assert Bots("slow_drip").events_a_day() < 0.4 * naive.events_a_day()


def test_care_is_how_far_an_evasion_goes(naive: Bots) -> None:
    assert Bots("slow_drip").events_a_day() < Bots("slow_drip", care=0.3).events_a_day() < naive.events_a_day()


def test_with_human_hours_bots_sleep(naive: Bots) -> None:
    def rests(bots: Bots) -> float:
        long = [events for events in bots.since.values() if events[-1]["ts"] - events[0]["ts"] > 86_400_000]
        return float(np.mean([max(b["ts"] - a["ts"] for a, b in pairwise(e)) > 5 * 3_600_000 for e in long]))

    assert rests(Bots("human_hours")) > max(0.9, rests(naive))


def test_paraphrased_texts_hardly_repeat_and_keep_their_links(naive: Bots) -> None:
    said, plain = Bots("paraphrase").texts(), naive.texts()
    assert len(set(said)) / len(said) > 0.8 > len(set(plain)) / len(plain)
    assert any("https://" in text for text in said)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**20), st.floats(0.1, 1))
def test_rewording_leaves_links_handles_and_numbers_alone(seed: int, care: float) -> None:
    kept = ("https://hot-pics1.example/join", "t.me/olga_x1", "telegram @free.now", "+1 212 555 0123")
    text = "hello dear, see my private pics: " + " or ".join(kept)
    reworded = Wording(care, lower=False, emoji=0.3).reword(text, Draws(seed))
    assert all(bait in reworded for bait in kept)


def test_rotating_accounts_share_no_device_and_have_several(naive: Bots) -> None:
    assert any(len(users) > 2 for users in naive.devices().values())
    rotated = Bots("rotate").devices()
    assert {len(users) for users in rotated.values()} == {1}
    assert len(rotated) > len({next(iter(users)) for users in rotated.values()})


def test_aged_accounts_never_sign_up_and_send_nothing_of_their_campaign_at_first(naive: Bots) -> None:
    aged = Bots("aged")
    assert any(event["type"] == "signup" for events in naive.since.values() for event in events)
    everything = [event for part in (aged.before, aged.since) for events in part.values() for event in events]
    assert "signup" not in {event["type"] for event in everything}
    assert not any("-pics" in str(event.get("text")) for events in aged.before.values() for event in events)
    assert any("https://" in text for text in aged.texts())


def test_a_taken_over_account_is_a_persons_until_half_way_and_comes_in_from_elsewhere_then() -> None:
    taken = Bots("takeover")
    both = [name for name in taken.before if len(taken.since[name]) >= 5]
    assert len(both) >= 10
    moved = 0
    for name in both:
        devices = [
            {e["device_id"] for e in events if "device_id" in e} for events in (taken.before[name], taken.since[name])
        ]
        moved += bool(devices[0] and devices[1] and not devices[0] & devices[1])
    assert moved > 0.5 * len(both)


def test_a_label_comes_only_after_the_account_is_a_bot() -> None:
    labels = Bots("takeover").labels.values()
    assert any(label.bot_from_ms for label in labels)
    assert all(label.labelled_at_ms > label.bot_from_ms for label in labels)
    assert {label.label for label in labels if label.bot_from_ms} == {"bot"}


@settings(max_examples=15, deadline=None)
@given(st.sets(st.sampled_from(NAMES)), st.floats(0, 1), st.integers(0, 2**32))
def test_any_evasions_together_give_valid_events_in_order(names: set[str], care: float, seed: int) -> None:
    scenario = replace(PLATFORM, accounts=100, scale_accounts=False, bots=0.5, evasions=tuple(names), care=care)
    lines = list(simulate(scenario, seed, 600))
    assert len(lines) == 600
    assert all(a.arrival_ms <= b.arrival_ms for a, b in pairwise(lines))
    assert decode([line.value for line in lines], LIMITS, 4_000_000_000_000).dead == ()


def test_all_stands_for_every_evasion() -> None:
    assert named_evasions(ALL) == NAMES == tuple(evasion.name for evasion in EVASIONS)
    assert named_evasions(" rotate,jitter , rotate") == ("rotate", "jitter")


def test_an_unknown_evasion_names_the_known_ones() -> None:
    with pytest.raises(UsageError, match="unknown evasions hide; known: jitter, slow_drip"):
        named_evasions("hide")
    with pytest.raises(UsageError, match="unknown evasions hide"):
        replace(PLATFORM, evasions=("hide",))


@pytest.mark.parametrize(("args", "told"), [(("--evasion", "hide"), "known: jitter"), (("--care", "1"), "--evasion")])
def test_the_command_refuses_what_makes_no_sense(tmp_path, capsys, args, told) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["simulate", "--events", "10", "--output", str(tmp_path / "e.jsonl"), *args])
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_the_command_simulates_as_asked(tmp_path) -> None:
    args = ["--events", "500", "--seed", "3", "--evasion", "jitter,rotate", "--care", "0.5"]
    with pytest.raises(SystemExit):
        cli.main(["simulate", *args, "--output", str(tmp_path / "e.jsonl")])
    scenario = replace(load_scenario("demo"), evasions=("jitter", "rotate"), care=0.5)
    assert (tmp_path / "e.jsonl").read_bytes().splitlines() == [line.value for line in simulate(scenario, 3, 500)]
