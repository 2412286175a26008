"""Entry point of the command `cnlu`: installs the signal handlers before importing anything large."""

from __future__ import annotations

from cnlu import interrupts


def main() -> int:
    """Run the command of `sys.argv`; returns the exit code."""
    interrupts.listen()
    try:
        try:
            from cnlu.cli import main as run

            return run()
        finally:
            interrupts.end()
    except interrupts.Stop as stop:  # the signal came outside the handlers in cnlu.cli
        code = interrupts.stopped(stop.number)
        interrupts.end()
        return code
