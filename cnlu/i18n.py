"""Messages in the user's language: `--lang`, else the variable CNLU_LANG, else the locale; through gettext.

English is the source language. The catalogue of Chinese lies in `locale/zh/LC_MESSAGES` beside this file.
"""

from __future__ import annotations

import gettext
import locale
import os
from pathlib import Path

LANGUAGES = ("en", "zh")
VARIABLE = "CNLU_LANG"
DOMAIN = "cnlu"
LOCALE = Path(__file__).resolve().parent / "locale"

_catalogue: gettext.NullTranslations | None = None


def use_language(name: str | None = None) -> None:
    """Choose the language of all further messages of this process; None goes by the environment.

    A name is also left in the environment, so that processes started later speak the same language.
    """
    global _catalogue
    if name is not None:
        os.environ[VARIABLE] = name
    chosen = name or _of_environment()
    _catalogue = gettext.translation(DOMAIN, LOCALE, [chosen], fallback=True) if chosen != "en" else _English()


def _(message: str, /, **values: object) -> str:
    """The message in the chosen language, its `{placeholders}` filled with `values`.

    Call it with a literal, so that the message can be extracted: `_("{count} examples have no text", count=3)`.
    """
    translated = _translations().gettext(message)
    return translated.format(**values) if values else translated


def n_(singular: str, plural: str, count: int, /, **values: object) -> str:
    """As `_`, in the form that `count` asks for; `{count}` stands for the number."""
    return _translations().ngettext(singular, plural, count).format(count=count, **values)


class _English(gettext.NullTranslations):
    """The messages as they stand in the code."""


def _translations() -> gettext.NullTranslations:
    if _catalogue is None:
        use_language()
    assert _catalogue is not None
    return _catalogue


def _of_environment() -> str:
    """CNLU_LANG where it names a language that there is, else that of the locale; English where there is neither."""
    return _language(os.environ.get(VARIABLE, "")) or _language(_locale()) or "en"


def _locale() -> str:
    """The first locale variable that is set, as gettext reads them; without any, as on Windows, the system's locale."""
    names = ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG")
    return next((value for name in names if (value := os.environ.get(name))), None) or locale.getlocale()[0] or ""


def _language(names: str) -> str | None:
    """The first of LANGUAGES in a list such as `zh_CN.UTF-8:en`, or None."""
    for name in names.lower().split(":"):
        if name.startswith(("zh", "chinese")):
            return "zh"
        if name.startswith("en"):
            return "en"
    return None
