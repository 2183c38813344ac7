"""Contacts and links that campaigns push: two that push the same one, which others do not use, are one campaign."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Callable

    from detector.campaigns.record import Record

CAPACITY: Final = 1 << 16
HELD: Final = 32
PUSHERS_MIN: Final = 2
STRANGERS_SHARE: Final = 0.1


class Use(msgspec.Struct):
    """Who uses one contact: keys of accounts, the first `HELD` of each kind."""

    outside: list[int] = []
    inside: dict[int, list[int]] = {}
    """Members by the number of their campaign."""

    def rename(self, root: Callable[[int], int | None]) -> None:
        """Count members of campaigns that were merged as those of what they are part of now."""
        before, self.inside = self.inside, {}
        for number, members in before.items():
            now = root(number)
            if now is not None:
                mine = self.inside.setdefault(now, [])
                mine += [member for member in members if member not in mine]
                del mine[HELD:]


class SharedContacts:
    """Uses of the last ``capacity`` contacts; the one goes first that was idle longest."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity, self.uses = capacity, dict[int, Use]()

    def note_outsider(self, key: int, sender: int) -> None:
        """Note that one who is in no campaign uses a contact."""
        outside = self._use(key).outside
        if len(outside) < HELD and sender not in outside:
            outside.append(sender)

    def note_member(self, key: int, sender: int, number: int, root: Callable[[int], int | None]) -> Use:
        """Note that a campaign's member uses a contact; return its uses, by campaigns as ``root`` names them now."""
        use = self._use(key)
        members = use.inside.setdefault(number, [])
        if len(members) < HELD and sender not in members:
            members.append(sender)
        if any(root(each) != each for each in use.inside):
            use.rename(root)
        return use

    def _use(self, key: int) -> Use:
        use = self.uses.pop(key, None) or Use()
        self.uses[key] = use
        if len(self.uses) > self._capacity:
            del self.uses[next(iter(self.uses))]
        return use


def is_shared(use: Use, one: Record, other: Record) -> bool:
    """Tell whether a contact belongs to two campaigns: members of both push it, and hardly anybody else does."""
    pushers = [
        {*use.inside.get(record.number, ()), *(key for key in use.outside if key in record.members)}  # founders as well
        for record in (one, other)
    ]
    strangers = sum(key not in one.members and key not in other.members for key in use.outside)
    return min(map(len, pushers)) >= PUSHERS_MIN and strangers <= STRANGERS_SHARE * sum(map(len, pushers))
