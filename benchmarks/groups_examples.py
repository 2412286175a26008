"""The sentences of `groups.py`: orders in two phrasings, with known and with other values."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

from cnlu.data.jsonl import write_jsonl
from cnlu.data.markup import parse_markup
from cnlu.data.schema import Example, NluData
from cnlu.data.yaml_writer import write_yaml

TESTS = {"other values": (0, 1), "other phrasing": (1, 0), "both": (1, 1)}
"""Test: indices of its lists of phrases and of values"""
TEST_SIZE = 300

VALUES = {
    "size": (("大杯", "中杯", "小杯", "超大杯"), ("特大杯", "迷你杯", "标准杯", "加大杯")),
    "drink": (
        ("拿铁", "美式", "卡布奇诺", "摩卡", "红茶", "奶茶", "豆浆", "可可", "乌龙茶", "柠檬茶", "橙汁", "酸梅汤"),
        ("玛奇朵", "冷萃咖啡", "抹茶", "茉莉花茶", "杨枝甘露", "西瓜汁", "柚子茶", "椰奶", "苏打水", "普洱"),
    ),
    "count": (("一杯", "两杯", "三杯", "一份", "两份"), ("四杯", "五杯", "三份", "半打", "六杯")),
    "temperature": (("热", "少冰", "去冰", "常温"), ("微热", "多冰", "正常冰", "温")),
    "extra": (("珍珠", "椰果", "奶油", "布丁", "燕麦奶"), ("芋圆", "奶盖", "红豆", "仙草", "脆波波")),
}
"""Type: (training values, other values)"""

OPENERS = (
    ("我要", "来", "帮我点", "我想要", "", "麻烦来", "您好，我要", "服务员，", "给我"),
    ("老板，", "点单：", "你好，我们想喝", "下单", "今天喝", "先做", "劳驾上", "就订"),
)
SEPARATORS = (
    ("和", "，再来", "，还要", "，", "加上", "，再要"),
    ("，另外加", "；然后是", "、", "，我朋友喝", "跟", "以及", "，我同事的是", "外带", "，接着做", "；"),
)
CLOSERS = (
    ("", "", "，谢谢", "，打包", "，快一点"),
    ("", "", "，麻烦了", "，带走", "，送到前台", "，用会员卡付"),
)
SHARED = (
    ("，都要{temperature}的", "，都{temperature}", "，全部加{extra}"),
    ("，统一做{temperature}的", "，{temperature}就行，每杯都是", "，各杯都放{extra}"),
)
ITEMS = (
    (
        "{size}{drink}",
        "{size}的{drink}",
        "{count}{size}{drink}",
        "{count}{drink}，要{size}的",
        "{count}{drink}加{extra}",
        "{drink}要{size}的",
        "{size}{drink}加{extra}",
        "{count}{temperature}的{drink}",
        "{temperature}{size}{drink}",
        "{drink}，{size}，{temperature}",
        "{count}{size}的{drink}加{extra}",
    ),
    (
        "{drink}{size}{count}",
        "{drink}做成{size}",
        "{count}{size}装的{drink}",
        "{size}规格{drink}放{extra}",
        "{drink}选{size}，配{extra}",
        "{drink}做{temperature}、{size}装",
        "{drink}（{size}）",
        "{count}{drink}搭{extra}",
        "{size}{temperature}{drink}",
        "{extra}{drink}{count}",
        "{count}放{extra}的{drink}用{size}装",
    ),
)
APART = (
    (
        "{drink#1}和{drink#2}，前一个{size#1}，后一个{size#2}",
        "{drink#1}要{size#1}，{drink#2}{size#2}，{drink#1+}再加{extra#1}",
    ),
    ("{drink#1}跟{drink#2}，一个做{size#1}一个做{size#2}", "{drink#1}、{drink#2}，分别是{size#1}和{size#2}"),
)
"""Templates of two items with separated parts; a + marks a value without annotation"""
QUESTIONS = ("有{drink}吗", "{drink}多少钱", "{size}的多大", "{extra}还有没有", "能做{temperature}的吗")
TALK = (
    "你好",
    "有人吗",
    "谢谢啦",
    "再见",
    "你们几点关门",
    "早上几点开门",
    "可以刷卡吗",
    "能用优惠券吗",
    "开张发票",
    "等多久能好",
    "店里有座位吗",
    "能送到三楼吗",
    "我的订单到哪了",
    "外卖员还没来",
    "刚才那单取消吧",
    "地址写错了",
    "退款什么时候到账",
    "有没有活动",
    "第二杯半价吗",
    "帮我叫一下经理",
    "洗手间在哪",
    "可以自带杯子吗",
    "小朋友能喝吗",
    "打包要另外收钱吗",
    "和上次一样就行",
    "先看看再说",
    "晚上会下雨吗",
    "说好的赠品呢",
    "做得太慢了吧",
    "停车怎么停",
    "音乐关小一点",
    "给我换张桌子",
    "人真多啊",
    "一共多少钱",
    "怎么加入会员",
    "还能再便宜吗",
    "你是机器人吗",
)
"""Small talk without entities: no bot gets orders alone"""
APART_SHARE, SHARED_SHARE = 0.06, 0.15


def write_data(folder: Path, count: int, seed: int) -> None:
    """Write train/ with sentences and lookup tables, and a file for each test."""
    rng = random.Random(seed)
    (folder / "train").mkdir(parents=True, exist_ok=True)
    parts = {"train/train": sample_examples(rng, count, 0, 0, training=True)}
    parts |= {name: sample_examples(rng, TEST_SIZE, *lists) for name, lists in TESTS.items()}
    for name, examples in parts.items():
        write_jsonl(examples, folder / f"{name}.jsonl")
    tables = {kind: [*known, *others] for kind, (known, others) in VALUES.items()}
    write_yaml(NluData(lookups=tables), folder / "train" / "lookups.yml")


def sample_examples(
    rng: random.Random, count: int, phrasing: int, values: int, training: bool = False
) -> list[Example]:
    """`count` different examples; nearly a quarter of the training ones are questions and small talk."""
    examples: dict[str, Example] = {}
    while len(examples) < count:
        kind = rng.random()
        if training and kind < 0.08:
            line, intent = _filled(rng, rng.choice(QUESTIONS), values, ""), "ask"
        elif training and kind < 0.23:
            line, intent = rng.choice(TALK), "talk"
        else:
            items = 1 if kind < 0.4 else 2 if kind < 0.85 else 3
            line, intent = _order(rng, items, phrasing, values), "order"
        text, entities = parse_markup(line, "")
        examples[text] = Example(text, intent, tuple(sorted(entities, key=lambda e: e.start)))
    return list(examples.values())


def _order(rng: random.Random, items: int, phrasing: int, values: int) -> str:
    opener, closer = rng.choice(OPENERS[phrasing]), rng.choice(CLOSERS[phrasing])
    if items == 2 and rng.random() < APART_SHARE:
        return opener + _filled(rng, rng.choice(APART[phrasing]), values, "") + closer
    forms = [rng.choice(ITEMS[phrasing]) for _ in range(items)]
    shared = rng.choice(SHARED[phrasing]) if items > 1 and rng.random() < SHARED_SHARE else ""
    if any(part in form for part in ("{temperature}", "{extra}") if part in shared for form in forms):
        shared = ""  # a part that one item has is not shared
    items_text = [_filled(rng, form, values, str(number) if items > 1 else "") for number, form in enumerate(forms, 1)]
    order = opener + items_text[0] + "".join(rng.choice(SEPARATORS[phrasing]) + one for one in items_text[1:])
    return order + _filled(rng, shared, values, "") + closer


def _filled(rng: random.Random, form: str, values: int, group: str) -> str:
    """The template filled with values in Rasa's markup. `{drink#1}` names its own group."""
    surfaces: dict[str, str] = {}

    def value(place: re.Match[str]) -> str:
        name, kind, own, plain = place.group(1, 2, 3, 4)
        surface = surfaces.setdefault(name, rng.choice(VALUES[kind][values]))
        annotation = {"entity": kind} | ({"group": own or group} if own or group else {})
        return surface if plain else f"[{surface}]{json.dumps(annotation)}"

    return re.sub(r"\{((\w+)(?:#(\d))?)(\+?)\}", value, form)
