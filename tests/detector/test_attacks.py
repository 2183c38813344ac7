"""What a model still finds of bots that take care, measured by the stream's own engine."""

import json

import pytest

from detector import cli
from detector.attack_page import draw, matrix, write_page
from detector.attacks import AttackReport, Outcome, attack, attacks
from detector.contract.errors import UsageError
from detector.simulator.evasions import NAMES
from detector.simulator.scenario import BOT_FAMILIES
from models import default

EVENTS = 8_000


@pytest.fixture(scope="module")
def report() -> AttackReport:
    return attack(default(), ("none", "all"), events=EVENTS, seed=3)


def of(report: AttackReport, evasion: str) -> list[Outcome]:
    return [outcome for outcome in report.outcomes if outcome.evasion == evasion]


def found(outcomes: list[Outcome]) -> float:
    return sum(o.bots * (o.recall or 0.0) for o in outcomes) / sum(o.bots for o in outcomes)


def test_every_evasion_is_measured_with_every_family(report: AttackReport) -> None:
    measured = [(outcome.evasion, outcome.family) for outcome in report.outcomes]
    assert measured == [(evasion, family) for evasion in ("none", "all") for family in BOT_FAMILIES]
    assert all(outcome.bots > 0 for outcome in report.outcomes)


def test_naive_bots_are_found_and_those_that_take_every_care_less(report: AttackReport) -> None:
    assert found(of(report, "all")) < 0.6 < 0.9 < found(of(report, "none"))


def test_who_is_flagged_at_once_gets_little_through(report: AttackReport) -> None:
    for outcome in of(report, "none"):
        assert outcome.sent_a_day is not None
        assert outcome.unflagged_a_day is not None
        assert outcome.unflagged_a_day < 0.3 * outcome.sent_a_day
    assert all((o.unflagged_a_day or 0) <= (o.sent_a_day or 0) for o in report.outcomes)


def test_care_costs_those_who_run_bots_most_of_what_they_send(report: AttackReport) -> None:
    naive, careful = (sum(o.sent_a_day or 0 for o in of(report, evasion)) for evasion in ("none", "all"))
    assert careful < 0.5 * naive


def test_a_share_lies_in_its_interval(report: AttackReport) -> None:
    for outcome in report.outcomes:
        low, high = outcome.recall_interval
        assert outcome.recall is not None
        assert low - 1e-9 <= outcome.recall <= high + 1e-9


def test_without_care_evasions_change_nothing(report: AttackReport) -> None:
    careless = attack(default(), ("all",), events=EVENTS, seed=3, care=0.0)
    assert careless.thresholds["all"] == report.thresholds["none"]
    plain = [(o.family, o.bots, o.recall, o.sent_a_day, o.unflagged_a_day) for o in of(report, "none")]
    assert [(o.family, o.bots, o.recall, o.sent_a_day, o.unflagged_a_day) for o in careless.outcomes] == plain


def test_the_page_says_that_it_is_synthetic_and_has_every_row(report: AttackReport) -> None:
    page = write_page(report)
    assert "Synthetic" in page
    assert matrix(report) in page
    assert page.count("\n| ") >= 4 + len(report.outcomes)
    assert all(f"| all | {family} |" in page for family in BOT_FAMILIES)


def test_the_picture_is_the_same_bytes_for_the_same_report(report: AttackReport) -> None:
    assert draw(report).startswith(b"\x89PNG")
    assert draw(report) == draw(report)


def test_all_evasions_are_attacked_unless_some_are_named() -> None:
    assert attacks(None) == ("none", *NAMES, "all")
    assert attacks("all, none") == ("all", "none")
    with pytest.raises(UsageError, match="unknown evasions hide"):
        attacks("none,hide")
    with pytest.raises(UsageError, match="got none; known: jitter"):
        attacks(" , ")


def test_the_command_prints_json_and_writes_page_and_picture(tmp_path, capsys) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(
            ["attack-report", "--evasion", "rotate", "--events", "2000", "--output", str(tmp_path / "r"), "--json"]
        )
    assert ended.value.code == 0
    said = json.loads(capsys.readouterr().out)
    assert said["synthetic"] is True
    assert [outcome["family"] for outcome in said["outcomes"]] == list(BOT_FAMILIES)
    assert sorted(path.name for path in (tmp_path / "r").iterdir()) == ["attack-recall.png", "attack-report.md"]


def test_the_command_prints_a_table(capsys) -> None:
    with pytest.raises(SystemExit):
        cli.main(["attack-report", "--evasion", "none", "--events", "1500"])
    shown = capsys.readouterr().out
    assert "unflagged/day" in shown
    assert "synthetic" in shown
