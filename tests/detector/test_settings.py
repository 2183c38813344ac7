"""Settings come from flags, then the environment, then the file, and say what is wrong with them."""

import os
import re
import tomllib
from pathlib import Path

import pytest

from detector.contract.errors import UsageError
from detector.settings import Settings, load_settings, unknown_variables

EXAMPLE = Path(__file__).parents[2] / "gillnet.example.toml"


@pytest.fixture(autouse=True)
def an_empty_folder(tmp_path, monkeypatch):
    """No settings but the ones a test makes."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.upper().startswith("GILLNET_"):
            monkeypatch.delenv(name)
    return tmp_path


def written(text):
    Path("gillnet.toml").write_text(text)


def test_without_any_source_every_setting_has_its_default():
    assert load_settings() == Settings()


def test_a_flag_wins_over_the_environment_which_wins_over_the_file(monkeypatch):
    written("workers = 2\nshards = 8\nevents_min = 7")
    monkeypatch.setenv("GILLNET_WORKERS", "3")
    monkeypatch.setenv("GILLNET_SHARDS", "4")
    settings = load_settings(workers=5)
    assert (settings.workers, settings.shards, settings.events_min) == (5, 4, 7)


def test_a_flag_that_was_not_given_changes_nothing():
    written("workers = 2")
    assert load_settings(workers=None).workers == 2


def test_another_file_can_be_named(monkeypatch, tmp_path):
    (tmp_path / "other.toml").write_text("workers = 9")
    monkeypatch.setenv("GILLNET_CONFIG", str(tmp_path / "other.toml"))
    assert load_settings().workers == 9


def test_a_named_file_must_exist(monkeypatch):
    monkeypatch.setenv("GILLNET_CONFIG", "missing.toml")
    with pytest.raises(UsageError, match=re.escape("no settings file 'missing.toml'")):
        load_settings()


def test_librdkafka_options_come_as_they_are(monkeypatch):
    written('[kafka]\n"security.protocol" = "SSL"')
    assert load_settings().kafka == {"security.protocol": "SSL"}
    monkeypatch.setenv("GILLNET_KAFKA", '{"security.protocol": "SASL_SSL"}')
    assert load_settings().kafka == {"security.protocol": "SASL_SSL"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("workers = 0", "setting 'workers' from gillnet.toml: input should be greater than 0, got 0"),
        ("workers = 'two'", "'workers' from gillnet.toml: input should be a valid integer"),
        ("worker = 2", "gillnet.toml sets 'worker', which is not a setting; did you mean 'workers'?"),
        ("qqq = 2", "gillnet.example.toml lists them all"),
        ("metrics_port = 70000", "less than or equal to 65535, got 70000"),
        ("workers = = 2", "gillnet.toml is not valid TOML: "),
    ],
)
def test_a_wrong_file_names_the_key_and_what_was_expected(text, message):
    written(text)
    with pytest.raises(UsageError, match=re.escape(message)):
        load_settings()


def test_a_wrong_variable_is_named(monkeypatch):
    monkeypatch.setenv("GILLNET_WORKERS", "many")
    with pytest.raises(UsageError, match=r"from the environment \(GILLNET_WORKERS\): .*got 'many'"):
        load_settings()


def test_a_wrong_flag_is_told_from_the_other_sources(monkeypatch):
    monkeypatch.setenv("GILLNET_WORKERS", "2")
    with pytest.raises(UsageError, match="'workers' from the command line"):
        load_settings(workers=-1)


def test_a_table_that_is_not_json_is_named(monkeypatch):
    monkeypatch.setenv("GILLNET_KAFKA", "security.protocol=SSL")
    with pytest.raises(UsageError, match=r"kafka.*written as JSON"):
        load_settings()


def test_secrets_are_never_repeated():
    written('grafana_token = ["s3cret"]\n[kafka]\n"sasl.password" = ["s3cret"]')
    with pytest.raises(UsageError) as error:
        load_settings()
    assert "grafana_token" in str(error.value)
    assert "sasl.password" in str(error.value)
    assert "s3cret" not in str(error.value)


def test_variables_that_set_nothing_are_found(monkeypatch):
    monkeypatch.setenv("GILLNET_WORKRES", "2")
    monkeypatch.setenv("GILLNET_WORKERS", "2")
    monkeypatch.setenv("GILLNET_KAFKA__x", "y")
    assert unknown_variables() == ["GILLNET_WORKRES"]


def test_the_example_file_shows_every_setting_with_its_default():
    shown = tomllib.loads(EXAMPLE.read_text())
    defaults = Settings().model_dump(mode="json")
    assert shown == {name: value for name, value in defaults.items() if value is not None}
    for name, value in defaults.items():
        mark = "# " if value is None else ""
        assert re.search(rf"^({re.escape(mark)}{name} = |\[{name}\])", EXAMPLE.read_text(), re.M), name


def test_the_example_file_is_a_valid_settings_file():
    written(EXAMPLE.read_text())
    assert load_settings() == Settings()
