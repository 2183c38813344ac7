"""The model folder: trees, card and plots as plain files that anyone can read, and nothing that runs.

``model.txt``   the trees in LightGBM's own text format
``model.json``  a ``Manifest``: what the trees need to be a model, with the checksum of ``model.txt``
``reference.json``  a ``Reference``: what it was trained on, for a stream to be compared with; may be missing
``card.md``     what it was trained on, how well it does and where it ends, for people
``plots/``      the card's pictures

The same model gives the same bytes: nothing in a folder depends on when or where it was written.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import msgspec

from detector.contract.errors import UsageError
from models.calibration import Calibration, Isotonic, Platt
from models.compiled_trees import header_of
from models.drift import SCHEMA as REFERENCE_SCHEMA
from models.drift import SCORE, Reference
from models.model import STEPS, Model

if TYPE_CHECKING:
    from collections.abc import Mapping

SCHEMA: Final = "gillnet.model/1"
MODEL_TEXT: Final = "model.txt"
MANIFEST: Final = "model.json"
REFERENCE: Final = "reference.json"
CARD: Final = "card.md"
PLOTS: Final = "plots"


class Threshold(msgspec.Struct, frozen=True):
    """A cut on the score and the share of human accounts it was chosen to pass at most."""

    score: float
    false_positive_rate: float


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """``model.json``: all of a model but its trees."""

    schema: str = SCHEMA
    version: str = ""
    model_sha256: str
    catalogue: str
    features: tuple[str, ...]
    calibration: Platt | Isotonic
    thresholds: dict[str, Threshold]
    training: dict[str, Any] = {}

    def named_by_content(self) -> Manifest:
        """Return it with the version its content gives it."""
        content = msgspec.json.encode(msgspec.structs.replace(self, version=""), order="sorted")
        return msgspec.structs.replace(self, version=hashlib.sha256(content).hexdigest()[:12])


def catalogue_version(names: tuple[str, ...]) -> str:
    """Name a list of features by its content."""
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:12]


def manifest_of(
    model_text: str,
    features: tuple[str, ...],
    catalogue: tuple[str, ...],
    calibration: Calibration,
    thresholds: Mapping[str, Threshold],
    training: Mapping[str, Any],
) -> Manifest:
    """Describe a model; ``catalogue`` is every feature there was to choose from."""
    return Manifest(
        model_sha256=_sha256(model_text.encode()),
        catalogue=catalogue_version(catalogue),
        features=features,
        calibration=calibration,
        thresholds=dict(thresholds),
        training=dict(training),
    ).named_by_content()


def model_of(manifest: Manifest, model_text: str, reference: Reference | None = None) -> Model:
    """Put a model together from its manifest and trees, and what it was trained on."""
    return Model(
        version=manifest.version,
        feature_names=manifest.features,
        thresholds={step: manifest.thresholds[step].score for step in STEPS},
        calibration=manifest.calibration,
        model_text=model_text,
        reference=reference,
    )


def save(
    folder: Path,
    manifest: Manifest,
    model_text: str,
    card: str,
    plots: Mapping[str, bytes],
    reference: Reference | None = None,
) -> None:
    """Write a model folder; the manifest comes last, so that a folder half written does not load."""
    (folder / PLOTS).mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    (folder / MODEL_TEXT).write_text(model_text, encoding="utf-8", newline="\n")
    (folder / REFERENCE).unlink(missing_ok=True)
    if reference is not None:
        (folder / REFERENCE).write_bytes(msgspec.json.encode(reference) + b"\n")
    (folder / CARD).write_text(card, encoding="utf-8", newline="\n")
    for name, picture in plots.items():
        (folder / PLOTS / name).write_bytes(picture)
    encoded = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    (folder / MANIFEST).write_bytes(encoded)


def load(folder: Path) -> Model:
    """Load a model, having checked schema and checksum."""
    manifest = read_manifest(folder)
    content = _read(folder, MODEL_TEXT)
    if _sha256(content) != manifest.model_sha256:
        _refuse(
            folder / MODEL_TEXT,
            f"the trees that {MANIFEST} names (sha256 {manifest.model_sha256[:12]}…)",
            f"sha256 {_sha256(content)[:12]}…",
        )
    try:
        text = content.decode()
        columns = int(header_of(text)["max_feature_idx"]) + 1
    except ValueError as error:
        _refuse(folder / MODEL_TEXT, "a model in LightGBM's text format", str(error))
    if columns != len(manifest.features):
        _refuse(folder / MANIFEST, f"the names of the trees' {columns} features", f"{len(manifest.features)} names")
    return model_of(manifest, text, _reference(folder, manifest.features))


def _reference(folder: Path, features: tuple[str, ...]) -> Reference | None:
    """Read and check ``reference.json``, if there is one."""
    path = folder / REFERENCE
    if not path.exists():
        return None
    try:
        reference = msgspec.json.decode(_read(folder, REFERENCE), type=Reference)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _refuse(path, f"what a model was trained on ({REFERENCE_SCHEMA})", str(error))
    if reference.schema != REFERENCE_SCHEMA or reference.columns != (*features, SCORE):
        _refuse(path, f"{REFERENCE_SCHEMA} of the model's {len(features)} features", "that of others")
    sizes = {len(reference.edges), len(reference.shares), len(reference.columns)}
    if len(sizes) > 1 or any(len(s) != len(e) + 2 for e, s in zip(reference.edges, reference.shares, strict=True)):
        _refuse(path, "edges and shares for each column", "another number of them")
    return reference


def read_manifest(folder: Path) -> Manifest:
    """Read and check ``model.json``."""
    content = _read(folder, MANIFEST)
    try:
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema != SCHEMA:
            _refuse(folder / MANIFEST, f"schema {SCHEMA}", repr(schema)[:80])
        manifest = msgspec.json.decode(content, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        _refuse(folder / MANIFEST, f"a model's description ({SCHEMA})", str(error))
    missing = [step for step in STEPS if step not in manifest.thresholds]
    if missing:
        _refuse(folder / MANIFEST, f"thresholds for {', '.join(STEPS)}", f"none for {', '.join(missing)}")
    return manifest


class _Schema(msgspec.Struct):
    schema: str


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        _refuse(folder, f"a model folder with {MANIFEST} and {MODEL_TEXT}", f"no {name}")
    except OSError as error:
        _refuse(folder / name, "a file that can be read", error.strerror or "an error")


def _refuse(place: Path, expected: str, got: str) -> NoReturn:
    msg = f"{place}: expected {expected}, got {got}; train a model with `gillnet train`, or copy the whole folder again"
    raise UsageError(msg)


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
