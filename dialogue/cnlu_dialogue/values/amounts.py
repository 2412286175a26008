"""Money in yuan: 三百二十块, 86块5, 三四十块, 三百以内."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from cnlu_dialogue.values.clean import clean
from cnlu_dialogue.values.numbers import DIGITS, NUMERAL, UNITS, read_number

_MONEY = re.compile(rf"(?P<yuan>{NUMERAL})(?:块钱|元钱|块|元)?")
_PARTS = re.compile(
    rf"(?:(?P<yuan>{NUMERAL})(?:块|元)零?)?(?:(?P<jiao>{NUMERAL})(?:毛|角))?(?:(?P<rest>{NUMERAL})分?)?钱?"
)
_RANGE = re.compile(r"([一二两三四五六七八九])([一二三四五六七八九])([十百千万])(?:块钱|块|元)?")
_LIMIT = re.compile(r"(?:(不超过|最多|低于|至少|不低于)(.+)|(.+?)(以内|以下|之内|封顶|以上|起))")
_BELOW = {"不超过", "最多", "低于", "以内", "以下", "之内", "封顶"}


@dataclass(frozen=True)
class Amount:
    """Yuan; `low` and `high` are equal for an exact amount, and `high` is None if there is no upper limit."""

    low: Decimal
    high: Decimal | None

    def __str__(self) -> str:
        return str(self.low) if self.low == self.high else f"{self.low}/{'' if self.high is None else self.high}"


def read_amount(text: str) -> Amount | None:
    """The amount in `text`; None if there is none or a vague one (一百多块)."""
    plain = re.sub("^[¥￥$]|^人民币", "", clean(text))
    if limit := _LIMIT.fullmatch(plain):
        exact = read_amount(limit[2] or limit[3])
        if exact is None:
            return None
        return Amount(Decimal(0), exact.high) if (limit[1] or limit[4]) in _BELOW else Amount(exact.low, None)
    if match := _RANGE.fullmatch(plain):
        low, high = (DIGITS[digit] * UNITS[match[3]] for digit in (match[1], match[2]))
        return Amount(Decimal(low), Decimal(high)) if low < high else None
    yuan = _exact(plain)
    return None if yuan is None else Amount(yuan, yuan)


def _exact(plain: str) -> Decimal | None:
    if match := _MONEY.fullmatch(plain):
        return read_number(match["yuan"])
    match = _PARTS.fullmatch(plain)
    if not match or not any(match.groups()):
        return None
    parts = {name: None if words is None else read_number(words) for name, words in match.groupdict().items()}
    if any(parts[name] is None for name, words in match.groupdict().items() if words is not None):
        return None
    total = (parts["yuan"] or Decimal(0)) + (parts["jiao"] or Decimal(0)) / 10
    if parts["rest"] is None:
        return total
    if match["jiao"] is not None:  # the number after 毛 counts fen
        return total + parts["rest"] / 100
    if parts["rest"] >= 10 or "分" in plain:  # 86块55, 十块五分
        return total + parts["rest"] / 100 if parts["rest"] < 100 else None
    return total + parts["rest"] / 10  # 86块5
