import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from detector.contract.decode import DecodeLimits, decode
from detector.contract.events import EVENT_TYPES
from detector.simulator import Scenario, SimEvent, SimLabel, Simulation, load_scenario, simulate

HOUR_MS = 3_600_000
LIMITS = DecodeLimits(event_bytes_max=256 * 1024, ts_min_ms=0, future_ms_max=0)
LATER_MS = 4_000_000_000_000
CONTACT = re.compile(r"https?://|\.example|telegram|whatsapp|t\.me/|\+\d{1,3} \d", re.IGNORECASE)


class Day:
    """A day of the demo's platform, read once for all facts about it."""

    def __init__(self) -> None:
        simulation = Simulation(replace(load_scenario("demo"), duplicates=0.0), seed=5, events=40_000)
        self.lines = list(simulation)
        self.labels = {label.account_id: label for label in simulation.labels}
        self.events = sorted((json.loads(line.value) for line in self.lines), key=lambda event: event["ts"])

    @property
    def span(self) -> tuple[int, int]:
        """The first and the last event time."""
        return self.events[0]["ts"], self.events[-1]["ts"]

    def by_account(self, bot: bool) -> dict[str, list[dict[str, object]]]:
        """Gather the events of each bot, or of each person."""
        found = defaultdict(list)
        for event in self.events:
            if (self.labels[event["account_id"]].label == "bot") is bot:
                found[event["account_id"]].append(event)
        return found


@pytest.fixture(scope="module")
def day() -> Day:
    return Day()


def texts(accounts: dict[str, list[dict[str, object]]]) -> list[str]:
    return [str(event["text"]) for events in accounts.values() for event in events if event["type"] == "message"]


def longest_quiet_ms(events: Sequence[dict[str, object]], span: tuple[int, int]) -> int:
    times = [span[0], *(event["ts"] for event in events), span[1]]
    return max(later - earlier for earlier, later in pairwise(times))


def test_the_same_seed_gives_the_same_bytes():
    scenario = load_scenario("demo")
    assert list(simulate(scenario, 3, 3_000)) == list(simulate(scenario, 3, 3_000))


def test_another_seed_gives_another_platform():
    scenario = load_scenario("demo")
    lines = [{line.value for line in simulate(scenario, seed, 2_000)} for seed in (3, 4)]
    assert not lines[0] & lines[1]


def test_iterating_twice_gives_the_same_lines_and_labels():
    simulation = Simulation(load_scenario("demo"), 3, 1_000)
    first, labels = list(simulation), list(simulation.labels)
    assert list(simulation) == first
    assert simulation.labels == labels


def test_lines_come_in_the_order_of_their_arrival(day):
    arrivals = [line.arrival_ms for line in day.lines]
    assert arrivals == sorted(arrivals)


def test_nothing_arrives_before_it_happened_nor_later_than_a_phone_is_offline(day):
    delays = [line.arrival_ms - line.ts_ms for line in day.lines]
    assert min(delays) == 0
    assert max(delays) <= load_scenario("demo").offline_minutes * 60_000


def test_every_type_of_the_contract_occurs(day):
    assert {event["type"] for event in day.events} == set(EVENT_TYPES)


def test_every_line_is_an_event_of_the_contract_with_known_fields_only(day):
    decoded = decode([line.value for line in day.lines], LIMITS, LATER_MS)
    assert decoded.dead == ()
    assert decoded.events["extra"].is_null().all()


def test_every_key_is_the_account_that_acts(day):
    assert all(json.loads(line.value)["account_id"] == line.key.decode() for line in day.lines)


def test_event_ids_are_unique(day):
    assert len({event["event_id"] for event in day.events}) == len(day.events)


def test_labels_cover_exactly_the_accounts_that_acted(day):
    assert set(day.labels) == {event["account_id"] for event in day.events}


def test_labels_appear_with_the_accounts_not_before():
    simulation = Simulation(Scenario("endless", accounts=500, scale_accounts=False), 3, events=10**12)
    acted = {line.key.decode() for line in islice(simulation, 500)}
    assert {label.account_id for label in simulation.labels} == acted


def test_bots_and_only_bots_belong_to_campaigns(day):
    assert all((label.campaign != "") == (label.label == "bot") for label in day.labels.values())


def test_the_share_of_bots_is_about_as_asked(day):
    share = np.mean([label.label == "bot" for label in day.labels.values()])
    assert share == pytest.approx(load_scenario("demo").bots, abs=0.05)


def test_a_label_is_known_only_after_the_account_appeared(day):
    first_seen = {event["account_id"]: event["ts"] for event in reversed(day.events)}
    assert all(label.labelled_at_ms > first_seen[name] for name, label in day.labels.items())


def test_people_sleep(day):
    busy = [events for events in day.by_account(bot=False).values() if len(events) >= 80]
    asleep = [longest_quiet_ms(events, day.span) >= 4 * HOUR_MS for events in busy]
    assert len(busy) > 50
    assert np.mean(asleep) > 0.85


def test_people_rest_by_their_own_clocks(day):
    starts = {events[0]["ts"] // HOUR_MS for events in day.by_account(bot=False).values()}
    assert len(starts) > 12


def test_bots_send_links_and_contacts_far_more_often_than_people(day):
    bots, people = ([bool(CONTACT.search(text)) for text in texts(day.by_account(bot))] for bot in (True, False))
    assert 0 < np.mean(people) < 0.05
    assert np.mean(bots) > 0.2


def test_messages_of_people_differ_yet_stock_phrases_recur(day):
    said = texts(day.by_account(bot=False))
    assert len(set(said)) > 0.6 * len(said)
    assert said.count("hey how are you") > 3


def test_a_message_comes_only_after_its_two_accounts_matched(day):
    matched = set()
    for event in day.events:
        pair = frozenset((event["account_id"], event.get("target_id", "")))
        if event["type"] == "match":
            matched.add(pair)
        elif event["type"] == "message":
            assert pair in matched


def test_a_match_comes_once_for_each_side(day):
    sides = [(event["account_id"], event["target_id"]) for event in day.events if event["type"] == "match"]
    assert len(set(sides)) == len(sides)
    assert {(target, account) for account, target in sides} == set(sides)


def test_nobody_writes_to_who_unmatched_them(day):
    over = set()
    for event in day.events:
        pair = frozenset((event["account_id"], event.get("target_id", "")))
        assert not (event["type"] == "message" and pair in over)
        if event["type"] == "unmatch":
            over.add(pair)


def test_nobody_does_something_to_themselves(day):
    assert all(event.get("target_id") != event["account_id"] for event in day.events)


def test_a_campaign_shares_devices_and_people_do_not(day):
    users = defaultdict(set)
    for event in day.events:
        if "device_id" in event:
            users[event["device_id"]].add(event["account_id"])
    shared = [next(iter(names)) for names in users.values() if len(names) > 2]
    assert shared
    assert {day.labels[name].label for name in shared} == {"bot"}


def test_another_number_of_events_scales_the_accounts_not_the_day():
    day_hours = [
        (lines[-1].ts_ms - lines[0].ts_ms) / HOUR_MS
        for lines in (list(simulate(load_scenario("demo"), 1, events)) for events in (10_000, 40_000))
    ]
    assert all(14 < hours < 36 for hours in day_hours)


def test_the_population_stays_when_time_runs_on():
    scenario = Scenario("small", accounts=60, scale_accounts=False)
    lines = list(simulate(scenario, 1, 60_000))
    days = (lines[-1].ts_ms - lines[0].ts_ms) / (24 * HOUR_MS)
    last_day = {line.key for line in lines if line.ts_ms > lines[-1].ts_ms - 24 * HOUR_MS}
    assert days > 5
    assert 25 < len(last_day) < 90


def test_hours_end_a_scenario_early():
    lines = list(simulate(replace(load_scenario("demo"), hours=2.0), 1))
    assert lines[-1].ts_ms < lines[0].ts_ms + 2 * HOUR_MS


def test_about_the_share_asked_for_is_late_by_no_more_than_asked():
    scenario = replace(load_scenario("demo"), late=0.1, late_seconds=3.0, offline=0.0, duplicates=0.0)
    delays = [line.arrival_ms - line.ts_ms for line in simulate(scenario, 1, 20_000)]
    assert np.mean([delay > 0 for delay in delays]) == pytest.approx(0.1, abs=0.02)
    assert max(delays) <= 3_001


def test_what_a_phone_did_offline_arrives_together_and_in_order():
    scenario = replace(load_scenario("demo"), late=0.0, offline=0.01, duplicates=0.0)
    together = defaultdict(list)
    for line in simulate(scenario, 1, 20_000):
        if line.arrival_ms > line.ts_ms:
            together[line.key, line.arrival_ms].append(line.ts_ms)
    assert max(len(times) for times in together.values()) > 3
    assert all(times == sorted(times) for times in together.values())


def test_about_the_share_asked_for_comes_twice():
    scenario = replace(load_scenario("demo"), duplicates=0.05)
    lines = list(simulate(scenario, 1, 20_000))
    twice = len(lines) - len({line.value for line in lines})
    assert twice / len(lines) == pytest.approx(0.05, abs=0.01)


def test_broken_lines_are_dead_letters_of_many_causes_and_cost_only_themselves():
    scenario = replace(load_scenario("demo"), malformed=0.05)
    lines = list(simulate(scenario, 1, 10_000))
    decoded = decode([line.value for line in lines], LIMITS, LATER_MS)
    assert len(decoded.dead) / len(lines) == pytest.approx(0.05, abs=0.01)
    assert len({letter.cause for letter in decoded.dead}) >= 5
    assert all(b"\n" not in line.value for line in lines)


def test_a_platform_without_bots_has_none():
    simulation = Simulation(replace(load_scenario("demo"), bots=0.0), 1, 2_000)
    assert list(simulation)
    assert {label.label for label in simulation.labels} == {"human"}


@settings(max_examples=15, deadline=None)
@given(
    st.builds(
        Scenario,
        name=st.just("any"),
        accounts=st.integers(10, 200),
        scale_accounts=st.just(False),
        bots=st.floats(0, 1),
        careful=st.floats(0, 1),
        newcomers=st.floats(0, 1),
        new_bots=st.floats(0, 1),
        campaign_accounts=st.integers(1, 30),
        late=st.floats(0, 0.5),
        offline=st.floats(0, 0.1),
        duplicates=st.floats(0, 0.5),
    ),
    st.integers(0, 2**32),
)
def test_any_scenario_gives_as_many_valid_lines_as_asked_in_order(scenario: Scenario, seed: int):
    lines: list[SimEvent] = list(simulate(scenario, seed, 400))
    assert len(lines) == 400
    assert all(a.arrival_ms <= b.arrival_ms for a, b in pairwise(lines))
    assert decode([line.value for line in lines], LIMITS, LATER_MS).dead == ()


def test_a_label_names_family_and_source(day):
    label = next(label for label in day.labels.values() if label.label == "bot")
    assert isinstance(label, SimLabel)
    assert (label.source, label.family in load_scenario("demo").bot_families) == ("import", True)
