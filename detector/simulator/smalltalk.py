"""What people write: openers, small talk, contact details and links, with a style of their own."""

from __future__ import annotations

from typing import Final

from detector.simulator.draws import Draws
from detector.simulator.phrases import Phrase, phrase


def _words(listed: str) -> tuple[str, ...]:
    return tuple(listed.split(","))


LISTS: Final[dict[str, tuple[str, ...]]] = {
    "city": _words(
        "Lisbon,Berlin,Chicago,Austin,Leeds,Porto,Lyon,Madrid,Denver,Boston,Dublin,Oslo,Rome,Prague,Vienna,Toronto,"
        "Seville,Munich,Bristol,Seattle,Krakow,Ghent,Turin,Malmo,Nantes,Glasgow,Tampa,Naples"
    ),
    "activity": _words(
        "hiking,climbing,baking bread,going to the gym,painting,running,yoga,playing guitar,surfing,gardening,"
        "cooking thai food,board games,photography,dancing salsa,cycling,reading in the park,pottery,skiing,chess,"
        "swimming,birdwatching,karaoke,thrifting,fixing old bikes,learning japanese,volunteering at the shelter"
    ),
    "food": _words(
        "ramen,tacos,pizza,sushi,dumplings,curry,falafel,pasta,pancakes,ceviche,burgers,pho,paella,croissants"
    ),
    "place": _words(
        "the lake,that new bar,the old market,my sister's place,the cinema,the coast,the mountains,a tiny cafe,"
        "the museum,work,a friend's wedding,the park,the bookshop,a concert,the climbing hall,brunch"
    ),
    "pet": ("my dog", "my cat", "our rabbit", "my two cats", "the neighbour's dog", "my old greyhound"),
    "when": _words(
        "tonight,tomorrow,this weekend,on friday,next week,on sunday,after work,on thursday evening,later,"
        "sometime this week,in the morning,saturday afternoon"
    ),
    "mood": _words("tired,great,a bit bored,happy,hungry,stressed,excited,sleepy,good,okay i guess,relaxed"),
    "show": _words(
        "that baking show,old westerns,a crime series,anime,the football,a documentary about whales,reality tv,"
        "the new sci-fi thing,stand-up"
    ),
    "music": _words("jazz,indie,techno,metal,folk,hip hop,80s pop,classical,bossa nova,punk"),
    "job": _words(
        "nurse,teacher,designer,electrician,barista,engineer,chef,student,vet,architect,carpenter,translator,"
        "paramedic,bus driver,gardener,accountant"
    ),
    "adj": _words("lovely,funny,nice,cool,beautiful,great,cute,interesting,wild,cosy,weird"),
    "n": _words("2,3,4,5,6,7,8,10,12,15"),
}

STOCK: Final = (
    "hey how are you",
    "hey",
    "hi",
    "hey there :)",
    "how's your day going?",
    "hi, how are you?",
    "hello",
    "hey, what's up?",
    "good morning",
    "hola que tal",
    "hey how's it going",
    "na, wie geht's?",
)

_OPENERS: Final = """
{hey|hi|hello}, {your profile made me smile|you look +adj|i like your profile}
{hey|hi}! is that {+place} in your {second|third|last} {photo|picture}?
{so|okay}, {most important question|serious question}: {+food} or {+food}?
i see you're into {+activity}, {how long have you done that?|me too!|i always wanted to try that}
{hey|hi}, {+pet} would {love|get along with} your dog
a {+job} who likes {+music}? {tell me more|we have to talk|rare find}
{hi|hey}, fellow {+city} person? {i moved here|i've been here} {+n} {years|months} {ago|now}
{what|which} {trip|place} was the last one that {surprised you|you loved}?
{hey you|hi you|hello there}, how was {your weekend|your day|monday}?
your bio says {+activity}, {what's your favourite spot for that?|is that true?|since when?}
{best|worst} {+food} in {+city}, go
i never know what to write first so: {+music} or {+music}?
"""
_REPLIES: Final = """
{haha|hah|lol|ha} {yes|no way|exactly|true}, {i|we} {went to|just came back from|was at} {+place} {+when}
{pretty|quite|very} {+mood} {today|right now}, {you|and you|what about you}?
{i work as|i'm} a {+job}, {been doing it|doing that} for {+n} years {now|}
{not much|nothing special}, {watching|finally watching} {+show} {with|and} {+pet}
{do you|would you} {want to|like to|wanna} {grab|get} {some +food|a coffee|a drink|dinner} {+when}?
i'm {more of|really} {an evening|a morning|a coffee|an outdoor} person {tbh|honestly|to be honest}
{oh|ah} {nice|cool|wow}, i {love|like|hate} {+activity} {too|as well|but only in summer}
{never been to|i grew up near|i used to live in} {+city}, {is it|was it} {+adj}
{what do you|what else do you} do {+when}?
{my|our} {brother|sister|flatmate|mum} {says|thinks} {+city} is {+adj}
{sorry|oh sorry}, {busy day|just saw this|was at +place}! {how's yours|what did you do}?
{yeah|yep|mhm|sure} {sounds|sounds really} {+adj}
{+food} {+when}? {i know a place|my treat|i'm in}
that's {+adj}, {how did you|why did you} {start|end up doing that|get into that}?
i {can't|could never} {do|stand} {+activity}, {too clumsy|no patience|bad knees} {haha|:)|}
{you'd|you would} like {+place}, {the light is|the food is|it's} {+adj}
{+pet} just {ate my lunch|woke me up|knocked over my coffee}
{gotta|have to|need to} {sleep|run|go}, {talk|write} {tomorrow|later|soon}?
{+n} {siblings|years|countries|plants}, {and counting|believe it or not|i know, a lot}
{honestly|tbh} i {think|guess} {+music} is {+adj} but {+music} is better
{what|which} {kind of|sort of} {+music} {do you listen to|are you into}?
{i'm|we're} at {+place} {right now|atm}, it's {+adj}
{ok|okay} {deal|fair enough|fine}, {but|and} you {owe me|get} {+food}
when i was {+n} i wanted to be a {+job} {haha|lol|}
{yes|yeah}! {+when} works {for me|better}
{hmm|well}, {depends|maybe|not sure}, {are you|is it} {far from|near} {+place}?
{thanks|thank you}, {that's sweet|you're kind|made my day}
{true|fair|same}
{haha|lol|:)|aw}
{no|nope}, {why|you|should i}?
"""
_POSTS: Final = """
{back at|finally at|another day at} {+place}, {feeling|so} {+mood}
{who else|anyone else} {loves|misses} {+activity} {+when}?
{+food} {is underrated|for breakfast, judge me|again, no regrets}
{today|this week} {+pet} {learned a trick|turned +n|stole the show}
{looking for|any tips for} {good +food|+adj spots|+activity} in {+city}?
{+n} {km|pages|hours} of {+activity} {done|later}: {+adj}
{new|old} playlist: mostly {+music} {and|with some} {+music}
"""
_BIOS: Final = """
{+job} {from|in} {+city}. {+activity}, {+food} and {+music}.
{looking for|here for} {something real|a good chat|a partner in crime|no drama}. {+pet} included.
{+activity} {by day|on weekends}, {+show} {by night|the rest}
{6'1 because it matters|ask me about +activity|fluent in sarcasm|new in +city}
{+n} plants, {one cat|no tv|two bikes}. {swipe right if you like +food|tell me your best joke}
"""
_CONTACT: Final = """
{i'm barely on here|this app is so slow}, {my insta is|i'm on insta as} @<handle>
{here's|this is} my number {btw|}: <phone>, {text me|write me there}
{do you have|you on} whatsapp? mine is <phone>
{add me on|i'm on} telegram {as|,} @<handle> {if you want|}
"""
_LINKS: Final = """
{this is|that's} the {place|song|one} i meant: <link>
{have you seen|you have to see} this? <link>
<link> {haha|lol|so good}
"""
_EMOJI: Final = (" 😊", " 😂", " 😅", " :)", " ;)", " ❤️", " 🙈", " 👍", " 🍕", " 🐶", "!", "!!", "…", " xx")


def _phrases(block: str) -> tuple[Phrase, ...]:
    return tuple(phrase(line, LISTS) for line in block.strip().splitlines())


OPENERS, REPLIES, POSTS, BIOS = (_phrases(b) for b in (_OPENERS, _REPLIES, _POSTS, _BIOS))


def contact(draws: Draws, handle: str, phone: str) -> str:
    """Give one's contact details, as people who get on do."""
    line = draws.pick(_CONTACT.strip().splitlines())
    return phrase(line, LISTS, handle=handle, phone=phone).say(draws)


def link(draws: Draws) -> str:
    """Send a link to a song, a video or a place."""
    return phrase(draws.pick(_LINKS.strip().splitlines()), LISTS, link=address(draws)).say(draws)


def address(draws: Draws) -> str:
    """Make the address of something people share."""
    token = f"{draws.bits(44):011x}"
    sites = (
        f"https://www.youtube.com/watch?v={token}",
        f"https://open.spotify.com/track/{token}",
        f"https://maps.google.com/?q={token[:6]}",
        f"https://{token[:5]}-bakery.example/menu",
        f"instagram.com/p/{token}",
        f"https://en.wikipedia.org/wiki/{draws.pick(LISTS['city'])}",
    )
    return draws.pick(sites)


def styled(text: str, draws: Draws, lower: bool, emoji: float, typos: float) -> str:
    """Write it as this person writes."""
    text = text.lower() if lower else text[:1].upper() + text[1:]
    if draws.chance(emoji):
        text += draws.pick(_EMOJI)
    if len(text) > 8 and draws.chance(typos):
        at = 2 + int(draws.uniform() * (len(text) - 4))
        text = text[:at] + text[at + 1] + text[at] + text[at + 2 :]
    return text
