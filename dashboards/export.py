"""The board, the alert rules and the settings around them as files, for those who provision from files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from dashboards.alerts import rules_file
from dashboards.board import build

BOARD_FILE: Final = "gillnet-board.json"
RULES_FILE: Final = "gillnet-alerts.yml"
PROMETHEUS_FILE: Final = "prometheus.yml"
GRAFANA_FILE: Final = "grafana-provisioning.yml"

_PROMETHEUS: Final = """\
# A whole Prometheus configuration; where you have one, take the two parts over.
rule_files:
  - {rules}
scrape_configs:
  - job_name: gillnet
    scrape_interval: 10s
    static_configs:
      - targets: ["{target}"]
"""
_GRAFANA: Final = """\
# For Grafana's provisioning/dashboards/ folder; path: where gillnet-board.json lies.
apiVersion: 1
providers:
  - name: gillnet
    folder: Gillnet
    type: file
    options:
      path: /etc/grafana/dashboards/gillnet
"""


def export(output: Path, metrics_target: str) -> list[Path]:
    """Write board, alert rules, Prometheus settings and Grafana provisioning into a folder."""
    texts = {
        BOARD_FILE: json.dumps(build(), indent=2, ensure_ascii=False) + "\n",
        RULES_FILE: rules_file(),
        PROMETHEUS_FILE: _PROMETHEUS.format(rules=RULES_FILE, target=metrics_target),
        GRAFANA_FILE: _GRAFANA,
    }
    output.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (output / name).write_text(text, encoding="utf-8")
    return [output / name for name in texts]
