"""Daily life outside conversations: signing up, sessions, the profile, the feed, purchases, leaving."""

from __future__ import annotations

from bisect import bisect
from typing import Final

from detector.simulator import dating, identity, smalltalk
from detector.simulator.accounts import DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS, Account, session_actions
from detector.simulator.conversations import Conversation
from detector.simulator.draws import Draws
from detector.simulator.world import Step, World

_LOGIN_AGAIN_MS: Final = 25 * MINUTE_MS
_LIVELY: Final = (  # how likely those awake come online at each local hour
    0.7, 0.5, 0.4, 0.4, 0.4, 0.4, 0.5, 0.7, 0.7, 0.6, 0.6, 0.6,
    0.8, 0.7, 0.6, 0.6, 0.6, 0.7, 0.9, 1.0, 1.0, 1.0, 1.0, 0.8,
)  # fmt: skip
_PRICES: Final = (4.99, 9.99, 9.99, 14.99, 29.99)
_FALSE_REASONS: Final = ("rude", "fake photos", "spam", "not my type", "underage", "other")


def session(world: World, account: Account, now_ms: int, _: Conversation | None = None) -> None:
    """Do one thing, then plan the next: soon within a session, much later after one."""
    if account.position < 0:
        return
    account.turn(now_ms)
    draws = world.draws
    if account.actions_left <= 0:
        if not _begins(world, account, now_ms):
            return
    else:
        account.actions_left -= 1
        _ACTIONS[min(bisect(account.chances, draws.uniform()), len(_ACTIONS) - 1)](world, account, now_ms, None)
    wait_ms = account.rhythm.gap.draw(draws)
    if account.actions_left <= 0:
        wait_ms += account.rhythm.pause(draws)
    world.plan(now_ms + max(wait_ms, 150), session, account)


def _begins(world: World, account: Account, now_ms: int) -> bool:
    draws = world.draws
    if now_ms > account.leaves_ms:
        _leave(world, account, now_ms)
        return False
    asleep_ms = account.asleep_ms(now_ms)
    if asleep_ms and not draws.chance(0.02):  # a bad night now and then
        world.plan(now_ms + asleep_ms + draws.lognormal(25 * MINUTE_MS, 0.9), session, account)
        return False
    if not account.rhythm.even and not draws.chance(_LIVELY[(now_ms + account.access.offset_ms) // HOUR_MS % 24]):
        world.plan(now_ms + draws.lognormal(40 * MINUTE_MS, 0.7), session, account)
        return False
    account.actions_left = session_actions(account, draws)
    come_in(world, account, now_ms)
    return True


def come_in(world: World, account: Account, now_ms: int) -> None:
    """Log in, unless the account just did."""
    if now_ms - account.login_ms >= _LOGIN_AGAIN_MS:
        account.login_ms = now_ms
        world.emit(now_ms, account, "login", _access(account, world.draws))


def signup(world: World, account: Account, now_ms: int, _: Conversation | None = None) -> None:
    """Join the platform: sign up, fill in the profile, look around."""
    draws = world.draws
    asleep_ms = account.asleep_ms(now_ms)
    if asleep_ms:
        world.plan(now_ms + asleep_ms + draws.lognormal(60 * MINUTE_MS, 0.8), signup, account)
        return
    world.population.join(account)
    if account.aged:
        session(world, account, now_ms)
        return
    account.login_ms = now_ms
    account.actions_left = session_actions(account, draws)
    world.emit(now_ms, account, "signup", _access(account, draws))
    at_ms = float(now_ms)
    for step in (profile_update, *(photo_upload for _ in account.photos)):
        at_ms += 2 * account.rhythm.gap.draw(draws) + SECOND_MS
        world.plan(at_ms, step, account)
    world.plan(at_ms + account.rhythm.gap.draw(draws), session, account)


def _leave(world: World, account: Account, now_ms: int) -> None:
    world.population.leave(account)
    successor = world.population.birth(account.bot, account.family, now_ms)
    due_ms = now_ms + world.draws.uniform() * (0.3 if account.bot else 1.0) * DAY_MS
    successor.delay(due_ms - now_ms)
    world.plan(due_ms, signup, successor)


def profile_update(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Fill in the profile, or change it."""
    details = {
        "name": account.name,
        "bio": account.voice.bio(world.draws),
        "age": account.age,
        "gender": account.gender,
        "photo_count": len(account.photos),
    }
    world.emit(now_ms, account, "profile_update", details)


def photo_upload(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Upload a photo, now and then a new one."""
    draws = world.draws
    photo_hash = identity.photo(draws) if not account.scripted and draws.chance(0.3) else draws.pick(account.photos)
    world.emit(now_ms, account, "photo_upload", {"photo_hash": photo_hash})


def like(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Like what someone wrote; a like farm, what its customers wrote."""
    paid = account.favourites and world.draws.chance(0.6)
    author = world.draws.pick(account.favourites) if paid else world.population.author()
    _to(world, account, now_ms, "like", author, {})


def follow(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Follow someone."""
    paid = account.favourites and world.draws.chance(0.4)
    author = world.draws.pick(account.favourites) if paid else world.population.author()
    _to(world, account, now_ms, "follow", author, {})


def post(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Write a post, which others may answer."""
    world.population.authors.append(account)
    world.emit(now_ms, account, "post", _text(account, world.draws))


def reply(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Answer a post."""
    _to(world, account, now_ms, "reply", world.population.author(), _text(account, world.draws))


def share(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Share a post, now and then with a link."""
    details: dict[str, object] = {}
    if account.scripted:
        details = _text(account, world.draws)
    elif world.draws.chance(0.1):
        details = {"links": [smalltalk.address(world.draws)]}
    _to(world, account, now_ms, "share", world.population.author(), details)


def purchase(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Buy something."""
    details = {"amount": world.draws.pick(_PRICES), "currency": account.access.currency}
    world.emit(now_ms, account, "purchase", details)


def complain(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Report someone, rightly or not."""
    reason = world.draws.pick(_FALSE_REASONS)
    _to(world, account, now_ms, "report", world.population.anyone(), {"reason": reason})


def turn_away(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Block someone, for whatever reason."""
    _to(world, account, now_ms, "block", world.population.anyone(), {})


def _to(
    world: World, account: Account, now_ms: int, event_type: str, target: Account, details: dict[str, object]
) -> None:
    if target is not account:
        world.emit(now_ms, account, event_type, {"target_id": target.account_id, **details})


def _text(account: Account, draws: Draws) -> dict[str, object]:
    text = account.voice.post(draws)
    links = [word for word in text.split() if ".example" in word or word.startswith("t.me/")]
    return {"text": text, "links": links} if links else {"text": text}


def _access(account: Account, draws: Draws) -> dict[str, object]:
    access = account.access
    return {
        "ip": draws.pick(access.ips),
        "device_id": draws.pick(access.devices) if access.devices else access.device_id,
        "user_agent": access.user_agent,
        "platform": access.platform,
        "country": access.country,
        "email_domain": access.email_domain,
        "phone_prefix": access.phone_prefix,
    }


_ACTIONS: Final[tuple[Step, ...]] = (
    dating.swipe, like, follow, post, reply, share,
    profile_update, photo_upload, purchase, complain, turn_away,
)  # fmt: skip
