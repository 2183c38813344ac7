"""Measure what the larger encoder adds: rewordings of known templates that it finds, and what it costs.

Run: python benchmarks/escalation.py FOLDER [SOURCE]: FOLDER is what `models.encoder.escalation_build` wrote (it needs
the extra `text`), SOURCE (../shared/data) holds ubuntu_irc, sms_spam and youtube_spam. The templates are the first
wording of each hand-written campaign and texts of spam; looked for are the other wordings. One thread; CPU time.
"""

from __future__ import annotations

import os

for _name in ("OMP_NUM_THREADS", "POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import argparse
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

if __package__ in (None, ""):
    from bank import texts_of
    from paraphrase_texts import CAMPAIGNS
    from text import CONSOLE, timed
else:
    from benchmarks.bank import texts_of
    from benchmarks.paraphrase_texts import CAMPAIGNS
    from benchmarks.text import CONSOLE, timed
from detector.escalation import DOUBT_MIN, MINILM_SCALE
from features.text.column import TextColumn
from features.text.fold import normalise
from models.encoder import StaticEncoder
from models.encoder.escalation import EscalationEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from models.encoder import Encoder

SPAM: Final = 600
FALSE_SHARES: Final = (0.01, 0.001, 0.0002)


def likeness(encoder: Encoder, templates: list[str], *parts: list[str]) -> list[NDArray[np.float32]]:
    """Return for each text of each part the cosine with the template it is most like."""
    known, *others = (encoder.encode(normalise(TextColumn.of(texts)).folded) for texts in (templates, *parts))
    return [(vectors @ known.T).max(axis=1) for vectors in others]


def main() -> None:
    """Print recall and load."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("source", nargs="?", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    given = parser.parse_args()
    spam, _, chat = texts_of(given.source)
    templates = [texts[0] for texts in CAMPAIGNS] + spam[:SPAM]
    wordings = [text for texts in CAMPAIGNS for text in texts[1:]]
    found = {}
    encoders: dict[str, Encoder] = {"static": StaticEncoder.load(), "MiniLM": EscalationEncoder.load(given.folder)}
    for name, encoder in encoders.items():
        read = found[name] = likeness(encoder, templates, chat, wordings)
        folded = normalise(TextColumn.of(chat[:256])).folded
        _, seconds = timed(partial(encoder.encode, folded))
        for share in FALSE_SHARES:
            cut = np.quantile(read[0], 1 - share)
            recall = (read[1] >= cut).mean()
            CONSOLE.print(
                f"{name}: {share:.2%} of {len(chat)} messages of chat reach {cut:.3f}, "
                f"as do {recall:.3f} of {len(wordings)} wordings"
            )
        CONSOLE.print(f"{name}: {seconds / len(folded) * 1e6:.0f} µs a message")
    _print_both(found)


def _print_both(found: dict[str, list[NDArray[np.float32]]]) -> None:
    for cut in (0.7, 0.75, 0.8, 0.85):
        shares = []
        for part in (0, 1):
            static, scaled = found["static"][part], np.interp(found["MiniLM"][part], *MINILM_SCALE.T)
            doubt = (static >= DOUBT_MIN / 1000) & (static < cut)
            shares += [(static >= cut).mean(), ((static >= cut) | (doubt & (scaled >= cut))).mean(), doubt.mean()]
        CONSOLE.print(
            f"at {cut}: {shares[3]:.3f} of the wordings and {shares[0]:.2%} of chat by the static encoder; "
            f"{shares[4]:.3f} and {shares[1]:.2%} with escalation, which reads {shares[2]:.2%} of chat"
        )


if __name__ == "__main__":
    main()
