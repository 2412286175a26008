"""How many values of railway users does a library read correctly?

    python benchmarks/values.py [--wrong LIBRARY]

Reads tests/dialogue/values/cases.yml and prints a table of library x kind with the share of correct values, for
cnlu_dialogue.values and for each of these libraries if installed: jionlp, recognizers-text-suite (with emoji<2),
dateparser, cn2an. Each library is tested in its usual way on the kinds it supports, and its answers are converted to
the format of the cases. The table also counts wrong values, which are worse for a bot than missing ones. `--wrong`
lists the wrong and missing values of one library.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
CASES = ROOT / "tests" / "dialogue" / "values" / "cases.yml"
Reader = Callable[[str, datetime], Any]


def cnlu_parsers() -> dict[str, Reader]:
    from cnlu_dialogue.values import amounts, counts, dates, durations, numbers, phones, times, when

    def count(text: str, now: datetime) -> Any:
        party = counts.read_count(text)
        return party and party.total

    return {
        "date": dates.read_date,
        "time": times.read_time,
        "datetime": when.read_when,
        "count": count,
        "number": lambda text, now: numbers.read_number(text),
        "amount": lambda text, now: amounts.read_amount(text),
        "duration": lambda text, now: minutes(durations.read_duration(text)),
        "phone": lambda text, now: phones.read_phone(text),
    }


def minutes(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds() / 60


def written(kind: str, first: datetime, last: datetime) -> str:
    """Two moments in the format of the cases. A span of at most an hour counts as its first moment."""
    if kind == "date":
        return str(first.date()) if first.date() == last.date() else f"{first.date()}/{last.date()}"
    one = last - first < timedelta(minutes=61)
    text = f"{first:%H:%M}" if one else f"{first:%H:%M}/{last:%H:%M}"
    return f"{first.date()}T{text}" if kind == "datetime" else text


def jionlp() -> dict[str, Reader]:
    import jionlp as jio  # type: ignore[import-not-found,unused-ignore]

    def moment(kind: str) -> Reader:
        def read(text: str, now: datetime) -> Any:
            found = jio.parse_time(text, time_base=now.replace(tzinfo=None).timestamp())
            first, last = found["time"]
            begin = datetime.fromisoformat(first)
            end = begin.replace(hour=23, minute=59) if last == "inf" else datetime.fromisoformat(last)
            return written(kind, begin, end)

        return read

    def duration(text: str, now: datetime) -> Any:
        length = jio.parse_time(text)["time"]
        units = {"day": 1440, "hour": 60, "minute": 1, "month": 43200}
        return sum(units[name] * value for name, value in length.items())

    def amount(text: str, now: datetime) -> Any:
        number = jio.parse_money(text)["num"]
        return "/".join(str(Decimal(n).normalize()) for n in number) if isinstance(number, list) else number

    def phone(text: str, now: datetime) -> Any:
        found = jio.extract_phone_number(text)
        return found[0].replace("-", "").replace(" ", "") if found else None

    return {
        "date": moment("date"),
        "time": moment("time"),
        "datetime": moment("datetime"),
        "duration": duration,
        "amount": amount,
        "phone": phone,
    }


def recognizers() -> dict[str, Reader]:
    from recognizers_date_time import Culture, recognize_datetime  # type: ignore[import-not-found,unused-ignore]
    from recognizers_number import recognize_number  # type: ignore[import-not-found,unused-ignore]
    from recognizers_number_with_unit import recognize_currency  # type: ignore[import-not-found,unused-ignore]
    from recognizers_sequence import recognize_phone_number  # type: ignore[import-not-found,unused-ignore]

    def moment(kind: str) -> Reader:
        def read(text: str, now: datetime) -> Any:
            found = recognize_datetime(text, Culture.Chinese, reference=now.replace(tzinfo=None))
            if len(found) != 1:
                return None
            values = found[0].resolution["values"]
            answer = values[-1]  # of a past and a future day, the future one
            if found[0].type_name.endswith("duration") or answer.get("value") == "not resolved":
                return None
            if "value" in answer:
                text = answer["value"]
                return text[:5] if kind == "time" else text[:10] if kind == "date" else text[:16].replace(" ", "T")
            first, last = (
                "2000-01-01 " + answer[end] if len(answer[end]) == 8 else answer[end] for end in ("start", "end")
            )
            period = found[0].type_name.endswith("daterange") and not answer["timex"].startswith("(")
            end = datetime.fromisoformat(last) - timedelta(days=period)  # May ends before 1 June; 到周三 names its end
            return written(kind, datetime.fromisoformat(first), end)

        return read

    def duration(text: str, now: datetime) -> Any:
        (found,) = recognize_datetime(text, Culture.Chinese, reference=now.replace(tzinfo=None))
        return float(found.resolution["values"][0]["value"]) / 60 if found.type_name.endswith("duration") else None

    def first(recognize: Any) -> Reader:
        def read(text: str, now: datetime) -> Any:
            found = recognize(text, Culture.Chinese)
            return found[0].resolution["value"] if found else None

        return read

    def phone(text: str, now: datetime) -> Any:
        found = first(recognize_phone_number)(text, now)
        return found and "".join(filter(str.isdecimal, found))[-11:]

    return {
        "date": moment("date"),
        "time": moment("time"),
        "datetime": moment("datetime"),
        "duration": duration,
        "number": first(recognize_number),
        "amount": first(recognize_currency),
        "phone": phone,
    }


def dateparser() -> dict[str, Reader]:
    import dateparser as library  # type: ignore[import-not-found,unused-ignore]

    def moment(kind: str) -> Reader:
        def read(text: str, now: datetime) -> Any:
            settings = {"RELATIVE_BASE": now.replace(tzinfo=None), "PREFER_DATES_FROM": "future"}
            at = library.parse(text, languages=["zh"], settings=settings)
            return at and written(kind, at, at)

        return read

    return {kind: moment(kind) for kind in ("date", "time", "datetime")}


def cn2an() -> dict[str, Reader]:
    import cn2an as library  # type: ignore[import-not-found,unused-ignore]

    return {"number": lambda text, now: library.cn2an(text, "smart")}


LIBRARIES = {
    "cnlu_dialogue.values": cnlu_parsers,
    "jionlp": jionlp,
    "recognizers-text": recognizers,
    "dateparser": dateparser,
    "cn2an": cn2an,
}


def main() -> None:
    parser = argparse.ArgumentParser(description="Share of Chinese values that libraries read correctly.")
    parser.add_argument("--wrong", metavar="LIBRARY", help="list the wrong and missing values of this library")
    parser.add_argument("--cases", type=Path, default=CASES, metavar="FILE")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(ROOT))
    content = yaml.safe_load(arguments.cases.read_text("utf-8"))
    kinds = list(dict.fromkeys(case["kind"] for case in content["cases"]))
    count = {kind: sum(case["kind"] == kind for case in content["cases"]) for kind in kinds}
    print("| library | " + " | ".join(f"{kind} ({count[kind]})" for kind in kinds) + " | read wrong |")
    print("|---" * (len(kinds) + 2) + "|")
    for name, build in LIBRARIES.items():
        try:
            readers = build()
        except ImportError as error:
            print(f"| {name} | not installed: {error} |")
            continue
        report(name, readers, content, kinds, show=name == arguments.wrong)


def report(name: str, readers: dict[str, Reader], content: dict[str, Any], kinds: list[str], show: bool) -> None:
    right, wrong, lines = dict.fromkeys(kinds, 0), 0, []
    asked = [case for case in content["cases"] if case["kind"] in readers]
    for case in asked:
        now = datetime.fromisoformat(content["nows"][case.get("now", "thu")])
        try:
            answer = readers[case["kind"]](case["text"], now)
        except (
            AttributeError,
            NameError,
            ImportError,
        ) as error:  # more likely a fault of this script than of the library
            sys.exit(f"{name} cannot read {case['text']}: {error}")
        except Exception:  # an error of the library counts as missing
            answer = None
        if is_right(case, answer):
            right[case["kind"]] += 1
            continue
        wrong += answer is not None
        lines.append(f"  {case['kind']} {case['text']}: {answer}, should be {case['expected']}")
    shares = [f"{right[k] / sum(c['kind'] == k for c in asked):.2f}" if k in readers else "-" for k in kinds]
    print(f"| {name} | " + " | ".join(shares) + f" | {wrong} of {len(asked)} |")
    if show:
        print("\n".join(lines))


def is_right(case: dict[str, Any], answer: Any) -> bool:
    if answer is None or case["expected"] is None:
        return (answer is None) == (case["expected"] is None)
    if str(answer) in [str(case["expected"]), *case.get("second_intent", [])]:
        return True
    try:
        return float(str(answer)) == float(case["expected"])
    except (TypeError, ValueError):
        return False


if __name__ == "__main__":
    main()
