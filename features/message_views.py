"""The features of what accounts write: whose texts they are like, what these are about, and what they follow."""

from __future__ import annotations

from typing import Final

from features import messages as m
from features.aggregates import Ratio
from features.rhythms import Latest
from features.views import DAY, LONG, lasting, view

_SHARE: Final = 0.001


def _latest(measure: int, scale: float = 1.0) -> Latest:
    return Latest("message", measure, scale)


MESSAGES: Final = (
    *view(
        "account",
        {
            "copied_ratio": (Ratio("copied", "text"), LONG, "texts that are near duplicates of two others' or more"),
            "own_repeat_ratio": (Ratio("own_repeat", "text"), LONG, "texts that say what one of its last 8 said"),
            "known_template_ratio": (Ratio("known_template", "text"), LONG, "texts of a known campaign's template"),
            "spam_ratio": (Ratio("spam", "text"), LONG, "texts that read as spam"),
            "scam_ratio": (Ratio("scam", "text"), LONG, "texts that read as a scam"),
            "harvesting_ratio": (Ratio("harvesting", "text"), (DAY,), "texts that ask for contact elsewhere"),
            "on_topic_ratio": (Ratio("on_topic", "message"), (DAY,), "messages about what the other said last"),
            "on_script_ratio": (
                Ratio("on_script", "message"), (DAY,), "messages that follow another as in another conversation",
            ),
        },
    ),
    *lasting(
        "account",
        {
            "text_copies_count": (_latest(m.COPIES), "near duplicates of its latest text, by anybody"),
            "text_senders_distinct": (_latest(m.SENDERS), "accounts that sent its latest text, nearly"),
            "text_senders_distinct_last_hour": (_latest(m.SENDERS_1H), "those among them that are new in an hour"),
            "text_campaign_members": (_latest(m.CAMPAIGN), "members of the campaign its latest text is part of"),
            "text_template_similarity": (_latest(m.TEMPLATE, _SHARE), "likeness of its latest text to known templates"),
            "text_spam_score": (_latest(m.SPAM, _SHARE), "how much its latest text reads as spam; 0.5 is enough"),
            "text_scam_score": (_latest(m.SCAM, _SHARE), "how much its latest text reads as a scam"),
            "text_harvesting_score": (_latest(m.HARVESTING, _SHARE), "how much it asks for contact elsewhere"),
            "text_solicitation_score": (_latest(m.SOLICITATION, _SHARE), "how much it offers or asks for sex"),
            "text_harassment_score": (_latest(m.HARASSMENT, _SHARE), "how much its latest text reads as harassment"),
            "text_own_similarity_max": (_latest(m.OWN_MAX, _SHARE), "likeness to the most similar of its last 8"),
            "text_own_similarity_mean": (_latest(m.OWN_MEAN, _SHARE), "mean likeness to its last 8 texts"),
            "text_spread": (_latest(m.SPREAD, _SHARE), "variance of its last texts' vectors: 0 when all say the same"),
            "text_answer_similarity": (_latest(m.ANSWER, _SHARE), "likeness to what it answers"),
        },
    ),
)  # fmt: skip
