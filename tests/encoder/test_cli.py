"""`cnlu encoder list|info|fetch`."""

from __future__ import annotations

import json
import logging
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cnlu import bundled
from cnlu.encoder.describe import describe
from tests.command_line import Done, cli
from tests.encoder import hub_servers
from tests.encoder.hub_servers import COMMIT, NAME, files_of

__all__ = ["cli"]

Cli = Callable[..., Done]
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture(autouse=True)
def own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Use neither the user's caches nor a network."""
    from huggingface_hub import constants

    for client in ("httpx", "httpx2"):  # handlers that other tests left behind write to closed streams
        monkeypatch.setattr(logging.getLogger(client), "disabled", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hf"))
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    name_hub(monkeypatch, NOWHERE)
    monkeypatch.setenv("MODELSCOPE_CACHE", str(tmp_path / "ms"))
    monkeypatch.setenv("MODELSCOPE_HOME", str(tmp_path / "ms-home"))
    monkeypatch.setenv("MODELSCOPE_ENDPOINT", NOWHERE)
    (tmp_path / "package").mkdir()
    monkeypatch.setattr(bundled, "PACKAGE", tmp_path / "package")


def name_hub(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Set the hub's address, as HF_ENDPOINT does in a new process."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", address + "/{repo_id}/resolve/{revision}/{filename}")


def cache_of(tmp_path: Path, name: str, encoder: Path) -> Path:
    """The folder of an encoder in the Hugging Face cache, as the library lays it out."""
    repository = tmp_path / "hf" / f"models--{name.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(COMMIT)
    return Path(shutil.copytree(encoder, repository / "snapshots" / COMMIT))


def listed(cli: Cli, *options: str) -> dict[str, Any]:
    done = cli("encoder", "list", "--format", "json", *options)
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_the_list_has_what_is_bundled_cached_and_known(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    shutil.copytree(tiny_encoder("bert"), tmp_path / "package" / "zh-mini")
    folder = cache_of(tmp_path, "BAAI/bge-small-zh-v1.5", tiny_encoder("bert"))
    old = tmp_path / "ms" / "models" / "someone" / "tiny___bert"
    shutil.copytree(tiny_encoder("electra"), old)
    entries = {entry["name"]: entry for entry in listed(cli, "--offline")["encoders"]}
    assert entries["zh-mini"]["place"] == "bundled"
    small = entries["BAAI/bge-small-zh-v1.5"]
    assert (small["place"], small["directory"], small["layers"], small["width"]) == ("cached", str(folder), 2, 32)
    assert (small["licence"], small["is_measured"]) == ("MIT", True)
    assert entries["modelscope:someone/tiny.bert"]["directory"] == str(old)
    base = entries["hfl/chinese-macbert-base"]
    assert (base["place"], base["layers"], base["width"], base["parameters"]) == ("hub", 12, 768, 102)
    assert (base["licence"], base["is_measured"]) == ("Apache-2.0", False)


def test_the_list_leaves_out_models_of_the_cache_that_are_no_encoders_or_not_whole(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    decoder = cache_of(tmp_path, "someone/decoder", tiny_encoder("bert"))
    (decoder / "config.json").write_text('{"model_type": "gpt2"}')
    (cache_of(tmp_path, "someone/partly", tiny_encoder("bert")) / "model.safetensors").unlink()
    names = [entry["name"] for entry in listed(cli, "--offline")["encoders"]]
    assert not [name for name in names if name.startswith("someone/")]


def test_the_list_says_at_once_which_hub_answers(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_servers.hugging_face({}) as hub:
        name_hub(monkeypatch, hub.address)
        start = time.monotonic()
        hubs = {entry["variable"]: entry for entry in listed(cli)["hubs"]}
        assert time.monotonic() - start < 3.5
    assert (hubs["HF_ENDPOINT"]["address"], hubs["HF_ENDPOINT"]["reachable"]) == (hub.address, True)
    assert hubs["MODELSCOPE_ENDPOINT"]["reachable"] is False
    assert "refused" in hubs["MODELSCOPE_ENDPOINT"]["reason"]


def test_the_list_asks_nobody_when_told_so(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_servers.hugging_face({}) as hub:
        name_hub(monkeypatch, hub.address)
        assert {entry["reachable"] for entry in listed(cli, "--offline")["hubs"]} == {None}
    assert hub.requests == []


def test_the_list_does_not_ask_a_hub_that_the_environment_forbids(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    hubs = {entry["variable"]: entry["reachable"] for entry in listed(cli)["hubs"]}
    assert hubs == {"HF_ENDPOINT": None, "MODELSCOPE_ENDPOINT": False}


def test_the_list_is_a_table_for_people(cli: Cli) -> None:
    lines = cli("encoder", "list").out.splitlines()
    assert lines[0].split() == ["name", "layers", "x", "width", "parameters", "MB", "licence", "measured", "place"]
    (base,) = [line for line in lines if line.startswith("hfl/chinese-macbert-base")]
    assert base.split()[1:] == ["12", "x", "768", "102", "M", "412", "Apache-2.0", "no", "not", "fetched"]
    assert f"{NOWHERE} (HF_ENDPOINT): cannot be reached" in lines[-2]


def test_an_encoder_is_described(cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    encoder = Path(shutil.copytree(tiny_encoder("electra"), tmp_path / "encoder"))
    (encoder / "README.md").write_text("---\nlanguage: zh\nlicense: apache-2.0\n---\n# Tiny\n")
    done = cli("encoder", "info", encoder)
    assert done.code == 0, done.err
    facts = dict(line.split("  ", 1) for line in done.out.splitlines())
    facts = {name: value.strip() for name, value in facts.items()}
    assert (facts["family"], facts["layers"], facts["width"]) == ("electra", "2", "32")
    assert facts["licence"] == "apache-2.0"
    assert facts["masked-LM head"] == "no"
    assert facts["weights"] == "model.safetensors"
    assert facts["tokenizer"].startswith("WordPiece, ")
    assert json.loads(cli("encoder", "info", encoder, "--format", "json").out)["parameters"] > 10_000


def test_the_description_counts_the_parameters_of_the_model(tiny_encoder: Callable[[str], Path]) -> None:
    transformers = pytest.importorskip("transformers")
    encoder = tiny_encoder("bert")
    model = transformers.AutoModel.from_pretrained(encoder)
    assert describe(encoder).parameters == sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    "family",
    ["BertForMaskedLM", "ElectraForMaskedLM", "AlbertForMaskedLM", "RobertaForMaskedLM", "DistilBertForMaskedLM"],
)
def test_a_head_for_masked_language_modelling_is_seen(tmp_path: Path, family: str) -> None:
    transformers = pytest.importorskip("transformers")
    model = getattr(transformers, family)
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    if family.startswith("Distil"):
        size = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 16}
    model(model.config_class(vocab_size=30, max_position_embeddings=16, **size)).save_pretrained(tmp_path)
    assert describe(tmp_path).has_masked_lm_head is True


def test_pickled_weights_are_described(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from safetensors.torch import load_file

    encoder = Path(shutil.copytree(tiny_encoder("bert"), tmp_path / "encoder"))
    torch.save(load_file(encoder / "model.safetensors"), encoder / "pytorch_model.bin")
    (encoder / "model.safetensors").unlink()
    found = describe(encoder)
    assert (found.weights, found.parameters) == ("pytorch_model.bin", describe(tiny_encoder("bert")).parameters)


def test_damage_is_described(tiny_encoder: Callable[[str], Path], tmp_path: Path) -> None:
    encoder = Path(shutil.copytree(tiny_encoder("bert"), tmp_path / "encoder"))
    (encoder / "tokenizer.json").write_text("{}")
    (encoder / "model.safetensors").write_bytes((encoder / "model.safetensors").read_bytes()[:5000])
    found = describe(encoder)
    assert (found.parameters, found.tokenizer) == (None, None)
    assert "damaged or not a safetensors file" in str(found.weights_problem)
    assert "tokenizer.json is damaged" in str(found.tokenizer_problem)


def test_a_model_that_is_not_here_is_not_described(cli: Cli) -> None:
    done = cli("encoder", "info", NAME)
    assert done.code == 2
    assert done.sentence == f"cnlu: {NAME}: is not on this machine; download it with `cnlu encoder fetch {NAME}`."


def test_a_model_is_fetched_into_the_cache(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hub_servers.hugging_face(files_of(tiny_encoder("bert"))) as hub:
        name_hub(monkeypatch, hub.address)
        done = cli("encoder", "fetch", NAME)
    folder = Path(done.out.strip())
    assert folder.is_relative_to(tmp_path / "hf") and (folder / "model.safetensors").exists()
    assert cli("encoder", "fetch", NAME).out == done.out  # the hub is gone


@pytest.mark.parametrize("source", [NAME, f"modelscope:{NAME}"])
def test_a_model_is_fetched_into_a_directory_with_its_card(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    files = files_of(tiny_encoder("bert"))
    out = tmp_path / "copy"
    with hub_of(source, files, monkeypatch):
        done = cli("encoder", "fetch", source, "--out", out)
    assert (done.code, done.out) == (0, f"{out}\n"), done.err
    names = {"config.json", "model.safetensors", "tokenizer.json", "README.md"}
    assert {path.name for path in out.iterdir()} == names
    assert all((out / name).read_bytes() == files[name] for name in names)
    assert [path for path in tmp_path.iterdir() if "partial" in path.name] == []


@pytest.mark.parametrize("source", [NAME, f"modelscope:{NAME}"])
def test_an_interrupted_fetch_continues(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    files = files_of(tiny_encoder("bert"))
    out = tmp_path / "copy"
    with hub_of(source, files, monkeypatch) as hub:
        hub.broken["model.safetensors"] = 1000
        broken = cli("encoder", "fetch", source, "--out", out)
        assert broken.code == 2 and "run the command again to continue the download" in broken.err
        assert not out.exists()
        hub.broken.clear()
        hub.ranges.clear()
        done = cli("encoder", "fetch", source, "--out", out)
    assert done.code == 0 and "an earlier download is continued" in done.err
    assert hub.ranges == ["bytes=1000-"]
    assert (out / "model.safetensors").read_bytes() == files["model.safetensors"]


def hub_of(source: str, files: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> Any:
    """The local hub of a name, which the client asks without waiting between its tries."""
    from contextlib import contextmanager

    @contextmanager
    def running() -> Any:
        if not source.startswith("modelscope:"):
            from huggingface_hub import constants, file_download

            monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 100)
            monkeypatch.setattr(file_download.time, "sleep", lambda _seconds: None)
            with hub_servers.hugging_face(files) as hub:
                name_hub(monkeypatch, hub.address)
                yield hub
            return
        config = pytest.importorskip("modelscope_hub.config", reason="needs the extra cnlu[modelscope]")
        from modelscope_hub import _download

        config.set_default_config(None)
        monkeypatch.setattr(_download, "DOWNLOAD_RETRY_TIMES", 0)
        with hub_servers.modelscope(files) as hub:
            monkeypatch.setenv("MODELSCOPE_ENDPOINT", hub.address)
            yield hub

    return running()


def test_a_download_of_another_revision_is_not_continued(
    tiny_encoder: Callable[[str], Path], tmp_path: Path, cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(tiny_encoder("bert"))
    with hub_of(NAME, files, monkeypatch) as hub:
        hub.broken["model.safetensors"] = 1000
        cli("encoder", "fetch", NAME, "--out", tmp_path / "copy")
        (note,) = tmp_path.rglob(".revision")
        note.write_text("another")
        (note.parent / "vocab.txt").write_text("of another revision")
        hub.broken.clear()
        hub.ranges.clear()
        assert cli("encoder", "fetch", NAME, "--out", tmp_path / "copy").code == 0
    assert hub.ranges == []
    assert not (tmp_path / "copy" / "vocab.txt").exists()


def test_an_unreachable_hub_leaves_nothing_behind(cli: Cli, tmp_path: Path) -> None:
    assert cli("encoder", "fetch", NAME, "--out", tmp_path / "copy").code == 2
    assert [path for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_a_download_that_differs_from_its_checksum_is_not_kept(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = files_of(tiny_encoder("bert"))
    out = tmp_path / "copy"
    with hub_of(NAME, files, monkeypatch) as hub:
        hub.broken["model.safetensors"] = 1000
        cli("encoder", "fetch", NAME, "--out", out)
        hub.broken.clear()
        (incomplete,) = tmp_path.rglob("model.safetensors.incomplete")
        incomplete.write_bytes(bytes(1000))
        assert (
            "the download differs from its checksum; fetch it again"
            in cli("encoder", "fetch", NAME, "--out", out).sentence
        )
        assert cli("encoder", "fetch", NAME, "--out", out).code == 0
    assert (out / "model.safetensors").read_bytes() == files["model.safetensors"]


def test_what_is_here_already_is_copied_without_a_network(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    folder = cache_of(tmp_path, NAME, tiny_encoder("bert"))
    (folder / "mine.py").write_text("code")
    done = cli("encoder", "fetch", NAME, "--out", tmp_path / "copy")
    assert done.code == 0, done.err
    assert {path.name for path in (tmp_path / "copy").iterdir()} == {
        "config.json",
        "model.safetensors",
        "tokenizer.json",
    }


def test_an_existing_directory_is_replaced_only_by_force_and_only_if_it_is_an_encoder(
    cli: Cli, tiny_encoder: Callable[[str], Path], tmp_path: Path
) -> None:
    out = tmp_path / "copy"
    (out / "photos").mkdir(parents=True)
    assert "exists already" in cli("encoder", "fetch", tiny_encoder("bert"), "--out", out).sentence
    assert "is not a encoder" in cli("encoder", "fetch", tiny_encoder("bert"), "--out", out, "--force").sentence
    shutil.rmtree(out)
    assert cli("encoder", "fetch", tiny_encoder("bert"), "--out", out).code == 0
    assert cli("encoder", "fetch", tiny_encoder("electra"), "--out", out, "--force").code == 0
    assert describe(out).family == "electra"


def test_a_model_that_is_no_encoder_is_not_kept(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with hub_servers.hugging_face({"config.json": b"{}", "README.md": b"#"}) as hub:
        name_hub(monkeypatch, hub.address)
        done = cli("encoder", "fetch", NAME, "--out", tmp_path / "copy")
    assert "so it is not an encoder; name another model" in done.sentence
    assert [path for path in tmp_path.iterdir() if "copy" in path.name] == []


def test_force_without_out_is_refused(cli: Cli) -> None:
    assert (
        cli("encoder", "fetch", NAME, "--force").sentence == "cnlu: --force: has no effect without --out; leave it out."
    )
