"""Whatever a replay comes to, the topic never seems to take back what was published."""

from hypothesis import given
from hypothesis import strategies as st

from flows.adopted import Adopted
from flows.records import Record, about

decisions = st.lists(
    st.tuples(st.sampled_from("ab"), st.integers(0, 9), st.sampled_from(["review", "limit", "block"])),
    unique=True,
    max_size=12,
).map(sorted)
"""Of two accounts, in the order of their events; an account may be judged twice at an event."""


def record(account: str, event: int, verdict: str) -> Record:
    name = f"{account} {event} {verdict}"
    return Record(name, None, name.encode(), about=about(account, f"2026-01-05T00:00:{event:02}Z", f"e{event}"))


def replayed(adopted: Adopted, made: list[tuple[str, int, str]]) -> list[tuple[str, int, str]]:
    """Publish what a sink would."""
    new = []
    for each in made:
        one = record(*each)
        if adopted.holds(one):
            adopted.meet(one)
        elif not adopted.contradicted_by(one):
            new.append(each)
    return new


def took_in(published: list[tuple[str, int, str]]) -> Adopted:
    adopted = Adopted()
    for each in published:
        adopted.add(record(*each).id, record(*each).about)
    return adopted


@given(decisions, decisions)
def test_nothing_is_published_behind_what_the_topic_holds_and_the_replay_has_not_met(published, again):
    adopted, unmet = took_in(published), set(published)
    for each in again:
        account, event, _ = each
        expected = each not in unmet and all(event > other[1] for other in unmet if other[0] == account)
        assert replayed(adopted, [each]) == [each] * expected
        unmet.discard(each)


@given(decisions)
def test_a_replay_that_judges_alike_publishes_nothing_and_leaves_nothing_to_meet(published):
    adopted = took_in(published)
    assert replayed(adopted, published) == []
    assert adopted.held() == []


@given(decisions, decisions)
def test_what_is_newer_than_all_that_was_published_always_comes_out(published, again):
    later = [(who, 20 + event, verdict) for who, event, verdict in again]
    assert replayed(took_in(published), later) == later


@given(decisions, decisions, st.integers(0, 12))
def test_it_goes_on_from_what_it_held(published, again, at):
    through, stopped = took_in(published), took_in(published)
    first = replayed(stopped, again[:at])
    assert first + replayed(Adopted(stopped.held()), again[at:]) == replayed(through, again)


def test_what_is_about_nobody_is_never_held_back():
    adopted = took_in([("a", 9, "block")])
    assert not adopted.contradicted_by(Record("score", None, b""))


def test_names_are_not_part_of_the_state():
    assert "secret" not in str(about("secret-account", "2026-01-05T00:00:00Z", "secret-event"))
