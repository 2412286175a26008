"""The command-line options that change settings."""

from __future__ import annotations

import argparse

from cnlu.config.setting import SEEDS, whole


def add_settings(parser: argparse._ActionsContainer) -> None:
    """Adds the options of every training to a parser or a group of it."""
    parser.add_argument("--config", metavar="F.yaml", help="settings; a file, or the name of a shipped one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help="override one setting, for example model.layers=1",
    )
    parser.add_argument("--seed", type=whole(0, SEEDS), metavar="N", help="fixes everything random (default 1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: CUDA when there is one")
