"""Accounts that act together, found by what they write."""

from detector.campaigns.allowed import Allowed, add_allowed, read_allowed
from detector.campaigns.batch import Batch, Membership
from detector.campaigns.campaigns import Campaigns

__all__ = ["Allowed", "Batch", "Campaigns", "Membership", "add_allowed", "read_allowed"]
