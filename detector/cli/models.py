"""``gillnet models``: the registry of models, and which of them decides."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
import typer
from rich.table import Table
from rich.text import Text

from detector.cli.console import ERR, OUT, print_json
from detector.cli.epilogs import as_written
from detector.cli.models_shown import show_comparison
from detector.comparison import Compared
from detector.comparison import compare as compare_models
from detector.contract.errors import UsageError
from detector.contract.labels import read_labels
from detector.policy import policy_from
from detector.serving import champion_of
from detector.settings import load_settings
from detector.sql import Lake
from features.catalogue import DEFAULT
from models import registry
from models.folder import read_manifest

if TYPE_CHECKING:
    from detector.settings import Settings
    from models import Model
    from models.folder import Manifest

LIST_EXAMPLE: Final = """
Examples:
  gillnet models list
  gillnet models list --json
"""
ADD_EXAMPLE: Final = """
Examples:
  gillnet models add model
  gillnet models add model --promote
"""
COMPARE_EXAMPLE: Final = """
Examples:
  gillnet models compare
  gillnet models compare 15a6a5a4bb62 --days 30 --labels labels.csv --json
"""
PROMOTE_EXAMPLE: Final = """
Examples:
  gillnet models promote 15a6a5a4bb62
  gillnet models promote 15a6
"""
ROLLBACK_EXAMPLE: Final = """
Example:
  gillnet models rollback
"""
ARCHIVE_EXAMPLE: Final = """
Example:
  gillnet models archive 15a6a5a4bb62
"""

RegistryDir = Annotated[Path | None, typer.Option(help="The registry's folder.  [default: the setting registry_dir]")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
Version = Annotated[str, typer.Argument(metavar="MODEL", help="Its version as `list` shows it, or how that begins.")]

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@app.callback()
def _models() -> None:
    """Keep models, compare challengers with the champion, and say which decides."""


@app.command("list", epilog=as_written(LIST_EXAMPLE))
def list_(registry_dir: RegistryDir = None, json: Json = False) -> None:
    """List the models of the registry: the champion, challengers, archived ones."""
    settings = load_settings(registry_dir=registry_dir)
    rows = registry.listed(settings.registry_dir)
    if json:
        kept = registry.read_registry(settings.registry_dir)
        history = [{"at": e.at, "action": e.action, "version": e.version} for e in kept.history]
        models = [{"version": m.version, "role": role, **_about(m)} for m, role in rows]
        print_json({"champion": kept.champion, "models": models, "history": history})
        return
    if not rows:
        OUT.print(f"no models in {settings.registry_dir}: `gillnet models add FOLDER` brings one in")
        return
    table = Table("model", "role", "features", "accounts", "bots", "review from", box=None, pad_edge=False)
    for manifest, role in rows:
        about = _about(manifest)
        cells = (manifest.version, role, *("" if value is None else f"{value:,}" for value in about.values()))
        table.add_row(*map(Text, cells))
    OUT.print(table)
    _warn_if_pinned(settings)


@app.command(epilog=as_written(ADD_EXAMPLE))
def add(
    model: Annotated[Path, typer.Argument(metavar="FOLDER", help="A model folder, as `gillnet train` writes it.")],
    promote: Annotated[bool, typer.Option("--promote", help="Let it decide at once.")] = False,
    registry_dir: RegistryDir = None,
    json: Json = False,
) -> None:
    """Copy a model into the registry, as a challenger.

    A running stream takes it up within seconds: it scores every event in shadow, its scores go to the lake
    (table shadow_scores), and it decides nothing until it is promoted.
    """
    settings = load_settings(registry_dir=registry_dir)
    _check_features(read_manifest(model))
    version = registry.add(settings.registry_dir, model, _now_ms())
    if promote:
        registry.promote(settings.registry_dir, version, _now_ms())
    _say(settings, version, json)


@app.command(epilog=as_written(COMPARE_EXAMPLE))
def compare(
    model: Annotated[
        str | None, typer.Argument(metavar="MODEL", help="A challenger, as `list` shows it.  [default: each of them]")
    ] = None,
    days: Annotated[int, typer.Option(min=1, help="Compare over the last days that it scored.")] = 7,
    labels: Annotated[Path | None, typer.Option(help="A file of labels.  [default: those of the lake]")] = None,
    limit: Annotated[int, typer.Option(min=0, help="Accounts to name of each kind.")] = 10,
    lake_dir: Annotated[Path | None, typer.Option(help="The lake's folder.  [default: the setting lake_dir]")] = None,
    registry_dir: RegistryDir = None,
    json: Json = False,
) -> None:
    """Compare challengers with the champion, on the events that both have scored.

    From the lake: how often both call for the same verdict, who would be blocked and would not be any more (by the
    highest score of each, from the events_min-th event on), and how well both do on labelled accounts.
    """
    settings = load_settings(registry_dir=registry_dir, lake_dir=lake_dir)
    chosen = registry.read_registry(settings.registry_dir).challengers
    if model is not None:
        chosen = (registry.find(settings.registry_dir, model),)
    if not chosen:
        raise UsageError("no challengers to compare: `gillnet models add FOLDER` brings one in")
    lake, champion = Lake(settings.lake_dir), _compared(settings, champion_of(settings))
    known = None if labels is None else read_labels(labels)
    challengers = [_compared(settings, registry.load_version(settings.registry_dir, each)) for each in chosen]
    found = [compare_models(lake, champion, each, days, known) for each in challengers]
    if json:
        print_json([msgspec.to_builtins(each) for each in found])
        return
    for each in found:
        show_comparison(each, limit)


def _compared(settings: Settings, model: Model) -> Compared:
    return Compared(model.version, policy_from(settings, model.thresholds))


@app.command(epilog=as_written(PROMOTE_EXAMPLE))
def promote(model: Version, registry_dir: RegistryDir = None, json: Json = False) -> None:
    """Let a model decide; the one before is archived.

    A running stream takes it up within 5 seconds, between two batches, without a restart. A model that does not
    fit (checksum, features) is refused here, and again by the stream, which then keeps the champion it has.
    """
    settings = load_settings(registry_dir=registry_dir)
    version = registry.find(settings.registry_dir, model)
    _check_features(read_manifest(registry.model_path(settings.registry_dir, version)))
    registry.promote(settings.registry_dir, version, _now_ms())
    _say(settings, version, json)


@app.command(epilog=as_written(ROLLBACK_EXAMPLE))
def rollback(registry_dir: RegistryDir = None, json: Json = False) -> None:
    """Let the model decide again that did before the last promotion.

    A running stream takes it up as it takes up a promotion. Before the first promotion that is the model that
    ships with Gillnet.
    """
    settings = load_settings(registry_dir=registry_dir)
    _say(settings, registry.rollback(settings.registry_dir, _now_ms()), json)


@app.command(epilog=as_written(ARCHIVE_EXAMPLE))
def archive(model: Version, registry_dir: RegistryDir = None, json: Json = False) -> None:
    """Let a challenger score no more; it stays in the registry."""
    settings = load_settings(registry_dir=registry_dir)
    _say(settings, registry.archive(settings.registry_dir, model, _now_ms()), json)


def _about(manifest: Manifest) -> dict[str, float | int | None]:
    accounts, bots = (manifest.training.get(name) for name in ("labelled_accounts", "bots"))
    review = manifest.thresholds["review"].score
    return {"features": len(manifest.features), "accounts": accounts, "bots": bots, "review": round(review, 4)}


def _check_features(manifest: Manifest) -> None:
    missing = sorted(set(manifest.features) - set(DEFAULT.names))
    if missing:
        raise UsageError(
            f"model {manifest.version} reads features that Gillnet does not compute: {', '.join(missing)}; "
            "train it again with `gillnet train`"
        )


def _say(settings: Settings, version: str | None, json: bool) -> None:
    role = "champion" if version is None else registry.read_registry(settings.registry_dir).role(version)
    if json:
        print_json({"version": version, "role": role})
        return
    name = "the model that ships with Gillnet" if version is None else version
    parts = {"champion": "the champion", "challenger": "a challenger", "archived": "archived"}
    OUT.print(f"{name} is {parts[role]} now")
    if role == "champion":
        _warn_if_pinned(settings)


def _warn_if_pinned(settings: Settings) -> None:
    if settings.model_dir is not None:
        ERR.print(
            f"model_dir is set to {settings.model_dir}: with it that model decides, whatever the registry says",
            markup=False,
        )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
