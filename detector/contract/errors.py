"""The errors a user can cause, or mend."""


class GillnetError(Exception):
    """Something failed that a person can do something about; its text says what."""


class UsageError(GillnetError):
    """A flag, setting or input file is wrong; nothing was done."""
