"""The bank of known templates: texts of confirmed campaigns, and how like them a message is.

It is one file (safetensors, its header names the templates), so that it is written as a whole and travels as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from detector.contract.durable import write_file
from detector.contract.errors import UsageError
from features.hashing import keys
from features.text.column import TextColumn
from features.text.fold import normalise
from features.text.near_duplicates import LETTERS_TO_JOIN, NearDuplicates
from features.text.near_places import SLOTS_MAX
from features.text.signatures import sign
from models.nearest import Nearest

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from numpy.typing import NDArray

    from features.text.signatures import Signatures
    from models.encoder import Encoder

SCHEMA: Final = "gillnet.templates/1"
CHARACTERS_MAX: Final = 4_096
_PLACES_PER_TEMPLATE, _PLACES_MIN = 4, 1 << 10
_INT8_MAX: Final = 127
_HEAD: Final = "gillnet"
_VECTORS: Final = "vectors"


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """A text of a confirmed campaign."""

    template_id: str
    """Named by its normal form: the same text is in the bank once."""
    campaign_id: str
    label: str
    example: str
    """As it was sent; another encoder's vector is made from it."""


class _Manifest(msgspec.Struct, frozen=True, kw_only=True):
    schema: str = SCHEMA
    encoder_id: str
    templates: tuple[Template, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """Templates and what takes long to make of them, a row each."""

    templates: tuple[Template, ...]
    vectors: NDArray[np.int8]
    """(k, dimensions): directions, in parts of 127."""


class TemplateBank:
    """Known templates. It finds near duplicates by their signatures and rewordings by their vectors."""

    def __init__(self, encoder: Encoder) -> None:
        """Begin without any; ``encoder`` is the one whose vectors will be matched."""
        self._encoder = encoder
        self._path: Path | None = None
        self._stamp: tuple[int, int, int] | None = None
        self._hold(_nothing(encoder.dimensions))

    @classmethod
    def load(cls, path: Path, encoder: Encoder) -> TemplateBank:
        """Read a file, which need not be there yet; UsageError if it is no bank.

        If another encoder wrote it, its vectors are made anew.
        """
        bank = cls(encoder)
        bank._path = path
        bank.reload_if_changed()
        return bank

    def __len__(self) -> int:
        """Return the number of templates."""
        return len(self._known.templates)

    @property
    def templates(self) -> tuple[Template, ...]:
        """The templates, in the order `match` counts them."""
        return self._known.templates

    def labels(self) -> dict[str, str]:
        """Return what each campaign with a template is called."""
        return {template.campaign_id: template.label for template in self._known.templates}

    def match(
        self, signatures: Signatures, vectors: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Say how like the nearest template each of n messages is, and which template that is; -1 if there is none.

        ``vectors`` are the encoder's, shape (n, dimensions). The similarity is the greater of two: of the share of
        shingles in common, and of the cosine.
        """
        cosines, which = self._nearest.find(vectors)
        if not len(self):
            return cosines, which
        found = self._near.find(signatures, np.zeros(len(vectors), np.int64))
        places = np.searchsorted(self._leaders, found.leaders).clip(max=len(self._leaders) - 1)
        nearer = (found.leaders != 0) & (found.similarities >= cosines)
        return np.where(nearer, found.similarities, cosines), np.where(nearer, self._template_of[places], which)

    def nearest(self, vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
        """Return the cosine of each of n vectors with the nearest template's, and which that is; 0 and -1 for none."""
        return self._nearest.find(vectors)

    def add(self, examples: Iterable[str], campaign_id: str, label: str = "bot") -> int:
        """Take in a campaign's texts as they were sent; return how many were not known yet.

        The first `CHARACTERS_MAX` characters count; texts without any word are left out.
        """
        texts = [text[:CHARACTERS_MAX] for text in examples]
        full = normalise(TextColumn.of(texts)).full
        normal = full.series()
        names = [f"tmpl_{key:016x}" if text else "" for key, text in zip(keys(normal).tolist(), normal, strict=True)]
        taken = {template.template_id for template in self.templates} | {""}
        new = [
            Template(template_id=name, campaign_id=campaign_id, label=label, example=text)
            for at, (name, text) in enumerate(zip(names, texts, strict=True))
            if name not in taken and name not in names[:at]
        ]
        self._hold(_joined(self._known, _described(new, self._encoder)))
        return len(new)

    def merge(self, other: TemplateBank) -> int:
        """Take in another bank's templates; return how many were not known yet."""
        taken = {template.template_id for template in self.templates}
        rows = [row for row, template in enumerate(other.templates) if template.template_id not in taken]
        self._hold(_joined(self._known, _taken(other._known, rows)))
        return len(rows)

    def remove(self, campaign_id: str) -> int:
        """Take out a campaign's templates; return how many there were."""
        rows = [row for row, template in enumerate(self.templates) if template.campaign_id != campaign_id]
        gone = len(self) - len(rows)
        self._hold(_taken(self._known, rows))
        return gone

    def save(self, path: Path) -> None:
        """Write the file; those who read it see the old one or the new one."""
        manifest = _Manifest(encoder_id=self._encoder.model_id, templates=self.templates)
        content = save({_VECTORS: self._known.vectors}, metadata={_HEAD: msgspec.json.encode(manifest).decode()})
        write_file(path, content)

    def reload_if_changed(self) -> bool:
        """Read the file again if it is another one than was read last; whether it was. A file that is gone is empty."""
        if self._path is None or (now := stamp(self._path)) == self._stamp:
            return False
        self._stamp = now  # first, so that a file that cannot be read is tried once
        self._hold(_read(self._path, self._encoder) if now else _nothing(self._encoder.dimensions))
        return True

    def _hold(self, known: _Known) -> None:
        """Lay templates out to be found."""
        count = len(known.templates)
        near = NearDuplicates(
            min(max(_PLACES_MIN, _PLACES_PER_TEMPLATE * count), SLOTS_MAX),
            1.0,
            similarity_for_short=0.0,
            words_min=0,
            letters_min=0,
        )
        signed = sign(normalise(TextColumn.of([template.example for template in known.templates])).full)
        signed = signed._replace(letters=np.maximum(signed.letters, LETTERS_TO_JOIN))  # however short, all are held
        zeros, nothing = np.zeros(count, np.int64), TextColumn(np.zeros(0, np.uint8), np.zeros(count + 1, np.int64))
        leaders = near.process(signed, zeros.astype(np.uint64), zeros, nothing).leaders
        self._leaders, self._template_of = np.unique(leaders, return_index=True)
        vectors = known.vectors.astype(np.float32)
        lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))
        self._nearest = Nearest(vectors / np.maximum(lengths, np.float32(1e-12))[:, None])
        self._known, self._near = known, near


def _nothing(dimensions: int) -> _Known:
    return _Known((), np.zeros((0, dimensions), np.int8))


def _described(templates: Iterable[Template], encoder: Encoder) -> _Known:
    held = tuple(templates)
    folded = normalise(TextColumn.of([template.example for template in held])).folded
    return _Known(held, _quantised(encoder.encode(folded)))


def _quantised(vectors: NDArray[np.float32]) -> NDArray[np.int8]:
    largest = np.maximum(np.abs(vectors).max(axis=1, initial=0.0), np.float32(1e-12))
    steps: NDArray[np.int8] = np.rint(vectors * (_INT8_MAX / largest)[:, None]).astype(np.int8)
    return steps


def _taken(known: _Known, rows: list[int]) -> _Known:
    templates = tuple(known.templates[row] for row in rows)
    return _Known(templates, known.vectors[rows])


def _joined(one: _Known, other: _Known) -> _Known:
    return _Known(one.templates + other.templates, np.concatenate([one.vectors, other.vectors]))


def stamp(path: Path) -> tuple[int, int, int] | None:
    """Say which file is at a path now; None for none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


def read_labels(path: Path) -> dict[str, str]:
    """Say what the campaigns in a bank are called, without its encoder; UsageError if it is no bank."""
    if not path.exists():
        return {}
    return {template.campaign_id: template.label for template in _open(path)[0].templates}


def _open(path: Path) -> tuple[_Manifest, NDArray[np.int8]]:
    try:
        with safe_open(path, "numpy") as file:
            manifest = msgspec.json.decode((file.metadata() or {}).get(_HEAD, ""), type=_Manifest)
            return manifest, file.get_tensor(_VECTORS)
    except (OSError, SafetensorError, msgspec.MsgspecError) as error:
        msg = f"{path}: expected a bank of templates as `gillnet bank export` writes it; got {error}"
        raise UsageError(msg) from error


def _read(path: Path, encoder: Encoder) -> _Known:
    manifest, vectors = _open(path)
    count = len(manifest.templates)
    if manifest.schema != SCHEMA or vectors.shape[0] != count or vectors.dtype != np.int8:
        msg = f"{path}: expected {SCHEMA} with {count} vectors, got {manifest.schema} with shape {vectors.shape}"
        raise UsageError(msg)
    if manifest.encoder_id != encoder.model_id or vectors.shape[1] != encoder.dimensions:
        return _described(manifest.templates, encoder)
    return _Known(manifest.templates, vectors)
