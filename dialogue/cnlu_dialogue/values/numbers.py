"""Numbers as people say them: 一百零五, 三百二, 1万2, 廿八, 俩."""

from __future__ import annotations

import re
from decimal import Decimal

from cnlu_dialogue.values.clean import clean

_WRITINGS = ("零〇", "一壹幺", "二两贰", "三叁", "四肆", "五伍", "六陆", "七柒", "八捌", "九玖")
DIGITS = {character: value for value, characters in enumerate(_WRITINGS) for character in characters}
PAIRS = {"俩": 2, "仨": 3}
UNITS = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 10**8}
FORMAL = str.maketrans("拾佰仟萬億", "十百千万亿")
NUMERAL = rf"(?:[\d{''.join(DIGITS)}十百千万亿拾佰仟廿卅点]|(?<=\d)(?:\.\d|,\d{{3}}))+"
"""A run of characters that may be a number; `read_number` decides whether it is one. Each character matches in one
way only, so a long run takes linear time."""
_DIGIT = "[一二两三四五六七八九壹贰叁肆伍陆柒捌玖]"
_BELOW_WAN = re.compile(
    rf"(?:(?P<千>{_DIGIT})千)?(?:(?P<百>零?{_DIGIT})百)?(?:(?P<十>零?{_DIGIT}?)十)?(?P<rest>零?{_DIGIT})?"
)
_ARABIC = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?([百千万亿]?)(\d?)")


def read_number(text: str) -> Decimal | None:
    """The exact number that `text` states; None for anything else, including vague numbers (十几, 一百百)."""
    plain = clean(text).translate(FORMAL).replace("廿", "二十").replace("卅", "三十").replace("〇", "零")
    if plain in PAIRS:
        return Decimal(PAIRS[plain])
    if match := _ARABIC.fullmatch(plain):
        return _arabic(*match.groups())
    whole, point, decimals = plain.partition("点")
    if point and not (decimals and all(character in DIGITS for character in decimals)):
        return None
    number = _chinese(whole)
    if number is None or not point:
        return None if number is None else Decimal(number)
    return Decimal(f"{number}.{''.join(str(DIGITS[character]) for character in decimals)}")


def read_whole(text: str) -> int | None:
    """The whole number that `text` states, or None."""
    number = read_number(text)
    return int(number) if number is not None and number == number.to_integral_value() else None


def spell(number: int) -> str:
    """A whole number from 0 to 99,999,999 in Chinese, as it is read aloud: 105 is 一百零五, 12 is 十二."""
    if not 0 <= number < 10**8:
        raise ValueError(f"{number} is not between 0 and 99,999,999")
    high, low = divmod(number, 10_000)
    if not high:
        words = _spell_below_wan(low) or "零"
    else:
        words = _spell_below_wan(high) + "万" + ("零" if 0 < low < 1000 else "") + _spell_below_wan(low)
    return words[1:] if words.startswith("一十") else words


def _spell_below_wan(number: int) -> str:
    words, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            words += ("零" if gap and words else "") + "零一二三四五六七八九"[digit] + name
        gap = not digit
    return words


def _arabic(whole: str, decimals: str | None, unit: str, after: str) -> Decimal | None:
    if after and (not unit or decimals):
        return None
    number = Decimal(whole.replace(",", "") + (decimals or "")) * UNITS.get(unit, 1)
    return number + int(after) * UNITS[unit] // 10 if after else number


def _chinese(words: str) -> int | None:
    """The whole number that Chinese characters state, or None."""
    if not words:
        return None
    if all(character in DIGITS for character in words):
        return int("".join(str(DIGITS[character]) for character in words))
    for name in ("亿", "万"):
        if name in words:
            head, _, tail = words.partition(name)
            high = _chinese(head)
            low = _after(tail, UNITS[name])
            return None if high is None or low is None or high >= 10_000 else high * UNITS[name] + low
    return _below_wan(words)


def _after(tail: str, unit: int) -> int | None:
    """The value after 万 or 亿: nothing, a lone digit that counts the next unit (一万二), or a smaller number."""
    if not tail:
        return 0
    if len(tail) == 1 and tail in DIGITS:
        return DIGITS[tail] * unit // 10
    number = _chinese(tail.removeprefix("零"))
    limit = unit // 10 if tail.startswith("零") else unit
    return number if number is not None and number < limit else None


def _below_wan(words: str) -> int | None:
    match = _BELOW_WAN.fullmatch(words)
    if not match:
        return None
    total, above, empty = 0, None, False
    for name in ("千", "百", "十"):
        words_of_unit = match[name]
        if words_of_unit is None:
            empty = above is not None
            continue
        if words_of_unit.startswith("零") != (empty and above is not None):
            return None
        digit = words_of_unit.lstrip("零")
        total += (DIGITS[digit] if digit else 1) * UNITS[name]
        above, empty = name, False
    rest = match["rest"]
    if not rest:
        return total
    digit = DIGITS[rest.lstrip("零")]
    if rest.startswith("零"):
        return total + digit if above in ("千", "百") else None
    if above in ("千", "百"):  # 三百二: the digit counts the next unit
        return total + digit * UNITS[above] // 10
    return total + digit
