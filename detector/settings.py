"""Settings: flags win over environment (``GILLNET_…``), which wins over ``gillnet.toml``."""

from __future__ import annotations

import difflib
import os
import tomllib
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, PositiveFloat, PositiveInt, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
    TomlConfigSettingsSource,
)

from detector.contract.errors import UsageError

Share = Annotated[float, Field(ge=0, le=1)]
Port = Annotated[int, Field(ge=0, le=65535)]


class Settings(BaseSettings):
    """Everything a deployment can set. ``gillnet.example.toml`` documents each with its default."""

    model_config = SettingsConfigDict(
        env_prefix="GILLNET_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
    )

    # Kafka
    bootstrap_servers: str = "127.0.0.1:9092"
    kafka: dict[str, str] = Field({}, repr=False)  # passed to librdkafka as they are: security.protocol, sasl.*, ssl.*
    consumer_group: str = "gillnet"
    events_topic: str = "events"
    decisions_topic: str = "decisions"
    scores_topic: str = "scores"
    labels_topic: str = "labels"
    campaigns_topic: str = "campaigns"
    dead_letters_topic: str = "events.dlq"
    topic_partitions: PositiveInt = 4  # for topics Gillnet creates itself
    batch_events_max: PositiveInt = 10_000
    fetch_wait_ms: PositiveInt = 5

    # The stream
    workers: PositiveInt = 1
    shards: PositiveInt = 16  # fixed once a deployment has state
    account_ttl_days: PositiveFloat = 90.0  # an account idle for longer is forgotten, and begins anew
    accounts_max: PositiveInt = 4_000_000  # held by each worker; when there are more, the most idle are forgotten
    entities_max: PositiveInt = 4_000_000  # shared entities likewise
    state_dir: Path = Path("state")
    epoch_seconds: PositiveFloat = 1.0
    publish_scores: bool = False

    # Events
    event_bytes_max: PositiveInt = 256 * 1024
    event_time_min: str = "2000-01-01T00:00:00Z"
    event_future_seconds_max: PositiveFloat = 86_400.0
    lateness_seconds: PositiveFloat = 3_600.0  # held beyond the longest window
    idle_partition_seconds: PositiveFloat = 30.0  # after which the watermark no longer waits for it

    # Texts
    encoder_dir: Path | None = None  # none: the encoder shipped with Gillnet; a static sentence-transformers model
    categories_dir: Path | None = None  # none: the category model shipped with Gillnet
    escalation_dir: Path = Path("escalation")  # the larger encoder for messages in doubt; without it none is escalated
    escalations_per_second: PositiveFloat = 50.0  # of such messages, at most
    text_groups_max: PositiveInt = 1 << 18  # groups of near duplicates held, at some 430 bytes each
    campaigns_dir: Path = Path("campaigns")  # what analysts said: templates of bots, and texts that are allowed

    # Judging
    model_dir: Path | None = None  # none: the registry's champion, or else the model shipped with Gillnet
    registry_dir: Path = Path("registry")  # models: champion, challengers, archived
    review_threshold: Share | None = None  # none: as the model's card sets it
    challenge_threshold: Share | None = None
    limit_threshold: Share | None = None
    block_threshold: Share | None = None
    events_min: PositiveInt = 5  # an account with fewer is never judged
    review_hours: PositiveFloat = 168.0
    challenge_hours: PositiveFloat = 24.0
    limit_hours: PositiveFloat = 24.0
    block_hours: PositiveFloat = 720.0
    shadow: bool = False

    # The lake
    lake_dir: Path = Path("lake")
    lake_flush_seconds: PositiveFloat = 30.0
    lake_retention_days: PositiveInt | None = None  # older days are deleted; none: kept
    lake_vectors_share: Share = 0.01  # of scored events that keep their feature vector, besides decisions

    # Erasure
    erasure_key: str | None = Field(None, repr=False)  # none: one in state_dir, made when first needed

    # Metrics
    metrics_host: str = "127.0.0.1"
    metrics_port: Port = 9464

    # Grafana
    grafana_url: str = "http://127.0.0.1:3000"
    grafana_token: str | None = Field(None, repr=False)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: flags, environment, file."""
        del dotenv_settings, file_secret_settings
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file()))


SECRETS = frozenset({"erasure_key", "grafana_token", "kafka"})
"""Settings whose values are never shown."""


def config_file() -> Path:
    """Name the settings file: ``GILLNET_CONFIG`` (which ``--config`` sets), else ``gillnet.toml``."""
    return Path(os.environ.get("GILLNET_CONFIG", "gillnet.toml"))


def load_settings(**flags: Any) -> Settings:  # noqa: ANN401 -- flags are as various as the settings
    """Read the settings; a flag that is None was not given and leaves the setting to the other sources."""
    path = config_file()
    if "GILLNET_CONFIG" in os.environ and not path.is_file():
        raise UsageError(f"no settings file {str(path)!r}; --config or GILLNET_CONFIG names it")
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        return Settings(**given)
    except ValidationError as error:
        raise UsageError("; ".join(_explain(detail, given) for detail in error.errors())) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not valid TOML: {error}") from error
    except SettingsError as error:
        raise UsageError(f"{error}; in the environment a table is written as JSON") from error


def _explain(detail: ErrorDetails, flags: dict[str, Any]) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    name = str(detail["loc"][0]) if detail["loc"] else "?"
    origin = _origin(name, flags)
    if detail["type"] == "extra_forbidden":
        return f"{origin} sets {key!r}, which is not a setting{_suggest(name)}"
    got = "" if name in SECRETS else f", got {detail['input']!r}"
    return f"setting {key!r} from {origin}: {_lower_first(detail['msg'])}{got}"


def _origin(name: str, flags: dict[str, Any]) -> str:
    if name in flags:
        return "the command line"
    variable = f"GILLNET_{name}".upper()
    if any(key.upper().split("__")[0] == variable for key in os.environ):
        return f"the environment ({variable})"
    return str(config_file())


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, Settings.model_fields, n=1)
    return f"; did you mean {close[0]!r}?" if close else "; gillnet.example.toml lists them all"


def _lower_first(text: str) -> str:
    return text[:1].lower() + text[1:]


def unknown_variables() -> list[str]:
    """List the ``GILLNET_…`` variables of the environment that set nothing: likely typing mistakes."""
    known = {name.upper() for name in Settings.model_fields} | {"CONFIG"}
    variables = (key for key in os.environ if key.upper().startswith("GILLNET_"))
    return sorted(key for key in variables if key.upper()[8:].split("__")[0] not in known)
