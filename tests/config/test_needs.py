"""Settings without effect are refused: each setting declares what it needs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import pytest

from cnlu.config import Config
from cnlu.config.needs import CIRCUMSTANCES, refuse_option, refuse_without_effect, unmet_settings
from cnlu.config.setting import setting
from cnlu.errors import UsageError
from cnlu_pretrain.config import PretrainConfig


@dataclass(frozen=True)
class Shape:
    layers: int = setting(1, "", low=0)
    heads: int = setting(4, "", low=1, needs=("shape.layers",))
    kind: str = setting("plain", "", among=("plain", "deep", "wide"))
    depth: int = setting(2, "", low=1, needs=("shape.kind: deep | wide", "encoder"))
    biased: bool = setting(True, "")
    bias: float = setting(0.5, "", low=0, needs=("shape.biased: false",))


@dataclass(frozen=True)
class Settings:
    shape: Shape = field(default_factory=Shape)
    whole: Shape = field(default_factory=Shape, metadata={"needs": ("continue",)})


@pytest.mark.parametrize(
    ("shape", "problem"),
    [
        (Shape(layers=0, heads=2), "shape.heads: has no effect with shape.layers: 0; leave it out."),
        (Shape(depth=3), "shape.depth: has no effect with shape.kind: plain; leave it out."),
        (Shape(bias=0.1), "shape.bias: has no effect with shape.biased: true; leave it out."),
    ],
)
def test_a_setting_without_another_that_it_needs_is_refused(shape: Shape, problem: str) -> None:
    config = Settings(shape)
    with pytest.raises(UsageError) as caught:
        refuse_without_effect(config, unmet_settings(config))
    assert str(caught.value) == problem
    with pytest.raises(UsageError) as caught:
        refuse_without_effect(config, unmet_settings(config), "my.yaml")
    assert str(caught.value) == f"my.yaml: {problem}"


@pytest.mark.parametrize("shape", [Shape(layers=0), Shape(kind="wide", depth=3), Shape(biased=False, bias=0.1)])
def test_a_setting_is_accepted_at_its_default_or_if_its_needs_are_met(shape: Shape) -> None:
    config = Settings(shape)
    refuse_without_effect(config, unmet_settings(config))


def test_a_setting_or_section_without_a_circumstance_that_it_needs_is_refused() -> None:
    unmet = {"encoder": "has no effect here", "continue": "has no effect there"}
    refuse_without_effect(Settings(), unmet)
    with pytest.raises(UsageError, match=r"shape\.depth: has no effect here; leave it out"):
        refuse_without_effect(Settings(Shape(kind="deep", depth=3)), unmet)
    with pytest.raises(UsageError, match=r"whole\.layers: has no effect there; leave it out"):
        refuse_without_effect(Settings(whole=Shape(layers=2)), unmet)


def test_an_option_without_effect_is_refused_if_it_is_set() -> None:
    refuse_option({"--force": False, "--seed": None, "--set": []}, "has no effect")
    with pytest.raises(UsageError, match=r"--seed: has no effect; leave it out\."):
        refuse_option({"--force": False, "--seed": 0}, "has no effect")


@pytest.mark.parametrize("kind", [Config, PretrainConfig])
def test_every_need_of_a_setting_names_an_existing_setting_or_circumstance(kind: type) -> None:
    config = kind()
    for section in dataclasses.fields(kind):
        values = getattr(config, section.name)
        own = [need for f in dataclasses.fields(values) for need in f.metadata.get("needs", ())]
        for need in (*section.metadata.get("needs", ()), *own):
            if "." not in need:
                assert need in CIRCUMSTANCES, need
                continue
            name, _colon, values_needed = need.partition(": ")
            other, _dot, setting_name = name.partition(".")
            fields = {f.name: f for f in dataclasses.fields(getattr(config, other))}
            among = fields[setting_name].metadata["among"] or ("true", "false")
            assert not values_needed or set(values_needed.split(" | ")) <= set(among), need
