"""What tests of features share."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def reference() -> type:
    """Give the slow reference of all account features."""
    spec = importlib.util.spec_from_file_location("account_reference", Path(__file__).with_name("account_reference.py"))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.Reference
