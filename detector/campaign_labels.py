"""What analysts do with campaigns: look at those in the lake, and say of one that it is bots or benign.

What they say is kept in the setting ``campaigns_dir``: texts of bots in the bank of known templates, benign ones in the
allow-list. A running stream takes both up when they change.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from detector.campaign_files import Label, allowed_file, templates_file
from detector.campaigns import Allowed, add_allowed, read_allowed
from detector.campaigns.allowed import write_allowed
from detector.contract.errors import GillnetError, UsageError
from models.bank import TemplateBank, read_labels
from models.encoder import StaticEncoder

if TYPE_CHECKING:
    from pathlib import Path

    from detector.settings import Settings
    from detector.sql import Lake

_LATEST: Final = """
SELECT * EXCLUDE (date) FROM campaigns
QUALIFY row_number() OVER (PARTITION BY campaign_id ORDER BY updated_at DESC, messages DESC) = 1
""".strip()


def open_bank(settings: Settings) -> TemplateBank:
    """Open the bank of known templates; UsageError if it or the encoder cannot be read."""
    return TemplateBank.load(templates_file(settings), StaticEncoder.load(settings.encoder_dir))


def campaigns_in(lake: Lake, settings: Settings, status: str | None, limit: int) -> list[dict[str, Any]]:
    """Return the campaigns of a lake as they were last told, most members first, with the labels analysts gave."""
    query = f"FROM ({_LATEST}) WHERE coalesce(status = ?::VARCHAR, true) ORDER BY members DESC, campaign_id LIMIT ?"
    return _labelled(lake.rows(query, [status, limit]), settings)


def campaign_in(lake: Lake, settings: Settings, campaign_id: str) -> dict[str, Any]:
    """Return one campaign as it was last told; GillnetError if the lake has none with this id."""
    query = f"FROM ({_LATEST}) WHERE campaign_id = ?"
    found = _labelled(lake.rows(query, [campaign_id]), settings)
    if not found:
        raise GillnetError(f"the lake knows no campaign {campaign_id!r}; `gillnet campaigns list` shows those it knows")
    return found[0]


def label_campaign(lake: Lake, settings: Settings, campaign_id: str, label: Label) -> int:
    """Label a campaign and keep its texts accordingly; return how many of them were not kept so before.

    What was said of it before no longer counts. UsageError if it is part of another campaign by now.
    """
    campaign = campaign_in(lake, settings, campaign_id)
    if campaign["merged_into"]:
        raise UsageError(f"{campaign_id} is part of {campaign['merged_into']} now: label that one")
    bank, path, texts = open_bank(settings), allowed_file(settings), campaign["examples"] or []
    if label is Label.BOT:
        _take_back(path, campaign_id)
        count = bank.add(texts, campaign_id, label)
        bank.save(templates_file(settings))
        return count
    if bank.remove(campaign_id):
        bank.save(templates_file(settings))
    known = {(entry.text, entry.allowed) for entry in read_allowed(path)}
    new = [Allowed(text=text, campaign_id=campaign_id) for text in texts if (text, True) not in known]
    add_allowed(path, new)
    return len(new)


def _take_back(path: Path, campaign_id: str) -> None:
    """Forbid what the allow-list allowed of a campaign: what was learned would else come back."""
    entries = read_allowed(path)
    if any(entry.campaign_id == campaign_id and entry.allowed for entry in entries):
        write_allowed(path, [entry if entry.campaign_id != campaign_id else entry.forbidden() for entry in entries])


def _labelled(campaigns: list[dict[str, Any]], settings: Settings) -> list[dict[str, Any]]:
    labels: dict[str, str] = read_labels(templates_file(settings))
    for entry in read_allowed(allowed_file(settings)):
        if entry.campaign_id is not None and entry.allowed:
            labels[entry.campaign_id] = Label.BENIGN
    return [campaign | {"label": labels.get(campaign["campaign_id"], campaign["label"])} for campaign in campaigns]
