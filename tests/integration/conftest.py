"""Lends the world of the scenarios to the integration tests."""

from tests.scenarios.conftest import begin

__all__ = ["begin"]
