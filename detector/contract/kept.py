"""Tables that come out the same at every start: made once on a machine, and kept beside the kernels that read them."""

from __future__ import annotations

import unicodedata
import zipfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from detector.contract.durable import write_file
from detector.contract.kernel_cache import cache_dir

Tables = Mapping[str, NDArray[Any]]


def kept(name: str, module: str, make: Callable[[], Tables], *packages: str) -> Tables:
    """Read the tables of a name, or make and keep them.

    They are made anew when any file changes that the kernels of ``module`` are made from, or Python's Unicode data, or
    one of the ``packages`` they come from. A file that cannot be read, or kept, costs the time to make them, no more.
    """
    made_from = "-".join((unicodedata.unidata_version, *map(version, packages)))
    path = cache_dir(module) / f"{name}-{made_from}.npz"
    try:
        with np.load(path, allow_pickle=False) as held:
            return {table: held[table] for table in held.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        tables = make()
        _keep(path, tables)
        return tables


def _keep(path: Path, tables: Tables) -> None:
    content = BytesIO()
    np.savez(content, allow_pickle=False, **tables)
    with suppress(OSError):
        write_file(path, content.getvalue())
