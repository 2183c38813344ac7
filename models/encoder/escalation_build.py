"""Make MiniLM's int8 folder, once on each machine that escalates: ``python -m models.encoder.escalation_build FOLDER``.

An export can go wrong without a word, so what comes out is held against torch before it is kept; how far int8 moves the
vectors is written into the card.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.contract.errors import UsageError
from models.encoder.escalation import CARD, MODEL, TOKENIZER, OnnxSession
from models.encoder.extras import needed
from models.encoder.teacher import NAME, WEIGHTS_SHA256, minilm_folder

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

COSINE_MIN: Final = 0.999
"""Least cosine of the export with torch, over the check texts, for a build to be kept."""
_OPSET: Final = 17
_MASKED: Final = -10_000.0  # what BERT adds to the attention that is paid to padding
_CHECKED: Final = (
    "hello",
    "!!!",
    "how are you doing today?",
    "add me on telegram, i have something to show you",
    "invest 500 dollars and get 5000 back within a week, ask me how",
    "I went to the lake with my sister last weekend and we got completely soaked by the rain, it was great fun though",
    "\u043f\u0440\u0438\u0432\u0435\u0442, \u043a\u0430\u043a \u0434\u0435\u043b\u0430?",
    "with an emoji \U0001f600 and a link: example.com/path?x=1",
)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Cosines with torch over the check texts, which go through in one padded batch."""

    exported: float
    """The least."""
    int8: float
    """The least; of odd texts, such as three exclamation marks, it is far below the mean."""
    int8_mean: float


def build(folder: Path) -> Agreement:
    """Export MiniLM to ONNX, check it, shrink it to int8 and write the folder.

    Raises UsageError if a package is missing, or if the export does not agree with torch.
    """
    source = minilm_folder()
    expected = _by_torch(source, _CHECKED)
    with tempfile.TemporaryDirectory() as scratch:
        plain, small = Path(scratch) / "plain.onnx", Path(scratch) / MODEL
        _export(source, plain)
        exported = float(_cosines(plain, source, expected).min())
        if exported < COSINE_MIN:
            msg = f"expected the exported MiniLM to agree with torch to a cosine of {COSINE_MIN}, got {exported:.4f}"
            raise UsageError(msg)
        quantization = needed("onnxruntime.quantization")
        quantization.quantize_dynamic(plain, small, weight_type=quantization.QuantType.QInt8, per_channel=True)
        cosines = _cosines(small, source, expected)
        found = Agreement(exported, float(cosines.min()), float(cosines.mean()))
        _keep(folder, small, source / TOKENIZER, found)
    return found


def _by_torch(source: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    model = needed("sentence_transformers").SentenceTransformer(str(source), device="cpu")
    return np.asarray(model.encode(list(texts), normalize_embeddings=True), np.float32)


def _cosines(model: Path, source: Path, expected: NDArray[np.float32]) -> NDArray[np.float32]:
    ours = OnnxSession(model, source / TOKENIZER).vectors(_CHECKED)
    return np.asarray(np.einsum("ij,ij->i", ours, expected))


def _export(source: Path, to: Path) -> None:
    """Export with places and mask made explicit: left to itself, the exporter freezes those of its example."""
    torch, model = needed("torch"), _pooled(source)
    ids = torch.tensor([[101, 7592, 2129, 2024, 2017, 102], [101, 7592, 102, 0, 0, 0]])
    sizes = {0: "texts", 1: "tokens"}
    with torch.inference_mode():
        torch.onnx.export(
            model,
            (ids, (ids > 0).long()),
            str(to),
            input_names=["input_ids", "attention_mask"],
            output_names=["vectors"],
            dynamic_axes={"input_ids": sizes, "attention_mask": sizes, "vectors": {0: "texts"}},
            opset_version=_OPSET,
            dynamo=False,
        )


def _pooled(source: Path) -> Any:  # noqa: ANN401  # torch has no types here
    """Wrap MiniLM's layers: ids and mask in, the mean of what is no padding out, made unit length."""
    torch = needed("torch")
    bert = needed("transformers").AutoModel.from_pretrained(source, attn_implementation="eager").eval()

    class Pooled(torch.nn.Module):  # type: ignore[misc, name-defined]  # torch has no types here
        def __init__(self) -> None:
            super().__init__()
            self.bert = bert

        def forward(self, input_ids: Any, attention_mask: Any) -> Any:  # noqa: ANN401
            places = torch.arange(input_ids.shape[1])[None]
            hidden = self.bert.embeddings(
                input_ids=input_ids, token_type_ids=torch.zeros_like(input_ids), position_ids=places
            )
            hidden_from = (1.0 - attention_mask[:, None, None, :].to(hidden.dtype)) * _MASKED
            for layer in self.bert.encoder.layer:
                found = layer(hidden, attention_mask=hidden_from)
                hidden = found[0] if isinstance(found, tuple) else found
            kept = attention_mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * kept).sum(1) / kept.sum(1).clamp(min=1e-9)
            return mean / mean.norm(dim=-1, keepdim=True)

    return Pooled()


def _keep(folder: Path, model: Path, tokenizer: Path, found: Agreement) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD).unlink(missing_ok=True)
    shutil.copyfile(model, folder / MODEL)
    shutil.copyfile(tokenizer, folder / TOKENIZER)
    card = {"model": NAME, "licence": "Apache-2.0", "sha256": WEIGHTS_SHA256, "cosines_with_torch": asdict(found)}
    (folder / CARD).write_text(json.dumps(card, indent=2) + "\n", encoding="utf-8", newline="\n")


def main() -> None:
    """Read the folder's name and build."""
    parser = argparse.ArgumentParser(prog="python -m models.encoder.escalation_build", description=__doc__)
    parser.add_argument("folder", type=Path)
    try:
        found = build(parser.parse_args().folder)
    except UsageError as error:
        sys.exit(f"escalation: {error}")
    int8 = f"{found.int8:.3f} at least and {found.int8_mean:.3f} in the mean as int8"
    sys.stdout.write(f"cosine with torch: {found.exported:.5f} at least as exported, {int8}\n")


if __name__ == "__main__":
    main()
