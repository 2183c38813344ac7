from pathlib import Path

import pytest

from detector.contract.errors import UsageError
from detector.simulator import Scenario, Simulation, known_scenarios, load_scenario
from detector.simulator.scenario import BOT_FAMILIES, HUMAN_FAMILIES

EXAMPLE = Path("data/scenarios/example.toml")


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", known_scenarios())
def test_a_built_in_scenario_runs_by_its_name(name):
    scenario = load_scenario(name)
    assert scenario.name == name
    assert len(list(Simulation(scenario, 1, 50))) == 50


def test_the_example_is_a_scenario_by_its_path(pytestconfig):
    assert load_scenario(pytestconfig.rootpath / EXAMPLE).name == "example"


def test_the_demo_explains_every_key(pytestconfig):
    text = (pytestconfig.rootpath / "detector/simulator/scenarios/demo.toml").read_text()
    assert all(f"{key} = " in text or f"[{key}]" in text for key in Scenario.__dataclass_fields__ if key != "name")


def test_the_demo_has_every_family():
    demo = load_scenario("demo")
    assert set(demo.humans) == set(HUMAN_FAMILIES)
    assert set(demo.bot_families) == set(BOT_FAMILIES)


def test_keys_left_out_keep_their_defaults(tmp_path):
    assert load_scenario(written(tmp_path, "bots = 0.5")) == Scenario("mine", bots=0.5)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bots = 2", "bots is a share from 0 to 1, got 2"),
        ("bots = 'many'", "bots must be of type float, got 'many'"),
        ("accounts = true", "accounts must be of type int"),
        ("accounts = 1", "accounts must be at least 10, got 1"),
        ("acounts = 5", "unknown keys ['acounts']; known keys: accounts, bot_families"),
        ("start = 2025-03-03T00:00:00", "start needs an offset"),
        ("[bot_families]\nrobots = 1", "unknown bot_families ['robots']; known: link_spammer"),
        ("[humans]\nnormal = 0", "humans needs weights"),
        ("[humans]\nnormal = 'x'", "humans needs weights"),
        ("late_seconds = -1", "late_seconds must be at least 0"),
        ("bots = nan", "bots is a share"),
        ("bots =", "is not valid TOML"),
    ],
)
def test_a_wrong_scenario_says_what_is_wrong(tmp_path, text, told):
    with pytest.raises(UsageError) as error:
        load_scenario(written(tmp_path, text))
    assert told in str(error.value)


def test_an_unknown_scenario_names_the_known_ones():
    with pytest.raises(UsageError, match="built-in ones: demo, load, train"):
        load_scenario("nope")
