"""Puts the board into a Grafana: creates what is missing, updates what differs, leaves the rest alone."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final
from urllib.parse import urlsplit

from grafana_client.api import GrafanaApi
from grafana_client.client import GrafanaClientError, GrafanaException, GrafanaTimeoutError
from niquests.exceptions import RequestException  # what grafana-client lets through when nobody answers

from dashboards.board import TITLE, UID, build
from detector.contract.errors import GillnetError, UsageError

MESSAGE_MAX: Final = 300  # what is not Grafana may answer with a whole page
NOT_FOUND: Final = 404
NOT_ALLOWED: Final = (401, 403)
GIVEN_BY_GRAFANA: Final = ("id", "version")
HOW_TO_AUTHORISE: Final = (
    "make a service account token with the Editor role in Grafana (Administration, Service accounts) "
    "and set it in GILLNET_GRAFANA_TOKEN"
)


class Outcome(StrEnum):
    """What pushing did to the board."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"


def push(url: str, token: str | None) -> Outcome:
    """Create or update the folder and the board; pushing twice changes nothing."""
    where = without_credentials(url)
    if not token:
        raise UsageError(f"pushing to {where} needs a token: {HOW_TO_AUTHORISE}")
    grafana: Any = GrafanaApi.from_url(url.rstrip("/") + "/", credential=token)
    try:
        _check_is_grafana(grafana, where)
        _ensure_folder(grafana)
        return _put_board(grafana)
    except GrafanaTimeoutError as error:
        raise GillnetError(f"Grafana at {where} did not answer in time; is it well?") from error
    except GrafanaException as error:
        raise GillnetError(_explain(error, where)) from error
    except RequestException as error:
        raise GillnetError(
            f"no Grafana answers at {where}; start it, or name another with --url or GILLNET_GRAFANA_URL"
        ) from error


def without_credentials(url: str) -> str:
    """Shorten a Grafana URL to what may be shown."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("a Grafana URL looks like https://grafana.example.org or http://127.0.0.1:3000/grafana")
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _explain(error: GrafanaException, where: str) -> str:
    if error.status_code in NOT_ALLOWED:
        return f"Grafana at {where} refuses the token ({error.status_code}): {HOW_TO_AUTHORISE}"
    return f"Grafana at {where} answered: {str(error.message)[:MESSAGE_MAX]}"


def _check_is_grafana(grafana: Any, where: str) -> None:  # noqa: ANN401 -- the API carries no types
    about = grafana.client.GET("/frontend/settings")  # unlike /health, also there on Amazon's managed Grafana
    if not isinstance(about, dict) or "buildInfo" not in about:
        raise GillnetError(f"what answers at {where} is not Grafana; check the URL and its path")


def _ensure_folder(grafana: Any) -> None:  # noqa: ANN401 -- the API carries no types
    try:
        grafana.folder.get_folder(UID)
    except GrafanaClientError as error:
        if error.status_code != NOT_FOUND:
            raise
        grafana.folder.create_folder(TITLE, uid=UID)


def _current_board(grafana: Any) -> dict[str, Any] | None:  # noqa: ANN401 -- the API carries no types
    try:
        board: dict[str, Any] = grafana.dashboard.get_dashboard(UID)
    except GrafanaClientError as error:
        if error.status_code != NOT_FOUND:
            raise
        return None
    return board


def _put_board(grafana: Any) -> Outcome:  # noqa: ANN401 -- the API carries no types
    board, current = build(), _current_board(grafana)
    if current is not None and _same(board, current):
        return Outcome.UNCHANGED
    grafana.dashboard.update_dashboard(
        {"dashboard": board, "folderUid": UID, "overwrite": True, "message": "gillnet dashboards push"}
    )
    return Outcome.CREATED if current is None else Outcome.UPDATED


def _same(board: dict[str, Any], current: dict[str, Any]) -> bool:
    held = {key: value for key, value in current.get("dashboard", {}).items() if key not in GIVEN_BY_GRAFANA}
    return held == board and current.get("meta", {}).get("folderUid") == UID
