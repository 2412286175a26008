"""How replies phrase days, trains, money and orders."""

from __future__ import annotations

from datetime import date

from cnlu_dialogue.actions.store import Fare, Order, Train

_NEAR = {0: "今天", 1: "明天", 2: "后天", 3: "大后天", -1: "昨天"}


def day_text(day: date, today: date) -> str:
    """3月13日（明天，周五）."""
    near = _NEAR.get((day - today).days)
    year = "" if day.year == today.year else f"{day.year}年"
    return f"{year}{day.month}月{day.day}日（{near + '，' if near else ''}周{'一二三四五六日'[day.weekday()]}）"


def clock_text(minutes: int) -> str:
    """08:05, or 次日07:30 after midnight."""
    days = ("", "次日", "第三天", "第四天")[min(minutes // 1440, 3)]
    return f"{days}{minutes % 1440 // 60:02}:{minutes % 60:02}"


def duration_text(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return (f"{hours}小时" if hours else "") + (f"{rest}分" if rest or not hours else "")


def money_text(cents: int) -> str:
    """An amount without trailing zeros: 553元, 54.5元."""
    return f"{cents / 100:.2f}".rstrip("0").rstrip(".") + "元"


def train_text(train: Train) -> str:
    """A train in one line."""
    return (
        f"{train.number} {train.origin} {clock_text(train.departure)} → {train.destination} "
        f"{clock_text(train.arrival)}，全程{duration_text(train.arrival - train.departure)}"
    )


def fares_text(fares: list[Fare]) -> str:
    """Seat classes with their prices."""
    return "，".join(f"{fare.seat_class}{money_text(fare.cents)}" for fare in fares)


def seats_left_text(seats: int) -> str:
    if seats == 0:
        return "无票"
    return f"余{seats}张" if seats < 20 else "有票"


def order_text(order: Order, train: Train | None, today: date) -> str:
    """An order in one line."""
    route = f"{train.origin}到{train.destination}，{clock_text(train.departure)}开" if train else ""
    state = {"booked": "已出票", "refunded": "已退票", "waiting": "候补中"}[order.state]
    return (
        f"订单{order.number}：{day_text(order.day, today)} {order.train} {route}，{order.seat_class}{order.count}张，"
        f"{money_text(order.cents)}，{state}"
    )
