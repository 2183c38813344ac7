"""Settings every test shares."""

import os

from hypothesis import settings

# Kernels compile on first use and the machine may be busy: time limits would fail for reasons that are not bugs.
settings.register_profile("gillnet", deadline=None)
settings.load_profile("gillnet")


def pytest_report_header() -> str:
    """Say on which brokers the flow tests run."""
    both = "embedded, Apache Kafka"
    return f"brokers: {both if os.environ.get('KAFKA_HOME') else 'embedded (KAFKA_HOME names no Apache Kafka to add)'}"
