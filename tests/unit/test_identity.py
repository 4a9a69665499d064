from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops_jobs.identity import canonical_json, fingerprint

texts = st.one_of(st.none(), st.text(max_size=8))


@given(texts, texts, texts, texts)
def test_different_parts_give_different_ids_and_equal_parts_the_same(a, b, c, d):
    assert (fingerprint("x", service=a, host=b) == fingerprint("x", service=c, host=d)) == ((a, b) == (c, d))


def test_the_known_collisions_of_others_do_not_happen_here():
    assert fingerprint("alf", a="db1", b="2a") != fingerprint("alf", a="db", b="12a")
    assert fingerprint("alf", service="x", host=None) != fingerprint("alf", service=None, host="x")
    assert fingerprint("alf", service=None) != fingerprint("alf", host=None)


def test_the_order_of_parts_and_the_zone_of_instants_do_not_matter():
    noon = datetime(2026, 11, 20, 12, tzinfo=UTC)
    seoul = noon.astimezone(timezone(timedelta(hours=9)))
    assert fingerprint("run", a=1, at=noon) == fingerprint("run", at=seoul, a=1)


def test_an_id_is_the_same_tomorrow():
    assert fingerprint("inc", service="checkout", opened="2026-11-20") == "inc-25720b2652a19ac5e22b"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), datetime(2026, 1, 1), object()])
def test_what_has_no_canonical_form_is_refused(value):
    with pytest.raises((ValueError, TypeError)):
        canonical_json({"v": value})
