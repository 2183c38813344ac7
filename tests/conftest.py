"""Settings every test shares."""

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# Kernels compile on first use and the machine may be busy: time limits would fail for reasons that are not bugs.
settings.register_profile("gillnet", deadline=None)
settings.load_profile("gillnet")


def pytest_report_header() -> str:
    """Say on which brokers the flow tests run."""
    both = "embedded, Apache Kafka"
    return f"brokers: {both if os.environ.get('KAFKA_HOME') else 'embedded (KAFKA_HOME names no Apache Kafka to add)'}"


@pytest.fixture(scope="session")
def program() -> Callable[[str], ModuleType]:
    """Load a program of ``benchmarks/`` by its name; they are in no package."""

    def load(name: str) -> ModuleType:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / "benchmarks" / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module

    return load
