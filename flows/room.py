"""What a full disk does: the stream stops with one line that says which, and goes on from there when there is room."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from detector.contract.errors import GillnetError
from detector.settings import Settings

_NO_ROOM: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SAID: Final = ("no space left on device", "disk is full", "quota exceeded")
"""How libraries put it that have errors of their own: polars, SQLite."""
_LEAST_BYTES: Final = 64 << 10
"""With less left a failure that does not say why (Bytewax panics) was this one."""
_MIB: Final = 1 << 20


class NoRoomError(GillnetError):
    """A disk is full; another start would only find it so again."""


@contextmanager
def no_room_said(settings: Settings) -> Iterator[None]:
    """Raise NoRoomError in place of whatever a full disk of the state or the lake made fail."""
    try:
        yield
    except NoRoomError:
        raise
    except BaseException as error:
        if isinstance(error, Exception) and (_says_so(error) or min(_free(settings).values()) < _LEAST_BYTES):
            raise NoRoomError(_explain(settings)) from error
        raise


def _says_so(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in _NO_ROOM:
            return True
        if any(words in str(cause).lower() for words in _SAID):
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _free(settings: Settings) -> dict[str, int]:
    return {
        f"{name} ({path})": shutil.disk_usage(_there(path)).free
        for name, path in (("state", settings.state_dir), ("lake", settings.lake_dir))
    }


def _there(path: Path) -> Path:
    return next(folder for folder in (path, *path.absolute().parents) if folder.is_dir())


def _explain(settings: Settings) -> str:
    free = _free(settings)
    name = min(free, key=lambda each: free[each])
    return (
        f"no room is left on the disk of the {name}, {free[name] / _MIB:.1f} MiB are free: make room and start again; "
        "it goes on where it stopped, and nothing is lost"
    )
