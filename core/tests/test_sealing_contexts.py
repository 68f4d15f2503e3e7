"""What each encrypted record is bound to: its place, and no other."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.codecs import Envelope
from holdall.sealing.keys import DataKey, context
from holdall_aesgcm import AesGcm
from holdall_aesgcm.cipher import CipherSettings

# --- SEC-CRY-02 ----------------------------------------------------------------------------------------------------


PLACES = st.tuples(
    st.integers(0, 255), st.text(max_size=5), st.text(max_size=5), st.text(max_size=5), st.integers(0, 3),
    st.integers(0, 3),
)  # fmt: skip


def bound(place):
    tag, key_id, partition, lane, position, version = place
    return context(tag, key_id, partition, (lane, position), version)


@pytest.mark.req("SEC-CRY-02")
@given(st.lists(PLACES, min_size=2, max_size=2, unique=True))
def test_no_two_places_share_a_context(places):
    assert bound(places[0]) != bound(places[1])


@pytest.mark.req("SEC-CRY-02")
@given(PLACES, PLACES, st.integers(0, 5))
def test_any_field_of_another_record_is_refused(place, other, field):
    """Tried with any field left out of ``context``: its swap is read."""
    swapped = [*place]
    swapped[field] = other[field]
    cipher = AesGcm(CipherSettings()).keyed(bytes(32))
    record = cipher.encrypt(b"{}", bound(place))
    if tuple(swapped) == place:
        assert cipher.decrypt(record, bound(swapped)) == b"{}"
    else:
        with pytest.raises(ValueError, match="it fails its check"):
            cipher.decrypt(record, bound(swapped))


@pytest.mark.req("SEC-CRY-02")
def test_a_data_key_binds_just_that():
    key = DataKey("session/x", 7, AesGcm(CipherSettings()), bytes(32))
    record = key.encrypt(("lane", 5), 9, b"data")
    envelope, payload = Envelope.unpack(record, "x")
    assert (envelope.cipher, envelope.key_id, envelope.version, key.id) == (7, key.id, 9, envelope.key_id)
    known = context(7, key.id, "session/x", ("lane", 5), 9)
    assert AesGcm(CipherSettings()).keyed(bytes(32)).decrypt(payload, known) == b"data"
