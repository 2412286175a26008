"""Put an encoder into the package as the bundled one: `python .ci/bundle_encoder.py ENCODER`.

The weights are stored in float16, which halves the size of the wheel and changes no answer. The model card in the
package is written by hand and stays.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from cnlu.bundled import BUNDLED

TARGET = Path(__file__).resolve().parent.parent / "cnlu" / "encoder" / BUNDLED
COPIED = ("tokenizer.json", "tokenizer_config.json")


def main() -> None:
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    source = Path(sys.argv[1])
    TARGET.mkdir(exist_ok=True)
    weights = load_file(source / "model.safetensors")
    save_file(
        {name: weight.to(torch.float16) if weight.is_floating_point() else weight for name, weight in weights.items()},
        TARGET / "model.safetensors",
        metadata={"format": "pt"},
    )
    config = json.loads((source / "config.json").read_text("utf-8"))
    config["dtype"] = "float16"
    (TARGET / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n", "utf-8")
    for name in COPIED:
        shutil.copyfile(source / name, TARGET / name)
    (TARGET / "model.safetensors").chmod(0o644)
    print(f"{TARGET}: {sum(path.stat().st_size for path in TARGET.iterdir()) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
