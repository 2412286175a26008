"""Cities of the timetable and their stations."""

from __future__ import annotations

import math

CITIES: dict[str, tuple[float, float, tuple[str, ...]]] = {
    "北京": (39.9, 116.4, ("北京南", "北京西", "北京")),
    "天津": (39.1, 117.2, ("天津西", "天津")),
    "上海": (31.2, 121.5, ("上海虹桥", "上海", "上海南")),
    "南京": (32.1, 118.8, ("南京南", "南京")),
    "苏州": (31.3, 120.6, ("苏州北", "苏州")),
    "杭州": (30.3, 120.2, ("杭州东", "杭州", "杭州西")),
    "合肥": (31.8, 117.2, ("合肥南", "合肥")),
    "济南": (36.7, 117.0, ("济南西", "济南")),
    "青岛": (36.1, 120.4, ("青岛北", "青岛")),
    "郑州": (34.8, 113.6, ("郑州东", "郑州")),
    "武汉": (30.6, 114.3, ("武汉", "汉口", "武昌")),
    "长沙": (28.2, 112.9, ("长沙南", "长沙")),
    "广州": (23.1, 113.3, ("广州南", "广州", "广州东")),
    "深圳": (22.5, 114.1, ("深圳北", "深圳", "福田")),
    "西安": (34.3, 108.9, ("西安北", "西安")),
    "成都": (30.7, 104.1, ("成都东", "成都", "成都南")),
    "重庆": (29.6, 106.5, ("重庆北", "重庆西", "重庆")),
    "昆明": (25.0, 102.7, ("昆明南", "昆明")),
    "沈阳": (41.8, 123.4, ("沈阳北", "沈阳")),
    "厦门": (24.5, 118.1, ("厦门北", "厦门")),
}
"""City to latitude, longitude and stations, the main one first."""
STATIONS = {station: city for city, (_, _, stations) in CITIES.items() for station in stations}
_ENDINGS = ("火车站", "高铁站", "站", "市")


def resolve(name: str) -> str | None:
    """The city or station that the user names, or None; a city's name means any of its stations."""
    plain = name.strip()
    for ending in _ENDINGS:
        if plain not in CITIES and plain not in STATIONS:
            plain = plain.removesuffix(ending)
    return plain if plain in CITIES or plain in STATIONS else None


def city_of(place: str) -> str:
    """The city of a place that `resolve` returned."""
    return place if place in CITIES else STATIONS[place]


def kilometres(first: str, second: str) -> float:
    """The approximate rail distance of two cities: 1.25 times the straight line."""
    (north, east, _), (north2, east2, _) = CITIES[first], CITIES[second]
    x = (east2 - east) * math.cos(math.radians((north + north2) / 2))
    return 1.25 * 111.2 * math.hypot(x, north2 - north)
