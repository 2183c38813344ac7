"""Reporters are believed by their record, and a flood counts for no more than a few."""

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from detector.reports import (
    ACCOUNTS_A_REPORTER,
    PROBABILITY_MIN,
    REPORTERS_MIN,
    REPORTS_AN_ACCOUNT,
    bots_by_reports,
    credibility,
)

NOW = 1_767_614_400_000


def reports(*rows: tuple[str, str], at: int = NOW, times: int = 1) -> pl.DataFrame:
    made = [(reporter, account, at + n, times) for n, (reporter, account) in enumerate(rows)]
    schema = {"reporter": pl.String, "account_id": pl.String, "at": pl.Int64, "times": pl.Int64}
    return pl.DataFrame(made, schema, orient="row")


def known(bots: int = 0, humans: int = 0, at: int | None = NOW + 10_000) -> pl.DataFrame:
    rows = [(f"bot{n}", 1, at) for n in range(bots)] + [(f"human{n}", 0, at) for n in range(humans)]
    schema = {"account_id": pl.String, "label": pl.Int8, "labelled_at": pl.Int64}
    return pl.DataFrame(rows, schema, orient="row")


def record(reporter: str, right: int, wrong: int = 0) -> list[tuple[str, str]]:
    """Make reports of which analysts know who was right."""
    return [(reporter, f"bot{n}") for n in range(right)] + [(reporter, f"human{n}") for n in range(wrong)]


def precision(made: pl.DataFrame, truth: pl.DataFrame) -> dict[str, float]:
    return dict(credibility(made, truth).select("reporter", "precision").iter_rows())


def test_precision_is_shrunk_towards_knowing_nothing():
    made = reports(*record("good", 9), *record("bad", 0, 9), ("new", "nobody"))
    assert precision(made, known(9, 9)) == pytest.approx({"good": 0.8, "bad": 0.2, "new": 0.5})


def test_a_report_after_the_label_earns_no_record():
    made = reports(*record("late", 9), at=NOW + 20_000)
    assert precision(made, known(9)) == {"late": 0.5}


def test_two_reporters_with_a_record_make_a_label():
    made = reports(*record("r1", 9), *record("r2", 9), ("r1", "x"), ("r2", "x"), ("r1", "y"))
    found = bots_by_reports(made, known(9))
    (row,) = found.bots.iter_rows(named=True)
    odds = 2 * math.log(0.8 / 0.2)
    assert row["account_id"] == "x"
    assert row["weight"] == pytest.approx(2 / (1 + math.exp(-odds)) - 1)
    assert row["labelled_at"] == NOW + 19


def test_a_thousand_new_reporters_say_nothing():
    found = bots_by_reports(reports(*((f"r{n}", "x") for n in range(1000))), known(9, 9))
    assert found.bots.is_empty()
    assert (found.counts["reporters"], found.counts["reporters_credible"]) == (1000, 0)
    assert found.counts["reports_over_accounts_cap"] == 1000 - REPORTS_AN_ACCOUNT


def test_those_who_were_mostly_wrong_neither_convict_nor_protect():
    made = [*record("r1", 9), *record("r2", 9), ("r1", "x"), ("r2", "x")]
    liars = [pair for n in range(5) for pair in [*record(f"liar{n}", 0, 9), (f"liar{n}", "x")]]
    alone, joined = (bots_by_reports(reports(*rows), known(9, 9)).bots for rows in (made, made + liars))
    assert alone["weight"].to_list() == joined["weight"].to_list()


def test_saying_it_again_counts_once():
    once = reports(*record("r1", 9), *record("r2", 9), ("r1", "x"), ("r2", "x"))
    many = once.with_columns(times=pl.lit(1000, pl.Int64))
    first, again = bots_by_reports(once, known(9)), bots_by_reports(pl.concat([many, many]), known(9))
    assert first.bots.equals(again.bots)
    assert again.counts["reports_repeated"] == 2 * 20 * 1000 - 20


def test_of_one_reporter_only_so_many_accounts_count():
    flood = [(r, f"x{n}") for n in range(300) for r in ("r1", "r2")]
    made = reports(*record("r1", 9), *record("r2", 9), *flood)
    found = bots_by_reports(made, known(9))
    assert found.counts["reports_over_reporters_cap"] == 2 * (309 - ACCOUNTS_A_REPORTER)
    assert len(found.bots) <= ACCOUNTS_A_REPORTER


def test_what_an_analyst_said_is_not_overruled():
    made = reports(*record("r1", 9), *record("r2", 9), ("r1", "human0"), ("r2", "human0"))
    assert bots_by_reports(made, known(9, 1)).bots.is_empty()


def test_no_reports_teach_nothing():
    found = bots_by_reports(reports(), known(3))
    assert found.bots.is_empty()
    assert set(found.counts.values()) == {0}


pairs = st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from(["bot0", "bot1", "human0", "x", "y"])))


@given(pairs)
def test_what_is_told_follows_from_the_pairs_alone_and_is_bounded(rows):
    truth = known(2, 1)
    found = bots_by_reports(reports(*rows), truth)
    backwards = bots_by_reports(reports(*rows)[::-1], truth)
    assert found.bots.equals(backwards.bots)
    assert found.counts == backwards.counts
    for row in found.bots.iter_rows(named=True):
        assert 2 * PROBABILITY_MIN - 1 <= row["weight"] < 1
        assert len({reporter for reporter, account in rows if account == row["account_id"]}) >= REPORTERS_MIN
        assert row["account_id"] in "xy"
