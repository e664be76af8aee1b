"""The form of a safeguard, made from its settings type."""

from __future__ import annotations

import pytest

from app.safeguards.fields import SettingField, fields_of
from app.safeguards.matrix import by_job
from app.safeguards.registry import KINDS


def field(kind: str, key: str) -> SettingField:
    return next(each for each in fields_of(kind) if each.key == key)


@pytest.mark.parametrize("kind", KINDS)
def test_every_setting_of_every_kind_has_a_title_and_a_control_but_tables(kind: str) -> None:
    for each in fields_of(kind):
        assert each.title, each.key
    assert {"kind", "id", "on"}.isdisjoint(each.key for each in fields_of(kind))


def test_a_number_has_its_unit_and_its_bounds_and_may_be_left_out() -> None:
    slow = field("breaker", "slow_call_s")
    assert (slow.title, slow.unit, slow.about) == (
        "Slow call",
        "s",
        "A call that took longer counts as failed.",
    )
    assert (slow.control, slow.least, slow.most, slow.optional) == ("number", 1e-6, 1e8, True)
    ratio = field("breaker", "failure_ratio")
    assert (ratio.unit, ratio.least, ratio.most, ratio.optional, ratio.whole) == ("", 0, 1, False, False)
    assert field("breaker", "min_calls").whole
    assert field("retry_budget", "min_per_s").unit == "per s"
    assert (field("budget", "per_run_usd").title, field("budget", "per_run_usd").unit) == ("Per run", "$")


def test_choices_switches_texts_and_names_are_told_apart() -> None:
    assert field("budget", "on_exceeded").choices[1] == ("cheaper model", "cheaper_model")
    assert field("cache", "single_flight").control == "switch"
    assert field("canned", "text").control == "text"
    assert field("fallback", "targets").control == "names"


def test_rows_of_one_job_stand_together_wherever_they_are_listed() -> None:
    (*_, last) = by_job()
    jobs = by_job([row for rows in by_job().values() for row in rows][::-1])
    assert next(iter(jobs)) == last
    assert all(row.job == job for job, rows in jobs.items() for row in rows)
