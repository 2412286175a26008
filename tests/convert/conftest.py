"""The command line."""

from tests.command_line import cli

__all__ = ["cli"]
