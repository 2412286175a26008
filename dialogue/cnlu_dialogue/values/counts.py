"""Numbers of travellers or tickets: 两张, 俩, 两大一小, 三张成人一张儿童."""

from __future__ import annotations

import re
from dataclasses import dataclass

from cnlu_dialogue.values.clean import clean
from cnlu_dialogue.values.numbers import NUMERAL, PAIRS, read_whole

LIMIT = 1000
"""A higher count is treated as a misreading."""
_CHILD = "小孩子|小孩|孩子|儿童票|儿童|娃娃|娃|小朋友|小"
_ADULT = "大人|成年人|成人票|成人|老人|学生票|学生|大"
_MEASURE = "张票|张|个人|个|位|名|口人|口|人|份|杯|瓶|桶|盒|件|只|根|包|箱|袋|碗|套"
_PART = re.compile(
    rf"(?:(?P<number>{NUMERAL})(?:{_MEASURE})?|(?P<pair>[俩仨]))(?:票|半价票|半价|全价票|全价|的)?"
    rf"(?:(?P<child>{_CHILD})|(?:{_ADULT}))?[,和加跟带、]?"
)
_HEAD = re.compile(r"^(?:就我们|我们|咱们|咱|就我自己|就我|一共|总共|一家子|一家|要|来|就|买|订)")
_KIN = (
    "老婆|老公|媳妇|爱人|对象|女朋友|男朋友|爸爸?|妈妈?|父亲|母亲|奶奶|爷爷|外婆|姥姥|儿子|女儿|闺女|"
    "哥哥?|姐姐?|弟弟?|妹妹?|孩子|朋友|同学|同事|室友"
)
_WITH_ME = re.compile(rf"(?:就|要)?我(?:自己)?(?:和|跟|同|带)(?:我)?(?:一个)?(?:{_KIN})(?:两个?人)?")


@dataclass(frozen=True)
class Party:
    """The total number, and how many of them are children."""

    total: int
    children: int = 0


def read_count(text: str) -> Party | None:
    """The party that `text` counts; None if it counts nothing or is vague (十几张)."""
    plain = clean(text)
    if plain in ("就我自己", "就我", "我自己", "我一个人"):
        return Party(1)
    if _WITH_ME.fullmatch(plain):
        return Party(2)
    plain = _HEAD.sub("", plain)
    position = total = children = 0
    while position < len(plain):
        match = _PART.match(plain, position)
        if not match:
            return None
        count = PAIRS[match["pair"]] if match["pair"] else read_whole(match["number"])
        if not count:
            return None
        total += count
        children += count if match["child"] else 0
        position = match.end()
    return Party(total, children) if 0 < total <= LIMIT else None
