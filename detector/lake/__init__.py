"""The lake: Parquet tables that appear only when durable, and the one writer of them."""

from detector.lake.tables import TABLES, Table, as_stored, decisions_frame
from detector.lake.writer import LakeWriter

__all__ = ["TABLES", "LakeWriter", "Table", "as_stored", "decisions_frame"]
