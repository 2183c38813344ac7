"""Compile the kernels for one catalogue.

The template (`features.kernels`) is copied into the folder of compiled kernels, with the catalogue's own constants and
its own ``evaluate`` beside it, and imported from there. numba then takes every place in a record for a number, and
keeps what it compiled, as for any other file.
"""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import sys
import tempfile
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from detector.contract.kernel_cache import CACHE_DIR
from features.plan import Plan, compile_plan

if TYPE_CHECKING:
    from collections.abc import Callable

    from features.views import Catalogue

_TEMPLATE: Final = Path(__file__).parent / "kernels"
_CONSTANTS: Final = '''"""What one catalogue fixes."""

import numpy as np

'''
_EVALUATE: Final = '''"""One line for each feature of one catalogue."""

import numpy as np

from detector.contract.jit import kernel
from features.arrays import *

from .constants import *
from .reading import *

nan = np.nan


@kernel
def evaluate(s, r, vector):
    q = 4 * r
'''


class Compiled:
    """A catalogue's plan and its kernels; ``fingerprint`` names both."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        sources = {"constants.py": _constants(plan.constants), "evaluate.py": _evaluate(plan.lines)}
        self.fingerprint = hashlib.blake2b("".join(sources.values()).encode(), digest_size=8).hexdigest()
        package = f"gillnet_kernels_{self.fingerprint}"
        if package not in sys.modules:
            _import(package, _written(CACHE_DIR / package, sources))
        self.process: Callable[..., bool] = import_module(f"{package}.process").process
        self.sweep: Callable[..., int] = import_module(f"{package}.sweep").sweep
        self.moves = import_module(f"{package}.moves")


@cache
def specialise(catalogue: Catalogue) -> Compiled:
    """Compile a catalogue, or take what was compiled for it before."""
    return Compiled(compile_plan(catalogue))


def _written(folder: Path, sources: dict[str, str]) -> Path:
    """Write the package, unless it is there; many processes may do so at once, and the first one wins."""
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f"{folder.name}."))
        for path in _TEMPLATE.glob("*.py"):
            (draft / path.name).write_bytes(path.read_bytes())
        for name, source in sources.items():
            (draft / name).write_text(source)
        try:
            draft.rename(folder)
        except OSError:
            shutil.rmtree(draft)
    return folder


def _import(package: str, folder: Path) -> None:
    spec = importlib.util.spec_from_file_location(
        package, folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[package] = module
    spec.loader.exec_module(module)


def _constants(constants: dict[str, Any]) -> str:
    return _CONSTANTS + "".join(f"{name} = {_literal(value)}\n" for name, value in constants.items())


def _literal(value: Any) -> str:  # noqa: ANN401  # numbers and arrays of them
    if isinstance(value, np.ndarray):
        return f"np.array({value.tolist()!r}, np.{value.dtype.name})"
    return f"np.uint64({int(value)})" if isinstance(value, np.uint64) else repr(value)


def _evaluate(lines: tuple[str, ...]) -> str:
    return _EVALUATE + "".join(f"    vector[{i}] = {line}\n" for i, line in enumerate(lines))
