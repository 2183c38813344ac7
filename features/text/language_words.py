"""Words and endings by which languages are told apart; written from general knowledge, no data set behind them."""

# ruff: noqa: RUF001  # letters that look like others are the point of this table

from __future__ import annotations

from typing import Final

CODES: Final = (*("other", "en", "es", "fr", "de", "pt", "ru", "hi", "zh", "ar", "ja", "ko", "th", "tr", "it", "nl"),)
"""What a guess is an index of."""

WORDS: Final[dict[str, str]] = {
    "en": "the and you that was for are with his they this have from had what were your when can said there each which "
    "she how their will about out many then them these some her would make like him into time has look two more see "
    "could been who its now find down did get may hi hello hey yes yeah lol haha thanks thank please sorry i'm don't "
    "it's you're i'll can't that's didn't doesn't i've of to in it is be by not but all we my me do if so up an as at "
    "or love good know want think going really where why because just very much tonight today tomorrow friend money i "
    "ok okay ur u im dont cant whats got here work night day new go come people never always something should",
    "es": "el los las una que por con para como más pero sus este porque esta entre cuando muy sin sobre también hasta "
    "hay donde quien desde todo nos durante todos uno les ni contra otros ese eso ante ellos esto mí antes algunos qué "
    "unos yo otro otras otra él tanto esa estos mucho hola gracias buenos días estás estoy tengo quiero eres soy "
    "bien amor jaja te lo se del al mi tu le es y de la en un no si está son fue ser tiene puede hacer vamos dónde "
    "cómo día hoy mañana noche amigo dinero nada algo aquí así ya tú usted ella nosotros muchas años cuál puedo pues",
    "fr": "le les des une est que qui dans pour pas sur plus par avec tout faire mais comme ou si leur bien être deux "
    "même aussi cette ces vous nous je tu il elle on ils mon ton son ma ta sa mes tes ses ce se ne me te du au aux et "
    "bonjour salut merci oui non suis es sont était ça va c'est j'ai n'est d'un d'une qu'il l'on très où quoi quand "
    "comment pourquoi parce toujours jamais rien peut fait avez êtes veux peux ai as à un de la en y aujourd'hui "
    "demain soir ami argent mdr bisous coucou chez sans sous encore depuis alors",
    "de": "der die das und ist nicht ich du er wir ihr sie ein eine einen einem einer mit auf für von dem den des zu "
    "im auch es an als wie so dass daß aber aus bei nach noch nur oder wenn war hat habe haben bin bist sind wird "
    "werden kann kannst mich dich mir dir uns euch mein dein sein kein keine hallo danke bitte ja nein guten morgen "
    "wo was wer warum wann gut sehr schon mal immer heute jetzt hier über zum zur vom geht's wäre würde mehr alle "
    "liebe geld freund abend möchte machen gibt diese dieser man in um durch",
    "pt": "o os as um uma que não do da dos das em no na nos nas por para com se mais como mas foi ao ele ela seu sua "
    "ou quando muito já eu também só pelo pela até isso entre depois sem mesmo aos seus quem me esse eles você essa "
    "num nem suas meu minha têm olá oi obrigado obrigada bom boa dia tudo bem está estou sou são tem tenho "
    "quero você vc kkk rs saudade amor pra pro aqui onde porque então hoje amanhã noite dinheiro amigo nós é e de a "
    "à às há fazer pode ser nada agora sempre nunca gente bem vamos",
    "tr": "bir ve bu da de için ile çok ne var mi mı mu mü ben sen o biz siz onlar gibi daha kadar ama olarak olan "
    "değil ki her şey nasıl nasılsın neden evet hayır merhaba selam teşekkürler teşekkür ederim iyi güzel şimdi sonra "
    "bana sana beni seni benim senin yok olur oldu ya hem en diye iyiyim günaydın lütfen tamam bugün yarın akşam "
    "para arkadaş aşkım canım nerede zaman olduğunu sadece misin mısın musun istiyorum seviyorum sonra önce",
    "it": "il lo gli le una che di del della dei delle nel nella con per non sono è e ma come anche più questo questa "
    "quello io tu lui lei noi voi loro mio mia tuo tua suo sua ciao grazie prego buongiorno sì no ho hai ha abbiamo "
    "hanno sei siamo cosa chi dove quando perché bene molto tutto tutti ancora sempre mai niente fare essere stato "
    "un uno al alla dal dalla sul sulla si se mi ti ci vi c'è dell'anno così oggi domani sera amico soldi va bello "
    "bella cosa qualcosa anni era erano può alle agli nell'ordine allora quindi qui l'ho",
    "nl": "de het een en van ik je dat is niet op te zijn voor met die er maar om hij ze wij we jij jullie u mijn jouw "
    "aan als ook bij naar nog dan was heb hebt heeft hebben ben bent wordt worden kan kun kunnen wil wat wie waar "
    "waarom wanneer hoe hoi hallo bedankt dank alsjeblieft goed heel veel al geen wel zo uit over door ja nee "
    "goedemorgen gaat met dit deze daar hier toch moet mag zou meer altijd nooit vandaag morgen avond geld vriend "
    "leuk lekker mooi haar hem ons onze in of tot",
    "other": "och är att det som på för inte jag med den har av till ett vad kan om hur din du han hon vi så mig dig "
    "ikke og jeg er af hvad hvor nie się jest że jak co tak ja w z na do czy mam yang dan di saya aku kamu "
    "adalah untuk "
    "dengan tidak ini itu apa dari akan bisa ada și să nu este pe cu ce ești je se že jsem jsi nem hogy egy és van az "
    "ez on ja että ei mitä minä sinä olen tôi bạn là không có của và ako ang sa ng mga ka si mo po wewe ni na ya "
    "kwa habari",
}
"""Frequent words of languages in Latin letters; what several languages share counts for each, but less.
``other`` are frequent words of some that have no code here."""

ENDINGS: Final[dict[str, str]] = {
    "en": "ing ght tion ness ould ever ment ious ally self",
    "es": "ción ando iendo mente dad ñar ños ía ías aba",
    "fr": "eux aux oir ité ais ait ée ées ement eur",
    "de": "ung heit keit lich isch schen chen tzt icht ieren",
    "pt": "ção ções ando endo ão ões mente inho inha ou",
    "tr": "lar ler yor dır dir mak mek ım sın lık",
    "it": "zione ità mente ando ato ata etto etta cchi ggi",
    "nl": "ijk ijn aan eid oor eer sch acht oek tje",
}
"""Ends of words that say little by themselves, and are all there is where no frequent word is."""

LETTERS: Final[dict[str, str]] = {
    "es": "ñ¿¡áíóú",
    "fr": "èêëçœùûîïàâôé",
    "de": "ßäöü",
    "pt": "ãõçâêôáí",
    "tr": "ğışçöü",
    "it": "àèìòù",
    "nl": "ĳ",
    "other": "åøæłąęśżźćńěřůčšžăđơưőűțșāēīū",
}
"""Letters beyond ASCII of languages in Latin letters."""
