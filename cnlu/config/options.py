"""The command-line options that change settings."""

from __future__ import annotations

import argparse

from cnlu.config.setting import SEEDS, whole


def add_config(parser: argparse._ActionsContainer, example: str) -> None:
    """Adds --config and --set; `example`: an override for the help."""
    parser.add_argument("--config", metavar="F.yaml", help="settings: a file, or the name of a shipped one")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        dest="overrides",
        help=f"override one setting, for example {example}",
    )


def add_settings(parser: argparse._ActionsContainer) -> None:
    """Adds the options that all kinds of training share to a parser or an argument group."""
    add_config(parser, "model.layers=1")
    parser.add_argument("--seed", type=whole(0, SEEDS), metavar="N", help="random seed (default 1)")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="where to train (default: cuda if available)")
