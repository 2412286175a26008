"""The component in a real Rasa: the attributes it sets, other components beside it, and when it trains again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.rasa, pytest.mark.slow]

FULL = "models/full.tar.gz"
TRAINS, RESTORED = "Starting to train component 'CnluClassifier'.", "Restored component 'CnluClassifier' from cache."


@pytest.fixture(scope="module")
def full(driver: Any, trained: str) -> Any:
    """Parses with the bot that `rasa train` made."""
    return lambda *texts: driver.parse(FULL, *texts)


def test_a_message_gets_intent_ranking_and_entities_with_roles_and_confidences(full: Any) -> None:
    text = "帮我订从广州到北京的票"
    (result,) = full(text)
    assert result["intent"]["name"] == "book_ticket"
    ranking = result["intent_ranking"]
    assert ranking[0] == result["intent"]
    assert {item["name"] for item in ranking} == {"greet", "goodbye", "book_ticket", "ask_train", "faq"}
    assert [item["confidence"] for item in ranking] == sorted((i["confidence"] for i in ranking), reverse=True)
    assert [(text[e["start"] : e["end"]], e["entity"], e["role"]) for e in result["entities"]] == [
        ("广州", "city", "from"),
        ("北京", "city", "to"),
    ]
    for entity in result["entities"]:
        assert entity["extractor"] == "CnluClassifier"
        assert 0 < entity["confidence_entity"] <= 1
        assert 0 < entity["confidence_role"] <= 1


def test_synonyms_of_annotations_and_sections_apply(full: Any) -> None:
    texts = ("魔都去北京的票有吗", "想买去羊城的高铁票")
    annotated, listed = ([e["value"] for e in result["entities"]] for result in full(*texts))
    assert annotated == ["上海", "北京"]
    assert listed == ["广州"]


def test_a_retrieval_intent_has_rasa_s_name_and_the_response_selector_answers_it(full: Any) -> None:
    (result,) = full("儿童票多少钱")
    assert result["intent"]["name"] == "faq"
    assert result["response_selector"]["all_retrieval_intents"] == ["faq"]
    assert result["response_selector"]["default"]["response"]["intent_response_key"] == "faq/child"


def test_an_empty_message_falls_back(full: Any) -> None:
    (empty,) = full("")
    assert empty["intent"]["name"] == "nlu_fallback"
    assert empty["entities"] == []


def test_a_message_that_names_its_intent_keeps_it(full: Any) -> None:
    (result,) = full('/book_ticket{"city": "哈尔滨"}')
    assert (result["intent"]["name"], result["intent"]["confidence"]) == ("book_ticket", 1.0)
    assert [(e["entity"], e["value"]) for e in result["entities"]] == [("city", "哈尔滨")]


def test_rasa_s_process_does_not_import_torch(full: Any, driver: Any) -> None:
    full("你好")
    assert driver.ask("modules")["heavy"] == []


def test_a_trained_model_is_used_as_it_is_beside_another_extractor(bot: Any, driver: Any, ready: Path) -> None:
    regexes = {"name": "RegexEntityExtractor", "use_word_boundaries": False}
    pipeline = [regexes, *bot.alone(model="ready", ranking_length=2)]
    answer = driver.train(pipeline, "ready-made")
    assert "CnluClassifier: uses the trained model ready" in answer["log"]
    (result,) = driver.parse(answer["model"], "我要去南京的车票")
    assert len(result["intent_ranking"]) == 2
    assert {(e["extractor"], e["value"]) for e in result["entities"]} == {
        ("RegexEntityExtractor", "南京"),
        ("CnluClassifier", "南京"),
    }


def test_a_warning_names_intents_that_a_trained_model_lacks(bot: Any, driver: Any, ready: Path) -> None:
    more = 'version: "3.1"\nnlu:\n- intent: complain\n  examples: |\n    - 太慢了\n    - 真糟糕\n'
    (bot.folder / "complaints.yml").write_text(more, encoding="utf-8")
    answer = driver.train(bot.alone(model="ready"), "unknown-intent", data="complaints.yml")
    assert any("does not know the intents complain" in line for line in answer["log"])


def test_another_component_can_classify_the_intent(bot: Any, driver: Any, ready: Path) -> None:
    pipeline = [{"name": "KeywordIntentClassifier"}, *bot.alone(model="ready", intent_classification=False)]
    (result,) = driver.parse(driver.train(pipeline, "entities-only")["model"], "你好 去南京")
    assert result["intent"] == {"name": "greet", "confidence": 1.0}
    assert [e["value"] for e in result["entities"]] == ["南京"]


def test_rasa_s_cache_restores_an_unchanged_model_and_trains_a_changed_one(bot: Any, driver: Any, ready: Path) -> None:
    def train(**options: Any) -> list[str]:
        log: list[str] = driver.train(bot.alone(**options), "cached")["log"]
        return log

    settings = bot.folder / "settings.yaml"
    small = "model: {members: 1, layers: 0}\ntraining: {min_epochs: 1, max_epochs: %d}\n"
    settings.write_text(small % 2, encoding="utf-8")
    quick = {"trainer": bot.nlu_server[0], "config": "settings.yaml"}
    assert TRAINS in train(**quick)
    assert RESTORED in train(**quick)
    settings.write_text(small % 1, encoding="utf-8")
    assert TRAINS in train(**quick)
    assert TRAINS in train(**quick, set={"training.seed": 2})
    copied = bot.folder / "copied"
    shutil.copytree(ready, copied)
    assert TRAINS in train(model="copied")
    assert RESTORED in train(model="copied")
    subprocess.run(
        [
            bot.nlu_server[0],
            "-m",
            "cnlu",
            "train",
            bot.folder / "data" / "nlu.yml",
            "--out",
            copied,
            "--force",
            "--config",
            settings,
        ],
        env=bot.environment,
        check=True,
        capture_output=True,
    )
    assert TRAINS in train(model="copied")


def test_finetuning_continues_from_the_model(bot: Any, driver: Any) -> None:
    pipeline = bot.alone(trainer=bot.nlu_server[0], set=bot.quick)
    first = driver.train(pipeline, "first")["model"]
    more = (bot.folder / "data" / "nlu.yml").read_text("utf-8").replace("    - 你好\n", "    - 你好\n    - 幸会幸会\n")
    (bot.folder / "more-nlu.yml").write_text(more, encoding="utf-8")
    answer = driver.train(pipeline, "second", data="more-nlu.yml", finetune=first, epoch_fraction=0.2)
    assert "error" not in answer
    assert any("intents known, 0 new" in line for line in answer["log"])
    assert driver.parse(answer["model"], "幸会幸会")[0]["intent"]["name"] == "greet"
    assert driver.parse(answer["model"], "你好")[0]["intent"]["name"] == "greet"


def test_rasa_core_talks_to_an_nlu_server_instead(bot: Any, driver: Any, ready: Path) -> None:
    port = bot.free_port()
    with bot.serving([*bot.nlu_server, "ready", "--port", str(port)], port, "/") as url:
        answer = driver.ask("talk", model=FULL, texts=["你好", "G12晚点了吗"], nlu=url)
    assert answer["said"] == [["您好"], ["准点"]]
    assert [parsed["intent"]["name"] for parsed in answer["parsed"]] == ["greet", "ask_train"]
    assert "response_selector" not in answer["parsed"][1]  # Rasa's own NLU graph is skipped


@pytest.mark.parametrize("force", [False, True])
def test_an_interpreter_without_torch_is_refused_before_anything_is_trained(bot: Any, driver: Any, force: bool) -> None:
    pipeline = [{"name": "JiebaTokenizer"}, {"name": "CountVectorsFeaturizer"}, *bot.alone(trainer=bot.python)]
    answer = driver.train(pipeline, "no-torch", nlu_only=False, force=force, data="data")
    assert answer["error"].startswith("InvalidConfigException: CnluClassifier in config.yml: trainer: ")
    assert "lacks torch" in answer["error"]
    assert force or not any("train component" in line for line in answer["log"])


def test_an_error_names_all_three_ways_to_a_model(bot: Any, driver: Any) -> None:
    error = driver.train(bot.alone(), "no-way")["error"]
    assert "torch is not installed beside Rasa" in error
    assert "trainer: /path/to/python" in error
    assert "model: DIR" in error


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"trainr": "x"}, "trainr: unknown option; use 'trainer' if that was meant."),
        ({"model": "nowhere"}, "nowhere: there is no such directory"),
        ({"model": "ready", "trainer": "python"}, "trainer: has no effect with `model`"),
    ],
    ids=["unknown option", "no model", "two ways"],
)
def test_a_wrong_option_is_refused_with_one_sentence(
    bot: Any, driver: Any, options: dict[str, Any], message: str
) -> None:
    assert message in driver.train(bot.alone(**options), "refused")["error"]


def test_a_failed_training_reports_the_trainer_s_error(bot: Any, driver: Any) -> None:
    plain = 'version: "3.1"\nnlu:\n- intent: greet\n  examples: |\n    - 你好\n    - 您好\n'
    (bot.folder / "plain.yml").write_text(plain, encoding="utf-8")
    options = {"trainer": bot.nlu_server[0], "set": {"model.intent_weight": 0}}
    error = driver.train(bot.alone(**options), "failed", data="plain.yml")["error"]
    assert "nothing is left to learn, because model.intent_weight is 0; annotate some first" in error
    assert "Traceback" not in error


def test_an_archive_with_a_damaged_model_is_refused_with_a_sentence(bot: Any, driver: Any, ready: Path) -> None:
    model = bot.folder / driver.train(bot.alone(model="ready"), "to-damage")["model"]
    unpacked = bot.folder / "damage"
    shutil.unpack_archive(model, unpacked, "gztar")
    (graph,) = unpacked.glob("components/*/model/model.onnx")
    graph.write_bytes(b"")
    shutil.make_archive(str(bot.folder / "models" / "damaged"), "gztar", unpacked)
    error = json.dumps(driver.ask("parse", model="models/damaged.tar.gz", texts=["你好"]), ensure_ascii=False)
    assert "model.onnx: is truncated" in error
