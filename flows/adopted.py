"""What an earlier writer published and a replay has not met again: it is skipped when it comes, and never contradicted.

A replay may come to other decisions than those published: another model was promoted meanwhile, or partitions were read
in another order. What was published is the truth. So as long as the topic holds a decision about somebody that the
replay has not met, no decision about them is published that is older, or of the same event.
"""

from __future__ import annotations

from collections.abc import Iterable

from flows.records import About, Record


class Adopted:
    """Records found in the topic, each with what it is about where that is known."""

    def __init__(self, held: Iterable[tuple[str, About | None]] = ()) -> None:
        self._unmet: dict[str, About | None] = {}
        self._of: dict[str, dict[str, About]] = {}
        for record_id, of in held:
            self.add(record_id, of)

    def add(self, record_id: str, of: About | None) -> None:
        """Take in a record that the topic holds."""
        self._unmet[record_id] = of
        if of is not None:
            self._of.setdefault(of.subject, {})[record_id] = of

    def holds(self, record: Record) -> bool:
        """Tell whether the topic holds a record."""
        return record.id in self._unmet

    def contradicted_by(self, record: Record) -> bool:
        """Tell whether a record, if it were published now, would seem to take back what the topic holds."""
        if record.about is None:
            return False
        _, at, event = record.about
        others = self._of.get(record.about.subject, {}).values()
        return any(at < other.at or (at, event) == (other.at, other.event) for other in others)

    def meet(self, record: Record) -> None:
        """Note that a replay came to a record."""
        of = self._unmet.pop(record.id)
        if of is not None:
            del self._of[of.subject][record.id]
            if not self._of[of.subject]:
                del self._of[of.subject]

    def held(self) -> list[tuple[str, About | None]]:
        """List what was not met, as another takes it in."""
        return sorted(self._unmet.items())
