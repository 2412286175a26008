"""The type of a character, such as Chinese, Latin or digit, for features and for splitting text into runs."""

from __future__ import annotations

import unicodedata

CHAR_TYPES = ("han", "hannum", "latin", "digit", "kana", "punct", "space", "symbol", "control", "other")
"""Every name `char_type` can return. `hannum` is a Chinese numeral; emoji are `symbol`."""

LATIN = "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f\u1e00-\u1eff\uff21-\uff3a\uff41-\uff5a"
"""For use in [...] of a regular expression: Latin letters, including accented and full-width ones."""

_HAN_RANGES = (
    (0x4E00, 0x9FFF),
    (0x3400, 0x4DBF),
    (0x3005, 0x3007),  # 々 repeats the character before it, 〇 is a zero
    (0xF900, 0xFAFF),
    (0x20000, 0x2FA1F),
    (0x30000, 0x323AF),
)
_HAN_NUMERALS = frozenset("〇零一二两三四五六七八九十百千万亿廿卅兩萬億壹贰叁肆伍陆柒捌玖拾佰仟貳參陸")
_LATIN_RANGES = tuple((ord(LATIN[i]), ord(LATIN[i + 2])) for i in range(0, len(LATIN), 3))
_KANA_RANGES = ((0x3041, 0x309F), (0x30A0, 0x30FF), (0x31F0, 0x31FF), (0xFF66, 0xFF9F))
# Unicode does not classify these as symbols, but they occur only as parts of emoji.
_EMOJI_PARTS = ((0x200D, 0x200D), (0x20E3, 0x20E3), (0xFE00, 0xFE0F), (0xE0020, 0xE007F))
_CACHE_SIZE = 1 << 15


def char_type(ch: str) -> str:
    """The type of a character, one of `CHAR_TYPES`; accepts any code point, including lone surrogates."""
    return _TYPES[ch]


def is_han(ch: str) -> bool:
    """Whether `ch` is a Chinese character, numerals such as 三 included."""
    return _within(ord(ch), _HAN_RANGES)


def _within(code: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    return any(low <= code <= high for low, high in ranges)


def _classify(ch: str) -> str:
    code = ord(ch)
    if ch in _HAN_NUMERALS:
        return "hannum"
    if _within(code, _HAN_RANGES):
        return "han"
    if _within(code, _LATIN_RANGES):
        return "latin"
    if ch.isdecimal():
        return "digit"
    if _within(code, _KANA_RANGES):
        return "kana"
    if ch.isspace():
        return "space"
    if _within(code, _EMOJI_PARTS):
        return "symbol"
    category = unicodedata.category(ch)
    if category in ("Cc", "Cf"):
        return "control"
    return {"P": "punct", "S": "symbol"}.get(category[0], "other")


class _TypeCache(dict[str, str]):
    """A cache of bounded size that fills itself on a miss."""

    def __missing__(self, ch: str) -> str:
        kind = _classify(ch)
        if len(self) < _CACHE_SIZE:
            self[ch] = kind
        return kind


_TYPES = _TypeCache()
