import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dashboards.alerts import ALERTS, rules_file
from dashboards.export import PROMETHEUS_FILE, export

UP = {'gillnet_build_info{version="1"}': "1x200", "gillnet_ticks_total": "0+60x200"}
READING = {
    "gillnet_events_read_total": "0+6000x200",
    'gillnet_consumer_lag_events{partition="0"}': "20x200",
}
OUTCOMES = {
    'gillnet_events_total{outcome="processed"}': "0+5990x200",
    'gillnet_events_total{outcome="dead"}': "0+10x200",
    'gillnet_lake_rows_total{table="events"}': "0+5990x200",
}
QUICK = {
    'gillnet_end_to_end_seconds_bucket{le="0.1"}': "0+5990x200",
    'gillnet_end_to_end_seconds_bucket{le="1"}': "0+5990x200",
    'gillnet_end_to_end_seconds_bucket{le="5"}': "0+5990x200",
    'gillnet_end_to_end_seconds_bucket{le="+Inf"}': "0+5990x200",
}
SLOW = {
    'gillnet_end_to_end_seconds_bucket{le="0.1"}': "0+5000x200",
    'gillnet_end_to_end_seconds_bucket{le="1"}': "0+5000x200",
}
BLOCKS = 'gillnet_decisions_total{verdict="block",shadow="false"}'
WELL = {
    **UP,
    **READING,
    **OUTCOMES,
    **QUICK,
    BLOCKS: "0+2x200",
    "gillnet_worker_restarts_total": "0x50 1x150",
    "gillnet_broker_up": "1x50 0 1x150",
    "gillnet_watermark_delay_seconds": "2x200",
    "gillnet_models_refused_total": "0x200",
    'gillnet_drift{column="score"}': "0.05x200",
    "gillnet_calibration_error": "0.04x200",
    'gillnet_calibration_accounts{label="bot"}': "80x200",
    'gillnet_calibration_accounts{label="human"}': "400x200",
}
# What must go wrong, on top of all being well, for each alert: a series, and how it runs by the minute.
WRONG: dict[str, dict[str, str]] = {
    "GillnetDown": {'gillnet_build_info{version="1"}': "1x150 stale"},
    "GillnetHung": {"gillnet_ticks_total": "0+60x150 9000x50"},
    "GillnetNotReading": {
        "gillnet_events_read_total": "0+6000x150 900000x50",
        'gillnet_events_total{outcome="processed"}': "0+5990x150 898500x50",
        'gillnet_events_total{outcome="dead"}': "0+10x150 1500x50",
    },
    "GillnetBrokerAway": {"gillnet_broker_up": "1x150 0x50"},
    "GillnetFallingBehind": {'gillnet_consumer_lag_events{partition="0"}': "20x150 20+9000x50"},
    "GillnetSlow": SLOW,
    "GillnetDeadLettersMany": {'gillnet_events_total{outcome="dead"}': "0+2000x200"},
    "GillnetDeadLetters": {'gillnet_events_total{outcome="dead"}': "0+100x200"},
    "GillnetBlockWave": {BLOCKS: "0+2x150 300+20x50"},
    "GillnetWorkersRestart": {"gillnet_worker_restarts_total": "0x180 0+1x20"},
    "GillnetWatermarkStuck": {"gillnet_watermark_delay_seconds": "2x150 0+60x50"},
    "GillnetDrift": {'gillnet_drift{column="score"}': "0.05x20 0.4x180"},
    "GillnetMiscalibrated": {"gillnet_calibration_error": "0.04x20 0.3x180"},
    "GillnetModelRefused": {"gillnet_models_refused_total": "0x160 1x40"},
    "GillnetLakeNotWriting": {'gillnet_lake_rows_total{table="events"}': "0+5990x150 898500x50"},
}
# Only a comparison with the day before needs a day of samples.
WHEN = {"GillnetBlockWave": {"step": 10, "at": 156}}
ALSO = {"GillnetDeadLettersMany": {"GillnetDeadLetters"}}


def _fires(
    promtool: str, folder: Path, series: dict[str, str], firing: set[str], *, step: int = 1, at: int = 190
) -> None:
    """Let promtool play the series, a sample every ``step`` minutes, and compare what fires at a sample."""
    (folder / "rules.yml").write_text(rules_file())
    expected: list[dict[str, Any]] = [
        {
            "eval_time": f"{at * step}m",
            "alertname": alert.name,
            "exp_alerts": [
                {
                    "exp_labels": {"severity": alert.severity},
                    "exp_annotations": {"summary": alert.summary, "what_to_do": alert.what_to_do},
                }
            ]
            if alert.name in firing
            else [],
        }
        for alert in ALERTS
    ]
    test = {
        "interval": f"{step}m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": expected,
    }
    file = folder / "test.yml"
    file.write_text(json.dumps({"rule_files": ["rules.yml"], "evaluation_interval": f"{step}m", "tests": [test]}))
    done = subprocess.run([promtool, "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_exported_files(promtool: str, tmp_path: Path):
    export(tmp_path, "127.0.0.1:9464")
    done = subprocess.run(
        [promtool, "check", "config", str(tmp_path / PROMETHEUS_FILE)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(ALERTS)} rules found" in done.stdout


def test_nothing_fires_while_all_is_well(promtool: str, tmp_path: Path):
    _fires(promtool, tmp_path, WELL, set())


def test_nothing_but_down_fires_before_the_first_start(promtool: str, tmp_path: Path):
    _fires(promtool, tmp_path, {}, {"GillnetDown"})


def test_a_wave_of_blocks_needs_a_day_to_compare_with(promtool: str, tmp_path: Path):
    _fires(promtool, tmp_path, {**WELL, BLOCKS: "0+20x200"}, set(), at=45)


def test_a_few_labels_do_not_make_a_model_miscalibrated(promtool: str, tmp_path: Path):
    few = {'gillnet_calibration_accounts{label="bot"}': "12x200", "gillnet_calibration_error": "0.3x200"}
    _fires(promtool, tmp_path, {**WELL, **few}, set())


@pytest.mark.parametrize("name", WRONG)
def test_an_alert_fires_when_it_should_and_alone(name: str, promtool: str, tmp_path: Path):
    _fires(promtool, tmp_path, {**WELL, **WRONG[name]}, {name} | ALSO.get(name, set()), **WHEN.get(name, {}))


def test_every_alert_is_tried_and_says_what_to_do():
    assert {alert.name for alert in ALERTS} == set(WRONG)
    for alert in ALERTS:
        assert alert.summary.endswith(".")
        assert alert.what_to_do.endswith(".")
