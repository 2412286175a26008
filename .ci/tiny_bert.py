"""A random BERT of two narrow layers as a Hugging Face directory: `tiny_bert.py FOLDER DATA`.

Its vocabulary is the characters of DATA's texts. For tests and checks that need an encoder but not a trained one.
"""

from __future__ import annotations

import sys
from pathlib import Path


def write_tiny_bert(folder: Path, data: Path, layers: int = 2) -> Path:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizer

    from cnlu.data.load import load_data

    folder.mkdir(parents=True)
    characters = {ch for example in load_data(data).examples for ch in example.text.lower() if not ch.isspace()}
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *sorted(characters)]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", encoding="utf-8")
    torch.manual_seed(5)
    sizes = {"hidden_size": 32, "num_hidden_layers": layers, "num_attention_heads": 2, "intermediate_size": 64}
    BertModel(BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    write_tiny_bert(Path(sys.argv[1]), Path(sys.argv[2]))
