"""What is known of accounts for certain: of all labels about an account, the one that counts."""

from __future__ import annotations

from typing import Final

import polars as pl

TRUST: Final = {"analyst": 2, "appeal": 2, "import": 1}
"""Sources whose labels count by themselves; the higher win over the lower. A label without a source was imported."""


def trusted_labels(labels: pl.DataFrame) -> pl.DataFrame:
    """Keep of each account the label of its most trusted source, of several the latest; in the order of accounts.

    ``labels`` has the columns of the lake's table ``labels`` or of a label file; reports are no labels here.
    """
    trust = pl.col("source").fill_null("import").replace_strict(TRUST, default=0, return_dtype=pl.Int8)
    ranked = labels.with_columns(trust=trust).filter(pl.col("trust") > 0)
    ordered = ranked.sort("account_id", "trust", "labelled_at", "label", nulls_last=False, maintain_order=True)
    return ordered.unique("account_id", keep="last", maintain_order=True).drop("trust")
