"""Messages in the user's language: `--lang`, else the variable CNLU_LANG, else the locale; through gettext.

English is the source language. The Chinese catalogue is in `locale/zh/LC_MESSAGES` beside this file.
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
    """Set the language of this process's messages; None takes it from the environment.

    A name is also stored in the environment, so that child processes use the same language.
    """
    global _catalogue
    if name is not None:
        os.environ[VARIABLE] = name
    language = name or _from_environment()
    _catalogue = gettext.translation(DOMAIN, LOCALE, [language], fallback=True) if language != "en" else _English()


def _(message: str, /, **values: object) -> str:
    """The translated message, with its `{placeholders}` filled with `values`.

    Call it with a literal, so that the message can be extracted: `_("{count} examples have no text", count=3)`.
    """
    translated = _translations().gettext(message)
    return translated.format(**values) if values else translated


def n_(singular: str, plural: str, count: int, /, **values: object) -> str:
    """As `_`, in the singular or plural form for `count`, which also fills `{count}`."""
    return _translations().ngettext(singular, plural, count).format(count=count, **values)


class _English(gettext.NullTranslations):
    """Leaves messages as they are in the code."""


def _translations() -> gettext.NullTranslations:
    if _catalogue is None:
        use_language()
    assert _catalogue is not None
    return _catalogue


def _from_environment() -> str:
    """The language of CNLU_LANG if it is one of LANGUAGES, else that of the locale, else English."""
    return _language(os.environ.get(VARIABLE, "")) or _language(_locale()) or "en"


def _locale() -> str:
    """The first locale variable that is set, in gettext's order; if none is, as on Windows, the system's locale."""
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
