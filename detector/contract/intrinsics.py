"""Reading bytes 1, 8 and 32 at a time, for kernels: the processor's vectors, which numba has no names for.

None of them looks at the length of its array: whoever calls makes sure that ``MARGIN`` bytes follow the last one that
counts. LLVM turns them into the vector instructions of the processor at hand (two on AVX2).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

# Kernels keep these instructions in their cache: by the next line this file counts among those that name its folder.
from detector.contract.jit import kernel  # noqa: F401

MARGIN: Final = 64

_array_of: Final[Any] = make_array  # numba carries no types
_BYTE, _WORD, _HALF, _FLAG = ir.IntType(8), ir.IntType(64), ir.IntType(32), ir.IntType(1)
_BLOCK: Final = ir.VectorType(_BYTE, 32)
_QUOTE, _ESCAPE, _BLANK = b'"\\ '


def _instruction(define: Callable[..., Any]) -> Callable[..., Any]:
    return cast("Callable[..., Any]", intrinsic(define))  # called without the first parameter, which numba fills in


def _is_place(array: Any, at: Any) -> bool:  # noqa: ANN401
    return isinstance(array, types.Array) and array.dtype == types.uint8 and isinstance(at, types.Integer)


def _address(context: Any, builder: Any, signature: Any, values: Any, held: Any, first: int = 0) -> Any:  # noqa: ANN401
    data = _array_of(signature.args[first])(context, builder, values[first]).data
    place = context.cast(builder, values[first + 1], signature.args[first + 1], types.intp)
    return builder.bitcast(builder.gep(builder.bitcast(data, _BYTE.as_pointer()), [place]), held.as_pointer())


def _load(context: Any, builder: Any, signature: Any, values: Any, held: Any) -> Any:  # noqa: ANN401
    return builder.load(_address(context, builder, signature, values, held), align=1)


def _all(letter: int) -> ir.Constant:
    return ir.Constant(_BLOCK, [letter] * 32)


def _as_bits(builder: Any, matches: Any) -> Any:  # noqa: ANN401
    return builder.zext(builder.bitcast(matches, _HALF), _WORD)


@_instruction
def byte_at(typing: Any, array: Any, at: Any) -> Any:  # noqa: ANN401, ARG001  # numba calls it, with its own types
    """Read one byte, as an int64."""
    if not _is_place(array, at):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        return builder.zext(_load(context, builder, signature, values, _BYTE), _WORD)

    return types.int64(array, at), generate


@_instruction
def eight_at(typing: Any, array: Any, at: Any) -> Any:  # noqa: ANN401, ARG001
    """Read eight bytes as a uint64, the first one lowest."""
    if not _is_place(array, at):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        return _load(context, builder, signature, values, _WORD)

    return types.uint64(array, at), generate


@_instruction
def copy_block(typing: Any, source: Any, at: Any, target: Any, to: Any) -> Any:  # noqa: ANN401, ARG001
    """Copy 32 bytes."""
    if not (_is_place(source, at) and _is_place(target, to)):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        block = _load(context, builder, signature, values, _BLOCK)
        builder.store(block, _address(context, builder, signature, values, _BLOCK, 2), align=1)
        return context.get_dummy_value()

    return types.void(source, at, target, to), generate


@_instruction
def specials(typing: Any, array: Any, at: Any) -> Any:  # noqa: ANN401, ARG001
    """Mark which of 32 bytes are a quote, a backslash, a control letter or beyond ASCII: a bit each."""
    if not _is_place(array, at):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        block = _load(context, builder, signature, values, _BLOCK)
        ends = builder.or_(
            builder.icmp_signed("==", block, _all(_QUOTE)), builder.icmp_signed("==", block, _all(_ESCAPE))
        )
        # as signed numbers, bytes beyond ASCII are negative
        return _as_bits(builder, builder.or_(ends, builder.icmp_signed("<", block, _all(_BLANK))))

    return types.uint64(array, at), generate


@_instruction
def zeros(typing: Any, array: Any, at: Any) -> Any:  # noqa: ANN401, ARG001
    """Mark which of 32 bytes are zero: a bit each."""
    if not _is_place(array, at):
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401
        block = _load(context, builder, signature, values, _BLOCK)
        return _as_bits(builder, builder.icmp_signed("==", block, _all(0)))

    return types.uint64(array, at), generate


@_instruction
def lowest(typing: Any, bits: Any) -> Any:  # noqa: ANN401, ARG001
    """Give the place of the lowest bit set in a uint64; 64 if none is."""
    if bits != types.uint64:
        return None

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:  # noqa: ANN401, ARG001
        return builder.cttz(values[0], _FLAG(0))

    return types.int64(bits), generate
