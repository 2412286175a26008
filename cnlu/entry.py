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
    except interrupts.Stop as stop:  # between the lines that handle it
        code = interrupts.stopped(stop.number)
        interrupts.end()
        return code
