"""What a user may have meant by a name that does not exist; nothing rather than something foolish."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from cnlu.i18n import _

MIN_SIMILARITY = 0.7
"""difflib's ratio from which a name counts as a misspelling: `layer` and `layers` have .91, `lr` and `layers` .5."""

SYNONYMS: Mapping[str, tuple[str, ...]] = {
    "lr": ("learning_rate",),
    "rate": ("learning_rate",),
    "epoch": ("epochs", "passes"),
    "epochs": ("epochs", "passes"),
    "num_epochs": ("epochs", "passes"),
    "num_train_epochs": ("epochs", "passes"),
    "passes": ("passes", "epochs"),
    "steps": ("--max-steps", "epochs"),
    "max_steps": ("--max-steps", "epochs"),
    "num_steps": ("--max-steps", "epochs"),
    "total_steps": ("--max-steps", "epochs"),
    "bs": ("batch_size", "batch_tokens"),
    "batch": ("batch_size", "batch_tokens"),
    "batch_size": ("batch_size", "batch_tokens"),
    "batch_sizes": ("batch_size", "batch_tokens"),
    "train_batch_size": ("batch_size", "batch_tokens"),
    "wd": ("weight_decay",),
    "decay": ("weight_decay",),
    "l2": ("weight_decay",),
    "drop": ("dropout",),
    "drop_rate": ("dropout",),
    "dropout_rate": ("dropout",),
    "hidden_dropout_prob": ("dropout",),
    "max_len": ("max_length", "length"),
    "max_length": ("max_length", "length"),
    "maxlen": ("max_length", "length"),
    "seq_len": ("max_length", "length"),
    "max_seq_len": ("max_length", "length"),
    "max_seq_length": ("max_length", "length"),
    "positions": ("max_position_embeddings",),
    "n_positions": ("max_position_embeddings",),
    "width": ("width", "hidden_size"),
    "hidden_size": ("width",),
    "dim": ("width", "hidden_size"),
    "embedding_dimension": ("width",),
    "hidden_dim": ("width", "hidden_size"),
    "units": ("width",),
    "ffn": ("feedforward", "intermediate_size"),
    "feedforward": ("feedforward", "intermediate_size"),
    "intermediate_size": ("feedforward",),
    "layers": ("layers", "num_hidden_layers"),
    "num_layers": ("layers", "num_hidden_layers"),
    "n_layers": ("layers", "num_hidden_layers"),
    "num_hidden_layers": ("layers",),
    "number_of_transformer_layers": ("layers",),
    "heads": ("heads", "num_attention_heads"),
    "num_heads": ("heads", "num_attention_heads"),
    "n_heads": ("heads", "num_attention_heads"),
    "num_attention_heads": ("heads",),
    "number_of_attention_heads": ("heads",),
    "grad_clip": ("clip",),
    "max_grad_norm": ("clip",),
    "gradient_accumulation_steps": ("accumulate",),
    "grad_accum": ("accumulate",),
    "gradient_checkpointing": ("checkpointing",),
    "early_stopping": ("patience",),
    "warmup_ratio": ("warmup",),
    "warmup_steps": ("warmup",),
    "lr_scheduler": ("schedule",),
    "scheduler": ("schedule",),
    "optim": ("optimizer",),
    "mask_rate": ("rate",),
    "mlm_probability": ("rate",),
    "ema": ("average",),
    "fp16": ("precision",),
    "bf16": ("precision",),
    "amp": ("precision",),
    "random_seed": ("seed",),
    "val_split": ("dev_fraction",),
    "validation_split": ("dev_fraction",),
}
"""What other tools and papers call a setting (transformers, Keras, Rasa); the first that exists here is meant."""

OPTIONS = {"--max-steps": "run"}
"""Options that are no settings, and the section beside which they are meant."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that is most like this one, if it could be a misspelling."""
    close = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=MIN_SIMILARITY)
    return close[0] if close else None


def did_you_mean(meant: str | None) -> str:
    """The fix of an error about a name that does not exist; empty where nothing is like it."""
    return _("did you mean {name}?", name=repr(meant)) if meant else ""


def meant_section(name: str, inside: Iterable[str], sections: Mapping[str, Iterable[str]]) -> str | None:
    """For an unknown section with these settings inside: a section, or the first setting that exists elsewhere."""
    if close := nearest(name, sections):
        return close
    found = (elsewhere(key, sections) for key in inside)
    return next((setting for setting in found if setting), None)


def meant_setting(name: str, section: str, sections: Mapping[str, Iterable[str]]) -> str | None:
    """For an unknown setting of a known section: one of that section, `section.setting` of another, or an option."""
    own = list(sections[section])
    for other in SYNONYMS.get(name.lower(), ()):
        if other in own or OPTIONS.get(other) == section:
            return other
    return nearest(name, own) or elsewhere(name, sections, section)


def elsewhere(name: str, sections: Mapping[str, Iterable[str]], but: str = "") -> str | None:
    """The setting of this name, or what its synonym is called here, as `section.setting` of a section (not `but`)."""
    for wanted in (name, *SYNONYMS.get(name.lower(), ())):
        if OPTIONS.get(wanted) in sections:
            return wanted
        for section in sorted(sections, key=_training_first):
            if section != but and wanted in sections[section]:
                return f"{section}.{wanted}"
    return None


def _training_first(section: str) -> bool:
    """Most of what several sections have is meant of the training, `training` here and `run` in pretraining."""
    return section not in ("training", "run")
