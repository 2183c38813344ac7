"""Accounts: who acts on the platform, at what rhythm, and with what tastes."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, Final, Protocol

from detector.simulator.draws import Draws

if TYPE_CHECKING:
    from detector.simulator.conversations import Conversation

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS
DAY_MS: Final = 24 * HOUR_MS
LIKES_HELD: Final = 40

ACTIONS: Final = (
    "swipe", "like", "follow", "post", "reply", "share",
    "profile_update", "photo_upload", "purchase", "report", "block",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Spread:
    """A time span that varies: log-normal around a median, or even between two ends."""

    first: float
    second: float
    even: bool = False

    def draw(self, draws: Draws) -> float:
        """Draw one span, in milliseconds."""
        if self.even:
            return draws.between(self.first, self.second)
        return draws.lognormal(self.first, self.second)


@dataclass(frozen=True, slots=True)
class Rhythm:
    """When an account acts: sessions a day, actions in one, the gaps between them, and its night."""

    sessions_per_day: float
    actions: float
    gap: Spread
    reply: Spread
    opening: Spread
    sleep_start_ms: int = 0
    sleep_ms: int = 0
    even: bool = False

    def asleep_ms(self, local_ms: int) -> int:
        """Tell how long the account still sleeps at this local time; 0 when it is awake."""
        into = (local_ms - self.sleep_start_ms) % DAY_MS
        return self.sleep_ms - into if into < self.sleep_ms else 0

    def pause(self, draws: Draws) -> float:
        """Draw the time to the next session."""
        mean = (DAY_MS - self.sleep_ms) / self.sessions_per_day
        if self.even:
            return draws.between(0.7, 1.3) * mean
        return draws.lognormal(0.6 * mean, 1.0)


@dataclass(frozen=True, slots=True)
class Tastes:
    """What an account does when it acts: weights in the order of ``ACTIONS``, and shares."""

    weights: tuple[float, ...]
    likes: float
    opens: float
    answers: float
    keeps_on: float
    photos: float = 0.02


class Voice(Protocol):
    """Writes an account's texts."""

    def message(self, conversation: Conversation, account: Account, draws: Draws) -> str:
        """Write the next message of a conversation."""

    def post(self, draws: Draws) -> str:
        """Write a post or an answer to one."""

    def bio(self, draws: Draws) -> str:
        """Write the profile's text."""


@dataclass(frozen=True, slots=True)
class Access:
    """From where an account comes in."""

    ips: tuple[str, ...]
    device_id: str
    user_agent: str
    platform: str
    country: str
    offset_ms: int
    email_domain: str
    phone_prefix: str
    currency: str
    devices: tuple[str, ...] = ()  # where it has several: one of them each time, not ``device_id``


@dataclass(frozen=True, slots=True)
class Guise:
    """How an account passes itself off: what it does, when, in whose words, and from where."""

    rhythm: Rhythm
    tastes: Tastes
    voice: Voice
    access: Access
    favourites: tuple[Account, ...] = ()


@dataclass(slots=True, eq=False)
class Account:
    """One account and what it is in the middle of."""

    account_id: str
    family: str
    campaign_id: str
    rhythm: Rhythm
    tastes: Tastes
    voice: Voice
    access: Access
    name: str
    age: int
    gender: str
    photos: tuple[str, ...]
    leaves_ms: float
    favourites: tuple[Account, ...] = ()
    position: int = -1  # in the list of those alive; -1 when gone
    actions_left: int = 0
    login_ms: int = 0
    offline_until_ms: int = 0
    chances: tuple[float, ...] = ()  # cumulated weights of what it does, up to 1
    labelled: bool = False
    aged: bool = False  # it signed up long before anybody looked
    later: Guise | None = None  # what it turns into at ``bot_from_ms``
    bot_from_ms: int = 0
    liked_by: deque[Account] = field(default_factory=lambda: deque(maxlen=LIKES_HELD))
    partners: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._weigh()

    @property
    def bot(self) -> bool:
        """Tell whether a program runs the account, or will."""
        return self.campaign_id != ""

    @property
    def scripted(self) -> bool:
        """Tell whether a program runs the account already."""
        return self.bot and self.later is None

    def wear(self, guise: Guise) -> None:
        """Pass for something else from now on."""
        self.rhythm, self.tastes, self.voice = guise.rhythm, guise.tastes, guise.voice
        self.access, self.favourites = guise.access, guise.favourites
        self._weigh()

    def turn(self, now_ms: int) -> None:
        """Show what it is, once its time has come; it then comes in anew."""
        if self.later is not None and now_ms >= self.bot_from_ms:
            self.wear(self.later)
            self.later, self.login_ms = None, 0

    def delay(self, by_ms: float) -> None:
        """Move its life to a later time."""
        self.leaves_ms += by_ms
        if self.later is not None:
            self.bot_from_ms += int(by_ms)

    def _weigh(self) -> None:
        total = sum(self.tastes.weights)
        self.chances = tuple(weight / total for weight in accumulate(self.tastes.weights))

    def asleep_ms(self, now_ms: int) -> int:
        """Tell how long the account still sleeps; 0 when it is awake."""
        return self.rhythm.asleep_ms(now_ms + self.access.offset_ms)


def session_actions(account: Account, draws: Draws) -> int:
    """Draw how many things the account does in a session: few mostly, many at times."""
    mean = account.rhythm.actions
    if account.rhythm.even:
        return int(draws.between(0.8, 1.2) * mean) + 1
    return int(draws.lognormal(0.7 * mean, 0.85)) + 1
