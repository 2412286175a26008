"""Mobile numbers and other strings of digits, typed or read aloud: 138-0000-1357, 幺三八四个零幺三五七."""

from __future__ import annotations

import re
import unicodedata

from cnlu_dialogue.values.clean import LONGEST_RAW

_SPOKEN_DIGITS = {
    "零": "0",
    "〇": "0",
    "洞": "0",
    "一": "1",
    "幺": "1",
    "二": "2",
    "两": "2",
    "三": "3",
    "四": "4",
    "五": "5",
    "六": "6",
    "七": "7",
    "拐": "7",
    "八": "8",
    "捌": "8",
    "九": "9",
    "勾": "9",
}
_REPEATED = re.compile(r"([二两三四五六])个([零〇一幺二三四五六七八九\d])")


def read_digits(text: str) -> str:
    """All digits in `text`, in order, with 四个零 expanded; empty if the text is too long."""
    if len(text) > LONGEST_RAW:
        return ""
    plain = unicodedata.normalize("NFKC", text)
    plain = _REPEATED.sub(lambda match: match[2] * int(_SPOKEN_DIGITS[match[1]]), plain)
    return "".join(_SPOKEN_DIGITS.get(character, character if character.isdecimal() else "") for character in plain)


def read_phone(text: str) -> str | None:
    """The eleven digits of a mobile number of mainland China, or None."""
    digits = re.sub(r"^(?:0086|86)(?=1\d{10}$)", "", read_digits(text))
    return digits if re.fullmatch(r"1[3-9]\d{9}", digits) else None


def read_identity(text: str) -> str | None:
    """The eighteen characters of an identity number, or None; the check digit is not verified."""
    match = re.fullmatch(r"(.*?)([xX]?)", _digits_and_x(text))
    digits = match[1] + match[2].upper() if match else ""
    return digits if re.fullmatch(r"\d{17}[\dX]", digits) else None


def _digits_and_x(text: str) -> str:
    """Like `read_digits`, but keeps a final X."""
    last = "X" if unicodedata.normalize("NFKC", text).strip().upper().endswith("X") else ""
    return read_digits(text) + last
