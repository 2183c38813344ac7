"""Scripts: what the bots of each family write, line by line, with the words their campaigns vary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from detector.simulator import smalltalk
from detector.simulator.accounts import Account
from detector.simulator.conversations import Conversation
from detector.simulator.draws import Draws
from detector.simulator.phrases import Phrase, phrase
from detector.simulator.wording import Wording

_LINK_SPAMMER: Final = (
    """
    {hey|hi|hello} {handsome|cutie|you|there} {😘|😉|❤️|}, {see|check} my {private|hot|new} \
{pics|photos|videos}: <link>
    {i'm not|i am never} on here {much|often}, {all my|more} {pics|photos} {are here|here}: <link>
    """,
    """
    {hi|hey}! i'm {live|online|on cam} {now|tonight}, {come|join} {me|and watch}: <link>
    {free|no cost} for {you|the first 10 min|new friends} {😉|}: <link>
    {still there|waiting for you}? <link>
    """,
    """
    {hey|hi}, {is this you|are you in this|someone posted you} {??|?} <link>
    {look|you must look}, {it has|there are} your {photos|pics}: <link>
    """,
)
_ROMANCE: Final = (
    """
    {hello|hi|good day} {dear|beautiful|my dear}, how are you {doing|} {today|this fine day}?
    {i am|i'm} <persona>, {a widowed|a divorced|an honest} {engineer|surgeon|contractor} from <city>. \
{what do you do|what is your work}?
    {that is|that's} {wonderful|so interesting}. {i have|i've} a {daughter|son} of {8|9|11|12} years, \
{she|my child} is my {life|everything}
    {i feel|honestly i feel} {a connection|something special} {with you|between us} {❤️|🌹|}
    {i am|i'm} {working offshore|on a mission abroad|on a rig} {now|until next month}, {the \
network|internet} is {bad|poor} {here|}
    {i am not|i'm rarely} on {this app|here} {often|much}, {can you|please} {text|write} me on whatsapp \
{dear|} <phone>
    {my dear|darling}, {did you|have you} {write|written} me {there|on whatsapp}? <phone>
    """,
    """
    {hi there|hello} {gorgeous|pretty|angel}, your {smile|photo} {caught my eye|is so lovely}
    {tell me|please tell me} {about yourself|more about you} {dear|}, {i want|i would like} to {know \
you|know everything}
    {i lost|sadly i lost} my {wife|partner} {3|4|5} years ago, {it is|it's} {hard|not easy} to {trust|open up}
    {god|life} {brought|has brought} us {together|here} for a {reason|purpose} {🌹|🙏|}
    {let us|we should} {talk|chat} {somewhere|on} {better|private}: telegram @<handle>
    {are you|you} {there|still there} {dear|my love}? telegram @<handle>
    """,
)
_CRYPTO: Final = (
    """
    {hey|hi}, {nice to match|great profile|good to meet you}! {where are you|are you} {based|from}?
    {cool|nice}, {i'm|i am} in <city> {for work|these days}. {what do you|so what do you} {do for a \
living|work as}?
    {i|me, i} {trade|do trading} {with my uncle|part time|after work}, {made|earned} \
{$2,400|$3,100|4k|$1,850} {this week|yesterday} {🚀|📈|}
    {i can|could} {show|teach} you {how|the signals}, {it's|very} {easy|simple}, {start with|just} \
{$200|$100|$500}
    {sign up|register} {here|with my code}: <link> {or ask me|and write me} {on telegram|telegram} @<handle>
    {did you|have you} {register|sign up} {yet|already}? {the bonus|it} {ends|closes} {today|tonight}: <link>
    """,
    """
    {hello|hi} {😊|}, {how is your|how's your} {day|week} {going|so far}?
    {do you|have you ever} {invest|invested} {in crypto|in bitcoin|money}? {my mentor|our group} \
{tripled|doubled} {my savings|my money}
    {join|come to} {our|my} {vip|private} {group|channel}: t.me/<handle> {📈|💰|}
    {guaranteed|safe|daily} {3%|5%|8%} {a day|per day|returns}, {see|proof}: <link>
    """,
)
_POSTS: Final = {
    "link_spammer": """
    {new|hot|free} {pics|videos} {up now|tonight} {😘|🔥|} <link>
    {bored|lonely}? {come and see|watch me} <link>
    {lol|omg} {have you seen|look at} this <link>
    """,
    "crypto_pitch": """
    {another|one more} {+$800|+$1,200|+$2,650} {day|morning} {🚀|📈|} {dm me|ask me how}
    {financial freedom|passive income} {is possible|is a choice}, telegram @<handle>
    {btc|eth} {to the moon|signal closed} {+12%|+9%|+18%}, {join us|group} t.me/<handle>
    """,
}
_SCRIPTS: Final = {"link_spammer": _LINK_SPAMMER, "romance_script": _ROMANCE, "crypto_pitch": _CRYPTO}
_BIO: Final = """
{honest|simple|kind} {man|woman|person}, {god fearing|loves to laugh}, {looking for|here for} {true love|something real}
{just|only} {ask|write me} {😘|😉|❤️}
{trader|investor|entrepreneur} {📈|}. {travel|freedom}, {gym|yoga}, {good vibes|positive mind}
"""


def _lines(block: str) -> list[str]:
    return [line.strip() for line in block.strip().splitlines()]


@dataclass(frozen=True, slots=True)
class ScriptedVoice:
    """How one bot writes: the campaign's script line by line, the last ones again and again."""

    script: tuple[Phrase, ...]
    posts: tuple[Phrase, ...]
    bios: tuple[Phrase, ...]
    pitch_from: int
    repeats: int
    wording: Wording | None = None

    def message(self, conversation: Conversation, account: Account, draws: Draws) -> str:
        """Write the next message of a conversation; with a script said and repeated, no more."""
        said = conversation.said(account)
        if not self.script or said >= len(self.script) + self.repeats:
            return ""
        return self._in_words(self.script[min(said, len(self.script) - 1)].say(draws), draws)

    def post(self, draws: Draws) -> str:
        """Write a post or an answer to one."""
        return self._in_words(draws.pick(self.posts).say(draws), draws)

    def bio(self, draws: Draws) -> str:
        """Write the profile's text."""
        return self._in_words(draws.pick(self.bios).say(draws), draws)

    def _in_words(self, text: str, draws: Draws) -> str:
        return text if self.wording is None else self.wording.reword(text, draws)

    def pitches(self, said: int) -> bool:
        """Tell whether the bot has shown what it is after."""
        return bool(self.script) and said > self.pitch_from


def scripted_voice(draws: Draws, family: str, **filled: str) -> ScriptedVoice:
    """Draw a campaign's texts: one script of the family, with half of its choices made for good."""
    blocks = _SCRIPTS.get(family, ("",))
    script = [phrase(line, smalltalk.LISTS, **filled).settle(draws, 0.5) for line in _lines(draws.pick(blocks))]
    posts = [phrase(line, smalltalk.LISTS, **filled).settle(draws, 0.4) for line in _lines(_POSTS.get(family, ""))]
    bios = [phrase(line, smalltalk.LISTS, **filled).settle(draws, 0.6) for line in _lines(_BIO)]
    pitch_from = next((i for i, line in enumerate(script) if _pitches(line, filled)), len(script))
    return ScriptedVoice(
        script=tuple(script),
        posts=tuple(posts) or smalltalk.POSTS,
        bios=(*bios, *smalltalk.BIOS),
        pitch_from=pitch_from,
        repeats=draws.bits(1),
    )


def _pitches(line: Phrase, filled: dict[str, str]) -> bool:
    baits = [filled[name] for name in ("link", "handle", "phone") if name in filled]
    return any(bait in part for part in line.parts if isinstance(part, str) for bait in baits)
