"""Strict JSON: what two parsers could read in two ways is refused."""

from __future__ import annotations

import json
import tarfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall_server.strictjson import Malformed, loads

LOOSE = {
    "not a number": b"[NaN]",
    "infinity": b"[Infinity]",
    "minus infinity": b"[-Infinity]",
    "overflow": b"[1e400]",
    "minus overflow": b"[-1e400]",
    "lone high surrogate": rb'["\ud800"]',
    "lone low surrogate": rb'["\udc00"]',
    "swapped surrogates": rb'["\udc00\ud800"]',
    "surrogate in a name": rb'{"\ud800": 1}',
    "encoded surrogate": b'["\xed\xa0\x80"]',
    "not utf-8": b'["\xff"]',
    "overlong": b'["\xc0\xaf"]',
    "utf-16": '["x"]'.encode("utf-16"),
    "byte order mark": b"\xef\xbb\xbf[]",
    "same name": b'{"a": 1, "a": 2}',
    "same name, escaped": rb'{"a": 1, "\u0061": 2}',
    "same name, deep": b'[{"x": {"a": 1, "b": {}, "a": 1}}]',
    "same empty name": b'{"": 1, "": 1}',
    "names that look like strings": rb'{"a\":": 1, "a\":": 2}',
    "comma at the end": b"[1,]",
    "comment": b"[1] // one",
    "single quotes": b"['a']",
    "control character": b'["\x01"]',
    "two values": b"{} {}",
    "nothing": b"",
    "blanks": b"  \n",
    "deep": b"[" * 65 + b"1" + b"]" * 65,
    "deep, and empty": b"[" * 65 + b"]" * 65,
    "very deep": b"[" * 100_000,
    "deep objects": b'{"a":' * 66 + b"1" + b"}" * 66,
    "leading zero": b"[01]",
    "plus": b"[+1]",
    "hex": b"[0x1]",
}


@pytest.mark.covers("SE-07")
@pytest.mark.req("SEC-INP-03")
@pytest.mark.parametrize("name", LOOSE)
def test_loose_json_is_refused(name):
    with pytest.raises(Malformed):
        loads(LOOSE[name])


@pytest.mark.req("SEC-INP-02")
def test_names_and_depth_are_counted():
    assert loads(b"[" * 64 + b"]" * 64, depth=64)
    names = json.dumps({str(n): n for n in range(10)}).encode()
    assert len(loads(names, names=10)) == 10
    with pytest.raises(Malformed, match="more than 9 names"):
        loads(names, names=9)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "b:c", "b": "\\":\\""}',
        '{"\\\\": 1, "\\\\\\\\": 2}',
        '{"a" : "\\\\", "b":"\\":"}',
        '["a", "b:"]',
        "5",
        '"x"',
    ],
)
def test_colons_and_quotes_in_strings_are_no_names(text):
    assert loads(text.encode()) == json.loads(text)


JSONS = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@given(JSONS, st.booleans())
def test_what_is_json_is_read_as_it_is(value, ascii_only):
    assert loads(json.dumps(value, ensure_ascii=ascii_only).encode()) == value


@given(st.lists(st.tuples(st.text(), st.integers()), min_size=1, max_size=5))
def test_a_name_twice_is_always_found(pairs):
    text = "{" + ", ".join(f"{json.dumps(name)}: {value}" for name, value in pairs) + "}"
    if len(dict(pairs)) == len(pairs):
        assert loads(text.encode()) == dict(pairs)
    else:
        with pytest.raises(Malformed, match="twice"):
            loads(text.encode())


@given(JSONS, JSONS)
def test_a_name_twice_is_found_at_any_depth_whatever_it_stood_for(gone, kept):
    form = '{"a": [{"b": %s, "%s": %s}]}'
    once = form % (json.dumps(gone), "c", json.dumps(kept))
    assert loads(once.encode()) == json.loads(once)
    with pytest.raises(Malformed, match="twice"):
        loads((form % (json.dumps(gone), "b", json.dumps(kept))).encode())


TRICKY = st.text(alphabet='":\\ {},[]a\n', max_size=6)
"""What could pass for the end of a name, and for one that is not."""


@given(st.lists(st.tuples(TRICKY, TRICKY), min_size=1, max_size=4), st.sampled_from([":", ": ", " :", "\t:\n"]))
def test_a_name_twice_is_found_whatever_stands_in_strings(pairs, colon):
    text = "{" + ",".join(json.dumps(name) + colon + json.dumps(value) for name, value in pairs) + "}"
    if len(dict(pairs)) == len(pairs):
        assert loads(text.encode()) == dict(pairs)
    else:
        with pytest.raises(Malformed, match="twice"):
            loads(text.encode())


@pytest.mark.req("SEC-INP-03")
def test_the_json_test_suite(corpus):
    """Everything it says must be accepted is, but names that come twice; everything that must be refused is."""
    wrong, count = [], 0
    with tarfile.open(corpus("bad-input", "JSONTestSuite.tar.gz")) as archive:
        for member in archive:
            name = member.name.rpartition("/")[2]
            if "test_parsing" not in member.name or not name.endswith(".json") or name[:2] not in ("y_", "n_"):
                continue
            count += 1
            content = archive.extractfile(member)
            assert content is not None
            try:
                loads(content.read())
            except Malformed:
                taken = False
            else:
                taken = True
            if taken != (name.startswith("y_") and "duplicated_key" not in name):
                wrong.append(name)
    assert count > 250
    assert wrong == []


@pytest.mark.req("SEC-INP-03")
@pytest.mark.parametrize("name", [name for name in LOOSE if LOOSE[name]])
async def test_loose_json_is_refused_over_http(shared, name):
    answer = await shared.client("ana").post(
        "/api/sessions", content=LOOSE[name], headers={"Content-Type": "application/json"}
    )
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed-body")


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        (None, 415),
        ("text/plain", 415),
        ("application/json; charset=latin-1", 415),
        ("application/json-patch+json", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/json", 201),
        ("Application/JSON; charset=UTF-8", 201),
    ],
)
async def test_only_json_is_taken(shared, kind, status):
    headers = {} if kind is None else {"Content-Type": kind}
    answer = await shared.client("ana").post("/api/sessions", content=b"{}", headers=headers)
    assert answer.status_code == status
