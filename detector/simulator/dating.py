"""Dating: swipes, matches, conversations and how they end."""

from __future__ import annotations

from typing import Final

from detector.simulator import identity
from detector.simulator.accounts import HOUR_MS, MINUTE_MS, SECOND_MS, Account
from detector.simulator.conversations import Conversation
from detector.simulator.scripts import ScriptedVoice
from detector.simulator.world import World

_SHOWN_ADMIRERS: Final = 0.4  # share of profiles shown that liked the account already
_REASONS: Final = ("spam", "scam", "fake profile", "bot", "asks for money")


def swipe(world: World, account: Account, now_ms: int, _: Conversation | None) -> None:
    """Like or pass someone; two likes are a match."""
    draws = world.draws
    admirer = bool(account.liked_by) and draws.chance(_SHOWN_ADMIRERS)
    other = account.liked_by.popleft() if admirer else world.population.anyone()
    if other is account or other.position < 0 or other.account_id in account.partners:
        other, admirer = world.population.anyone(), False
        if other is account or other.account_id in account.partners:
            return
    likes = draws.chance(account.tastes.likes)
    direction = ("superlike" if draws.chance(0.01) else "like") if likes else "pass"
    world.emit(now_ms, account, "swipe", {"target_id": other.account_id, "direction": direction})
    if likes and admirer:
        _match(world, account, other, now_ms)
    elif likes:
        other.liked_by.append(account)


def _match(world: World, account: Account, other: Account, now_ms: int) -> None:
    draws = world.draws
    for one, two in ((account, other), (other, account)):
        one.partners.add(two.account_id)
        world.emit(now_ms, one, "match", {"target_id": two.account_id})
    world.conversations += 1
    conversation = Conversation(
        conversation_id=f"{world.event_prefix}v{world.conversations:x}",
        first=account,
        second=other,
        pace=draws.lognormal(1.0, 0.9),
        warmth=draws.between(0.7, 1.0),
    )
    first = [
        (now_ms + one.rhythm.opening.draw(draws), index, one)
        for index, one in enumerate((account, other))
        if draws.chance(one.tastes.opens)
    ]
    if first:
        due_ms, _, one = min(first)
        world.plan(due_ms, speak, one, conversation)


def speak(world: World, account: Account, now_ms: int, conversation: Conversation | None) -> None:
    """Write the next message, once awake, and let the other side react."""
    assert conversation is not None, "a message belongs to a conversation"
    other = conversation.other(account)
    if conversation.closed or account.position < 0 or other.position < 0:
        return
    account.turn(now_ms)
    draws = world.draws
    asleep_ms = account.asleep_ms(now_ms)
    if asleep_ms and not draws.chance(0.03):
        world.plan(now_ms + asleep_ms + draws.lognormal(35 * MINUTE_MS, 0.9), speak, account, conversation)
        return
    text = account.voice.message(conversation, account, draws)
    if not text:
        return
    details: dict[str, object] = {
        "target_id": other.account_id,
        "conversation_id": conversation.conversation_id,
        "text": text,
    }
    if draws.chance(account.tastes.photos):
        details["photo_hash"] = identity.retouched(draws.pick(account.photos), draws)
    world.emit(now_ms, account, "message", details)
    conversation.speaks(account)
    if draws.chance(account.tastes.keeps_on):
        world.plan(now_ms + account.rhythm.reply.draw(draws) * 0.5 + 900, speak, account, conversation)
    else:
        _react(world, other, account, conversation, now_ms)


def _react(world: World, account: Account, writer: Account, conversation: Conversation, now_ms: int) -> None:
    draws = world.draws
    if not account.scripted and _shown_up(writer, conversation) and draws.chance(0.6):
        _see_through(world, account, conversation, now_ms)
        return
    answers = account.tastes.answers if account.scripted else account.tastes.answers * conversation.warmth
    if draws.chance(answers):
        wait_ms = account.rhythm.reply.draw(draws)
        if not account.rhythm.even:
            wait_ms *= conversation.pace
        world.plan(now_ms + wait_ms + 400, speak, account, conversation)
    elif not account.scripted and draws.chance(0.12):
        world.plan(now_ms + draws.lognormal(8 * HOUR_MS, 1.0), unmatch, account, conversation)
    elif account.scripted and not account.rhythm.even and draws.chance(0.3):
        world.plan(now_ms + draws.lognormal(HOUR_MS, 0.5), speak, account, conversation)


def _shown_up(writer: Account, conversation: Conversation) -> bool:
    return isinstance(writer.voice, ScriptedVoice) and writer.voice.pitches(conversation.said(writer))


def _see_through(world: World, account: Account, conversation: Conversation, now_ms: int) -> None:
    draws = world.draws
    luck = draws.uniform()
    step = report if luck < 0.3 else block if luck < 0.45 else unmatch
    if luck < 0.85:  # the others just stop writing
        world.plan(now_ms + draws.lognormal(4 * MINUTE_MS, 1.3) + 2 * SECOND_MS, step, account, conversation)


def report(world: World, account: Account, now_ms: int, conversation: Conversation | None) -> None:
    """Report the other side, and often unmatch it too."""
    target = _turned_from(account, conversation)
    if target is None:
        return
    reason = world.draws.pick(_REASONS)
    world.emit(now_ms, account, "report", {"target_id": target, "reason": reason})
    if world.draws.chance(0.5):
        world.emit(now_ms, account, "unmatch", {"target_id": target})


def block(world: World, account: Account, now_ms: int, conversation: Conversation | None) -> None:
    """Block the other side."""
    target = _turned_from(account, conversation)
    if target is not None:
        world.emit(now_ms, account, "block", {"target_id": target})


def unmatch(world: World, account: Account, now_ms: int, conversation: Conversation | None) -> None:
    """Take the match back."""
    target = _turned_from(account, conversation)
    if target is not None:
        world.emit(now_ms, account, "unmatch", {"target_id": target})


def _turned_from(account: Account, conversation: Conversation | None) -> str | None:
    """Close the conversation and name who was turned away, unless it is over already."""
    assert conversation is not None, "what is ended is a conversation"
    if conversation.closed or account.position < 0:
        return None
    conversation.closed = True
    return conversation.other(account).account_id
