"""The view of an account's whole life: its rhythm, where a week says too little."""

from __future__ import annotations

from typing import Final

from features.aggregates import Count, Moment, Ratio
from features.rhythms import ActiveDays, Coincidence, Entropy, GapQuantile, PaceSurprise, QuietestHours
from features.views import MEAN, STD, lasting

_PER_DOUBLING: Final = 1 / 1024

ACCOUNT_LIFE: Final = lasting("account", {
    "events_count_life": (Count(), "events of any type"),
    "active_days_ratio_life": (ActiveDays(), "days with an event, for each day since its first"),
    "events_per_day_life": (Ratio("event", "day_start"), "events for each day with one"),
    "sessions_per_day_life": (Ratio("session_start", "day_start"), "sessions for each day with an event"),
    "session_events_mean_life": (Ratio("event", "session_start"), "events a session"),
    "gap_doublings_mean_life": (
        Moment(MEAN, "gap_doublings", "has_gap", _PER_DOUBLING), "mean of log2 of seconds between events",
    ),
    "gap_doublings_std_life": (
        Moment(STD, "gap_doublings", "has_gap", _PER_DOUBLING), "spread of log2 of seconds between events",
    ),
    "gap_seconds_p10_life": (GapQuantile(0.1), "time between events that one in ten stays below"),
    "gap_seconds_p25_life": (GapQuantile(0.25), "time between events that one in four stays below"),
    "gap_seconds_p50_life": (GapQuantile(0.5), "median time between events"),
    "gap_seconds_p75_life": (GapQuantile(0.75), "time between events that three in four stay below"),
    "gap_seconds_p90_life": (GapQuantile(0.9), "time between events that nine in ten stay below"),
    "gap_entropy_life": (Entropy("gap"), "variety of the time between events, in bits"),
    "gap_like_before_ratio_life": (
        Ratio("gap_like_before", "has_two_gaps"), "share of gaps that differ from the one before by a tenth at most",
    ),
    "pace_coincidence_life": (Coincidence("paces"), "how often the same two paces follow each other, against chance"),
    "pace_surprise_life": (PaceSurprise(), "how far the pace before leaves the next one open, in bits"),
    "hour_entropy_life": (Entropy("hour"), "spread of events over the hours of the day (UTC), in bits"),
    "quietest_hours_ratio_life": (QuietestHours(), "share of events in the eight quietest hours of the day in a row"),
    "minute_coincidence_life": (
        Coincidence("minute"), "how often two events come at the same two minutes of the hour, against chance",
    ),
    "second_coincidence_life": (
        Coincidence("second"), "how often two events come at the same two seconds of the minute, against chance",
    ),
})  # fmt: skip
