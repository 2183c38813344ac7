"""Conversations: two matched accounts and how their talk goes."""

from __future__ import annotations

from dataclasses import dataclass

from detector.simulator.accounts import Account


@dataclass(slots=True, eq=False)
class Conversation:
    """What two accounts said so far, and how warm it is between them."""

    conversation_id: str
    first: Account
    second: Account
    pace: float  # how quick this pair is: multiplies both sides' reply times
    warmth: float  # how likely a person answers, from 0 to 1
    said_first: int = 0
    said_second: int = 0
    closed: bool = False

    def other(self, account: Account) -> Account:
        """Name the one it is with."""
        return self.second if account is self.first else self.first

    def said(self, account: Account) -> int:
        """Count what this side has said."""
        return self.said_first if account is self.first else self.said_second

    @property
    def turns(self) -> int:
        """Count what both have said."""
        return self.said_first + self.said_second

    def speaks(self, account: Account) -> None:
        """Note one more message of this side."""
        if account is self.first:
            self.said_first += 1
        else:
            self.said_second += 1
