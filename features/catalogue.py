"""The catalogue: every feature there is, by view.

Adding a feature is adding a line. Names follow ``what_statistic_window``, with units where there are any.
"""

from __future__ import annotations

from typing import Final

from features.aggregates import (
    NOTHING,
    Count,
    Distinct,
    Moment,
    New,
    PerKey,
    Ratio,
    Repeats,
    Share,
    SumPer,
    SumShare,
    gap,
    text_length,
)
from features.life_view import ACCOUNT_LIFE
from features.message_views import MESSAGES
from features.rhythms import (
    ActiveHours,
    Entropy,
    Follows,
    GapQuantile,
    HoursFromSignup,
    HoursSince,
    Latest,
    LongestRun,
    RepeatedCategories,
)
from features.views import (
    ALL,
    DAY,
    HOUR,
    LONG,
    MEAN,
    MINUTE,
    SHORT,
    STD,
    VARIATION,
    WEEK,
    WINDOW_NAMES,
    Catalogue,
    Feature,
    lasting,
    view,
)

ACCOUNT_TEMPO: Final = view(
    "account",
    {
        "events_count": (Count(), (*ALL, WEEK), "events of any type"),
        "messages_count": (Count("message"), (*ALL, WEEK), "messages sent"),
        "swipes_count": (Count("swipe"), (*ALL, WEEK), "swipes in either direction"),
        "posts_count": (Count("post"), (*ALL, WEEK), "posts, replies and shares"),
        "likes_count": (Count("like"), (*LONG, WEEK), "likes given to posts or profiles"),
        "follows_count": (Count("follow"), (*LONG, WEEK), "accounts followed"),
        "matches_count": (Count("match"), (*LONG, WEEK), "matches"),
        "unmatches_count": (Count("unmatch"), LONG, "matches it ended"),
        "reports_count": (Count("report"), (DAY,), "reports and blocks it made"),
        "logins_count": (Count("login"), (*LONG, WEEK), "logins"),
        "photo_uploads_count": (Count("photo_upload"), (DAY,), "photos uploaded"),
        "purchases_count": (Count("purchase"), (DAY,), "purchases"),
        "swipe_likes_per_minute": (Count("swipe_like", 0.1), (10 * MINUTE,), "likes swiped a minute"),
        "gap_seconds_mean": (gap(MEAN), (10 * MINUTE, HOUR, DAY), "mean time between events"),
        "gap_seconds_std": (gap(STD), (10 * MINUTE, HOUR, DAY), "spread of the time between events"),
        "gap_seconds_cv": (gap(VARIATION), (10 * MINUTE, HOUR, DAY), "evenness of its rhythm: std / mean of gaps"),
        "gap_seconds_p10": (GapQuantile(0.1), (DAY,), "time between events that one in ten stays below"),
        "gap_seconds_p50": (GapQuantile(0.5), (DAY,), "median time between events"),
        "gap_seconds_p90": (GapQuantile(0.9), (DAY,), "time between events that nine in ten stay below"),
        "gap_entropy": (Entropy("gap"), (DAY,), "variety of the time between events, in bits"),
        "gap_below_1s_ratio": (Ratio("gap_below_1s", "has_gap"), LONG, "share of events within 1 s of the one before"),
        "gap_below_2s_ratio": (Ratio("gap_below_2s", "has_gap"), LONG, "share of events within 2 s of the one before"),
        "gap_below_5s_ratio": (Ratio("gap_below_5s", "has_gap"), LONG, "share of events within 5 s of the one before"),
        "burst_ratio": (Ratio("event", "event", DAY), SHORT, "share of the day's events that fell in this window"),
        "week_share_ratio": (Ratio("event", "event", WEEK), LONG, "share of the week's events in this window"),
        "sessions_count": (Count("session_start"), (DAY,), "stretches without a pause of 30 minutes"),
        "session_events_mean": (Ratio("event", "session_start"), (DAY,), "events a session"),
        "session_minutes_mean": (
            SumPer("gap_ms", "within_session", "session_start", 1 / MINUTE), (DAY,), "mean length of a session",
        ),
        "longest_run_minutes": (LongestRun(), (DAY,), "longest run of ten-minute steps each with an event"),
        "hour_entropy": (Entropy("hour"), (DAY,), "spread of events over the hours of the day (UTC), in bits"),
        "active_hours_count": (ActiveHours(), (WEEK,), "hours with an event"),
    },
)  # fmt: skip

ACCOUNT_ORDER: Final = view(
    "account",
    {
        "swipe_after_swipe_ratio": (Follows("swipe", "swipe"), (DAY,), "what follows a swipe is a swipe"),
        "message_after_swipe_ratio": (Follows("swipe", "message"), (DAY,), "what follows a swipe is a message"),
        "message_after_match_ratio": (Follows("match", "message"), (DAY,), "what follows a match is a message"),
        "message_after_message_ratio": (Follows("message", "message"), (DAY,), "what follows a message is a message"),
        "post_after_post_ratio": (Follows("post", "post"), (DAY,), "what follows a post or share is another"),
        "reply_after_reply_ratio": (Follows("reply", "reply"), (DAY,), "what follows a reply is a reply"),
        "follow_after_follow_ratio": (Follows("follow", "follow"), (DAY,), "what follows a follow or like is another"),
        "action_bigram_entropy": (Entropy("bigram"), (DAY,), "variety of which action follows which, in bits"),
        "action_bigram_repeats_ratio": (
            RepeatedCategories("bigram"), (DAY,), "share of pairs of actions that came before in the window",
        ),
    },
)  # fmt: skip

ACCOUNT_REACH: Final = view(
    "account",
    {
        "targets_distinct": (Distinct("other", "targeted"), ALL, "different accounts it acted towards"),
        "new_target_ratio": (New("other", "targeted"), LONG, "share of actions towards a target new in the window"),
        "like_ratio": (Ratio("swipe_like", "swipe"), LONG, "swipes that are likes"),
        "match_ratio": (Ratio("match", "swipe_like"), LONG, "matches for each like swiped"),
        "messages_to_matches": (Ratio("message", "match"), LONG, "messages sent for each match"),
        "swipe_ratio": (Ratio("swipe"), LONG, "events that are swipes"),
        "message_ratio": (Ratio("message"), LONG, "events that are messages"),
    },
)

ACCOUNT_RECEIVED: Final = view(
    "account",
    {
        "messages_received_count": (Count("message_received"), LONG, "messages of others to it"),
        "likes_received_count": (Count("like_received"), LONG, "likes of others: of its profile or of a post"),
        "like_received_ratio": (
            Share("like_received", "pass_received"),
            LONG,
            "likes among the likes and passes of others",
        ),
        "follows_received_count": (Count("follow_received"), (DAY,), "accounts that followed it"),
        "unmatches_received_count": (Count("unmatch_received"), (DAY, WEEK), "matches others ended"),
        "reports_received_count": (Count("report_received"), (DAY, WEEK), "reports of others about it"),
        "blocks_received_count": (Count("block_received"), (DAY, WEEK), "others who blocked it"),
        "reporters_distinct": (Distinct("other", "report_received"), (DAY,), "different accounts that reported it"),
        "report_received_ratio": (Ratio("report_received", "message"), (DAY,), "reports for each message it sent"),
        "block_received_ratio": (Ratio("block_received", "message"), (DAY,), "blocks for each message it sent"),
        "unmatch_received_ratio": (Ratio("unmatch_received", "match"), (DAY,), "matches others ended for each it had"),
    },
)

CONVERSATION: Final = view(
    "conversation",
    {
        "conversations_distinct": (Distinct("other", "message"), LONG, "different accounts it wrote to"),
        "opened_ratio": (Share("opened", "opened_by_other"), LONG, "share of new conversations that it opened"),
        "unanswered_ratio": (Ratio("unanswered", "message"), LONG, "messages to those who never answered"),
        "answered_ratio": (Ratio("first_answer", "opened"), (DAY,), "conversations answered for each it opened"),
        "turns_per_conversation": (
            PerKey("answer", Distinct("other", "message")), (DAY,), "its answers for each account it wrote to",
        ),
        "own_words_ratio": (
            SumShare("text_length", "message", "message_received"), (DAY,), "its share of the characters exchanged",
        ),
        "match_to_message_seconds_mean": (
            Moment(MEAN, "pair_gap_ms", "after_match", 1e-3), (DAY,), "mean time from a match to its first message",
        ),
        "answer_seconds_mean": (Moment(MEAN, "pair_gap_ms", "answer", 1e-3), LONG, "mean time it takes to answer"),
        "answer_seconds_cv": (
            Moment(VARIATION, "pair_gap_ms", "answer"), (DAY,), "evenness of the time it takes to answer",
        ),
        "messages_before_contact_mean": (
            Moment(MEAN, "pair_index", "first_contact"), (DAY,), "messages before its first link or contact details",
        ),
        "contact_conversation_ratio": (
            PerKey("first_contact", Distinct("other", "message")), (DAY,), "conversations it sent a link or contact in",
        ),
        "opening_repeats_ratio": (Repeats("shape", "opened"), (DAY,), "first messages that repeat another"),
    },
)  # fmt: skip

ACCOUNT_TEXT: Final = view(
    "account",
    {
        "text_repeats_ratio": (Repeats("text", "text"), (10 * MINUTE, HOUR, DAY), "texts that repeat another exactly"),
        "shape_repeats_ratio": (
            Repeats("shape", "text"), LONG, "texts that repeat another but for digits, case, spaces and signs",
        ),
        "texts_distinct": (Distinct("text", "text"), LONG, "different texts"),
        "link_ratio": (Ratio("link", "text"), LONG, "links, in texts or beside them, for each text"),
        "contact_ratio": (Ratio("contact", "text"), LONG, "texts with contact details"),
        "domains_distinct": (Distinct("domain", "text"), (DAY,), "different link domains"),
        "emoji_ratio": (Ratio("emoji", "text"), (DAY,), "texts with an emoji"),
        "non_ascii_ratio": (Ratio("non_ascii", "text"), (DAY,), "texts with letters beyond ASCII"),
        "text_chars_mean": (text_length(MEAN), LONG, "mean length of texts in characters"),
        "text_chars_cv": (text_length(VARIATION), LONG, "evenness of the length of texts"),
    },
)  # fmt: skip

PROFILE: Final = (
    *view("account", {"profile_updates_count": (Count("profile_update"), (DAY, WEEK), "profile changes")}),
    *lasting(
        "account",
        {
            "hours_since_signup": (HoursSince("signup"), "account age, where its sign-up was seen"),
            "hours_since_first_seen": (HoursSince("first_seen"), "time since its first event here"),
            "hours_from_signup_to_like": (HoursFromSignup("swipe_like"), "time from sign-up to the first like swiped"),
            "hours_from_signup_to_message": (HoursFromSignup("message"), "time from sign-up to the first message"),
            "hours_from_signup_to_link": (HoursFromSignup("link"), "time from sign-up to the first link"),
            "photo_count": (Latest("photo_count"), "photos in its profile"),
            "bio_chars": (Latest("bio_length"), "length of its profile text in characters"),
            "name_digits": (Latest("name_digits"), "digits in its name"),
        },
    ),
)

_SHARED: Final = {
    "device": "accounts on its latest device",
    "ip": "accounts on its latest ip address",
    "ip_block": "accounts in the /24 (IPv6: /48) of its latest ip address",
    "photo": "accounts with its latest photo",
    "contact": "accounts that gave its latest contact details",
    "domain": "accounts that linked to its latest link domain",
    "text": "accounts that sent its latest text of 16 letters or more, but for digits, case, spaces and signs",
    "signup_block": "accounts that signed up from its /24 (IPv6: /48), when it did",
    "signup_email": "accounts that signed up with its e-mail domain, when it did",
}
SHARED_ENTITIES: Final = tuple(
    Feature(f"accounts_per_{kind}_{WINDOW_NAMES[window_ms]}", kind, Latest(kind, part), window_ms, meaning, NOTHING)
    for kind, meaning in _SHARED.items()
    for part, window_ms in enumerate((HOUR, DAY))
)

VIEWS: Final = (
    ACCOUNT_TEMPO,
    ACCOUNT_LIFE,
    ACCOUNT_ORDER,
    ACCOUNT_REACH,
    ACCOUNT_RECEIVED,
    CONVERSATION,
    ACCOUNT_TEXT,
    MESSAGES,
    PROFILE,
    SHARED_ENTITIES,
)
DEFAULT: Final = Catalogue(tuple(feature for view in VIEWS for feature in view))
"""What Gillnet computes for every account."""
