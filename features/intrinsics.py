"""Processor instructions that numba has no name for, to be called from kernels only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array
from numpy.typing import NDArray

# Kernels keep these instructions in their cache: by the next line this file counts among those that name its folder.
from detector.contract.jit import kernel  # noqa: F401

_array_of: Final[Any] = make_array  # numba carries no types
_BYTE_POINTER: Final = ir.IntType(8).as_pointer()
_INT: Final = ir.IntType(32)
_TO_READ, _KEEP_CLOSE, _OF_DATA = _INT(0), _INT(3), _INT(1)


@intrinsic
def _prefetch(typing: Any, array: Any, index: Any) -> Any:  # noqa: ANN401, ARG001  # numba calls it, with its own types
    if not (isinstance(array, types.Array) and isinstance(index, types.Integer)):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        data = _array_of(array)(context, builder, values[0])
        stride = builder.extract_value(data.strides, 0)
        place = context.cast(builder, values[1], signature.args[1], types.intp)
        address = builder.gep(builder.bitcast(data.data, _BYTE_POINTER), [builder.mul(place, stride)])
        fetch = builder.module.declare_intrinsic(
            "llvm.prefetch", [_BYTE_POINTER], ir.FunctionType(ir.VoidType(), [_BYTE_POINTER, _INT, _INT, _INT])
        )
        builder.call(fetch, [address, _TO_READ, _KEEP_CLOSE, _OF_DATA])
        return context.get_dummy_value()

    return types.void(array, index), generate


@intrinsic
def _trailing_zeros(typing: Any, x: Any) -> Any:  # noqa: ANN401, ARG001
    if x != types.uint64:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401, ARG001
        return builder.cttz(values[0], ir.IntType(1)(0))

    return types.int64(x), generate


@intrinsic
def _ones(typing: Any, x: Any) -> Any:  # noqa: ANN401, ARG001
    if x != types.uint64:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401, ARG001
        return builder.ctpop(values[0])

    return types.int64(x), generate


prefetch: Final = cast(Callable[[NDArray[Any], int | np.integer[Any]], None], _prefetch)
"""Have the processor fetch the cache line of ``array[index]``; any index is safe, none changes a result."""

trailing_zeros: Final = cast(Callable[[np.uint64], int], _trailing_zeros)
"""Count the zero bits below the lowest one of a uint64; 64 if it is 0."""

ones: Final = cast(Callable[[np.uint64], int], _ones)
"""Count the one bits of a uint64."""
