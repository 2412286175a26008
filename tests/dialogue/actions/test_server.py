"""The action server as a real process, called over HTTP as Rasa calls it."""

from __future__ import annotations

import dataclasses
import sqlite3
import threading
from typing import Any

import pytest

pytestmark = pytest.mark.rasa  # rasa-sdk lives in Rasa's environment
Server = Any  # of conftest


def entity(text: str, word: str, kind: str, role: str | None = None) -> dict[str, Any]:
    start = text.index(word)
    annotation = {"entity": kind, "value": word, "start": start, "end": start + len(word)}
    return annotation | ({"role": role} if role else {})


def book(server: Server, text: str = "买一张明天北京到济南的二等座") -> list[str]:
    entities = [
        entity(text, "明天", "date"),
        entity(text, "北京", "place", "from"),
        entity(text, "济南", "place", "to"),
        entity(text, "二等座", "seat_class"),
        entity(text, "一张", "count"),
    ]
    return server.run("action_offer_train", text, "book_ticket", entities)


def test_a_booking_ends_in_an_order(server: Server) -> None:
    (offer,) = book(server)
    assert "3月13日（明天，周五）" in offer and "确认下单吗" in offer
    assert server.slots["pending"] == "booking"
    (answer,) = server.run("action_affirm", "好的", "affirm")
    assert answer.startswith("下单成功！订单E204000037")
    assert server.slots["origin"] is None and server.slots["order_no"] == "E204000037"
    (order_list,) = server.run("action_query_order", "我的订单", "query_order")
    assert "已出票" in order_list


def test_slots_hold_plain_values_before_an_action_runs(server: Server) -> None:
    text = "下周三晚上八点以后从北京南去上海，俩人"
    server.run(
        "action_validate_slot_mappings",
        text,
        "inform",
        [
            entity(text, "下周三", "date"),
            entity(text, "晚上八点", "time"),
            entity(text, "北京南", "place", "from"),
            entity(text, "上海", "place", "to"),
            entity(text, "俩", "count"),
        ],
    )
    assert server.slots["travel_date"] == "2026-03-18"
    assert server.slots["travel_time"] == "20:00/23:59"
    assert (server.slots["origin"], server.slots["destination"]) == ("北京南", "上海")
    assert server.slots["ticket_count"] == 2


def test_a_correction_leads_to_a_new_offer(server: Server) -> None:
    book(server)
    text = "不对，是去南京"
    (offer,) = server.run("action_deny", text, "deny", [entity(text, "南京", "place", "to")])
    assert "南京南" in offer and "确认下单吗" in offer


def test_a_refund_returns_the_money(server: Server) -> None:
    book(server)
    server.run("action_affirm", "好的", "affirm")
    (question,) = server.run("action_refund_ticket", "退票", "refund_ticket")
    assert "确认退吗" in question
    (answer,) = server.run("action_affirm", "确认", "affirm")
    assert "已退" in answer
    (order_list,) = server.run("action_query_order", "我的订单", "query_order")
    assert "还没有订单" in order_list


def test_a_change_moves_the_order(server: Server) -> None:
    book(server)
    server.run("action_affirm", "好的", "affirm")
    text = "明天那张改签到大后天"
    entities = [entity(text, "明天", "date"), entity(text, "大后天", "date")]
    (question,) = server.run("action_change_ticket", text, "change_ticket", entities)
    assert "3月15日" in question and "确认改签吗" in question
    (answer,) = server.run("action_affirm", "可以", "affirm")
    assert answer.startswith("改签成功") and "3月15日" in answer


def test_the_bot_asks_which_of_two_days_is_meant(server: Server) -> None:
    text = "这周末走"
    (question,) = server.run("action_inform", text, "inform", [entity(text, "这周末", "date")])
    assert "哪一天走" in question
    assert server.slots["travel_date"] is None


@pytest.mark.parametrize(("word", "sentence"), [("昨天", "已经过去了"), ("二月三十号", "没听懂")])
def test_an_impossible_day_gets_a_sentence(server: Server, word: str, sentence: str) -> None:
    (answer,) = server.run("action_inform", word, "inform", [entity(word, word, "date")])
    assert sentence in answer


def test_an_unknown_city_gets_a_sentence(server: Server) -> None:
    text = "去火星的票"
    answers = server.run("action_query_remaining", text, "query_remaining", [entity(text, "火星", "place", "to")])
    assert "火星" in answers[0]
    assert server.slots["destination"] is None


def test_a_question_during_the_form_fills_no_slot(server: Server) -> None:
    server.slots = {"origin": "北京", "destination": "济南", "requested_slot": "seat_class"}
    text = "二等座多少钱"
    (price,) = server.run(
        "action_query_price", text, "query_price", [entity(text, "二等座", "seat_class")], form="booking_form"
    )
    assert "二等座" in price and "一等座" not in price
    assert "seat_class" not in server.slots


def test_a_value_for_another_slot_keeps_the_form_open(server: Server) -> None:
    server.slots = {"requested_slot": "travel_date"}
    text = "去上海"
    entities = [entity(text, "上海", "place", "to")]
    server.run("action_validate_slot_mappings", text, "inform", entities, form="booking_form")
    assert server.slots["destination"] == "上海" and server.slots["travel_date"] is None


def test_a_removed_timetable_is_created_again(server: Server) -> None:
    (server.folder / "timetable.sqlite").unlink()
    assert "确认下单吗" in book(server)[0]


def test_broken_orders_get_a_sentence_and_no_traceback(server: Server) -> None:
    (server.folder / "orders.sqlite").write_bytes(b"no database" * 100)
    try:
        (answer,) = server.run("action_query_order", "我的订单", "query_order")
        assert answer == "抱歉，系统出了点问题，这一步没有办成，请稍后再试。"
    finally:
        (server.folder / "orders.sqlite").unlink()


def test_malformed_entities_are_ignored(server: Server) -> None:
    malformed: list[Any] = [{"entity": "date", "value": None}, {"entity": "place", "value": ["a"]}, {}, {"entity": 3}]
    assert server.run("action_inform", "x" * 5000, "inform", malformed)


def test_the_last_tickets_are_sold_once(server: Server) -> None:
    book(server)
    slots = {**server.slots, "ticket_count": 20}
    answers: list[str] = []

    def confirm() -> None:
        answers.extend(dataclasses.replace(server, slots=dict(slots)).run("action_affirm", "好的", "affirm"))

    threads = [threading.Thread(target=confirm) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with sqlite3.connect(server.folder / "orders.sqlite") as connection:
        sold = connection.execute("SELECT train, seat_class, sum(count) FROM booking GROUP BY 1, 2").fetchall()
    assert len(answers) == 8
    assert all(count < 100 for _, _, count in sold)  # no train offers a hundred
