"""Suggests the name that a user may have meant; suggests nothing if no name is likely."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

from cnlu.i18n import _

MIN_SIMILARITY = 0.7
"""Minimum difflib ratio for a misspelling: `layer` and `layers` have .91, `lr` and `layers` .5."""

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
"""A setting's name in other tools and papers (transformers, Keras, Rasa) -> its names in cnlu; the first that exists is
suggested."""

OPTIONS = {"--max-steps": "run"}
"""Options that are not settings -> the section that only the settings of the option's command have."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name most similar to `name`, or None if none is similar enough for a misspelling."""
    matches = difflib.get_close_matches(name.lower(), list(known), n=1, cutoff=MIN_SIMILARITY)
    return matches[0] if matches else None


def did_you_mean(suggestion: str | None) -> str:
    """The fix of an error about an unknown name; empty without a suggestion."""
    return _("did you mean {name}?", name=repr(suggestion)) if suggestion else ""


def suggest_section(name: str, inside: Iterable[str], sections: Mapping[str, Iterable[str]]) -> str | None:
    """For an unknown section with the settings `inside`: a section, or the first setting that exists elsewhere."""
    if similar := nearest(name, sections):
        return similar
    settings = (find_in_sections(key, sections) for key in inside)
    return next((setting for setting in settings if setting), None)


def suggest_setting(name: str, section: str, sections: Mapping[str, Iterable[str]]) -> str | None:
    """For an unknown setting of a known section: one of that section, `section.setting` of another, or an option."""
    own = list(sections[section])
    for other in SYNONYMS.get(name.lower(), ()):
        if other in own or OPTIONS.get(other) == section:
            return other
    return nearest(name, own) or find_in_sections(name, sections, section)


def find_in_sections(name: str, sections: Mapping[str, Iterable[str]], exclude: str = "") -> str | None:
    """`section.setting` for a setting with this name or a synonym in any section except `exclude`; or an option."""
    for candidate in (name, *SYNONYMS.get(name.lower(), ())):
        if OPTIONS.get(candidate) in sections:
            return candidate
        for section in sorted(sections, key=_training_first):
            if section != exclude and candidate in sections[section]:
                return f"{section}.{candidate}"
    return None


def _training_first(section: str) -> bool:
    """Sort key: if several sections have a setting, `training` (`run` in pretraining) is the likeliest."""
    return section not in ("training", "run")
