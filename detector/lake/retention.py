"""Days of the lake that are older than they may become."""

from __future__ import annotations

import datetime
import re
import shutil
from pathlib import Path
from typing import Final

from detector.contract.durable import sync_folder
from detector.lake.tables import TABLES

_DAY: Final = re.compile(r"date=(\d{4}-\d{2}-\d{2})")


def delete_old_days(lake_dir: Path, today: datetime.date, days: int) -> tuple[Path, ...]:
    """Delete the folders of days before the last ``days``, today included; name them. Rows without a day stay."""
    oldest = today - datetime.timedelta(days=days - 1)
    old = [folder for table in TABLES for folder in (lake_dir / table).glob("date=*") if _is_before(folder, oldest)]
    for folder in old:
        shutil.rmtree(folder)
        sync_folder(folder.parent)
    return tuple(old)


def _is_before(folder: Path, oldest: datetime.date) -> bool:
    named = _DAY.fullmatch(folder.name)
    return named is not None and datetime.date.fromisoformat(named[1]) < oldest
