"""A file may be one JSON document: the elements of its array are read one by one, what is bad in it is named, by line."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from holdall.formats import documents
from holdall.formats.records import Fault, Record
from holdall.formats.sources import Source

pytestmark = pytest.mark.covers("CV-16")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def read(path: Path, text: str | bytes) -> tuple[list[Record], list[Fault]]:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    found = list(Source(path).records())
    return [one for one in found if isinstance(one, Record)], [one for one in found if isinstance(one, Fault)]


@given(
    st.lists(st.fixed_dictionaries({"v": JSON}), min_size=1),
    st.sampled_from([None, 1]),
    st.booleans(),
    st.integers(1, 40),
)
def test_the_elements_are_read_however_the_file_is_cut(
    tmp_path_factory: pytest.TempPathFactory, values: list[Any], indent: int | None, ascii_only: bool, chunk: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(documents, "_CHUNK", chunk)
        text = json.dumps(values, indent=indent, ensure_ascii=ascii_only)
        records, faults = read(tmp_path_factory.mktemp("d") / "x.json", text)
    assert ([record.value for record in records], faults) == (values, [])
    assert [json.loads(record.text) for record in records] == values
    assert all(text.split("\n")[record.line - 1].lstrip(" [").startswith("{") for record in records)


@pytest.mark.parametrize(
    ("text", "shape", "count"),
    [
        ('{"a": 1}\n{"a": 2}\n', "lines", 2),
        ('{"a": 1}', "lines", 1),
        ('\ufeff[\n{"a": 1},\n{"a": 2}]', "array", 2),
        ('[{"a": 1}, {"a": 2}]', "array", 2),
        ('[[1], {"a": 2}]\n', "array", 1),
        ('{\n  "a": {\n "b": [1]}\n}\n', "document", 1),
        ('["a"]\n{"a": 1}\n', "lines", 1),
        ('{"a": 1,\n{"a": 2}\n', "lines", 1),
        ("hello\n", "lines", 0),
        ("[]", "array", 0),
    ],
)
def test_the_beginning_tells_how_the_records_lie(tmp_path: Path, text: str, shape: str, count: int) -> None:
    records, _ = read(tmp_path / "x", text)
    assert (Source(tmp_path / "x").shape, len(records)) == (shape, count)


@pytest.mark.parametrize(
    ("bad", "line", "reason"),
    [
        ('{"a": nul}', 2, "is not JSON: Expecting value"),
        ('{"a" 1}', 2, "is not JSON: Expecting ':' delimiter"),
        ('{"a": [1, }]}', 2, "is not JSON"),
        ('{"a":\n "\x01"}', 3, "is not JSON: Invalid control character at"),
        ('{"a": NaN}', 2, "NaN is no JSON number"),
        ("17", 2, "is a JSON number, not an object"),
        ('["x", {}]', 2, "is a JSON array, not an object"),
        ("[" * 100_000 + "]" * 100_000, 2, "nested too deeply"),
    ],
)
def test_a_bad_element_is_named_and_the_rest_is_kept(tmp_path: Path, bad: str, line: int, reason: str) -> None:
    records, faults = read(tmp_path / "x.json", f'[{{"n": 1}},\n{bad},\n{{"n": "a,]}}\\""}}]')
    assert [record.value["n"] for record in records] == [1, 'a,]}"']
    assert [(fault.line, reason in fault.reason) for fault in faults] == [(line, True)]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (b'[{"n": 1},\n{"a": "\xff"}]', 2, "is not UTF-8"),
        (b'[{"n": 1},\n{"a": 2', 2, "where the file ends"),
        (b'[{"n": 1},\n', 2, "is cut short: the file ends inside the array"),
        (b'[{"n": 1}\n]{"n": 2}', 2, "comes after the end of the array"),
    ],
)
def test_an_array_that_is_cut_short_or_followed_by_more(tmp_path: Path, text: bytes, line: int, reason: str) -> None:
    records, (fault,) = read(tmp_path / "x.json", text)
    assert ([record.value for record in records], fault.line) == ([{"n": 1}], line)
    assert reason in fault.reason


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (b'{\n"a": 1,\n"b" 2}', 3, "Expecting ':' delimiter"),
        (b'{\n"a": "\xff"}', 2, "is not UTF-8 (byte 9 of the file)"),
        (b'{\n"a": 1', 2, "is not JSON"),
        (b'{\n"a": -Infinity}', 1, "-Infinity is no JSON number"),
    ],
)
def test_a_bad_document_is_one_fault(tmp_path: Path, text: bytes, line: int, reason: str) -> None:
    records, (fault,) = read(tmp_path / "x.json", text)
    assert (records, fault.line, reason in fault.reason) == ([], line, True)


def test_a_compressed_file_that_is_damaged_gives_what_it_has(tmp_path: Path) -> None:
    packed = gzip.compress(json.dumps([{"n": n, "x": "y" * 999} for n in range(3000)]).encode())
    for end, name in ((len(packed) // 2, "cut"), (5, "stump")):
        _, faults = read(tmp_path / f"{name}.gz", packed[:end])
        assert "damaged" in faults[-1].reason


def test_of_an_array_hardly_more_than_an_element_is_held(tmp_path: Path) -> None:
    """A file of 24 MiB, in elements of 100 kB."""
    path = tmp_path / "large.json"
    with path.open("w") as file:
        file.write("[")
        file.write(",".join(json.dumps({"n": n, "text": "long " * 20_000}) for n in range(240)))
        file.write("]")
    tracemalloc.start()
    try:
        assert sum(1 for _ in Source(path).records()) == 240
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 6 << 20, f"{peak:,} bytes"


@pytest.mark.parametrize("indent", [None, 1])
def test_a_large_conversation_is_held_as_text_and_as_what_is_made_of_it_and_no_longer_than_it_is_needed(
    tmp_path: Path, indent: int | None
) -> None:
    path = tmp_path / "large.json"
    said = [{"n": n, "text": 'long \\ "}]' * 1_000} for n in range(1_000)]
    path.write_text(json.dumps({"said": said} if indent else [{"said": said}], indent=indent))
    del said
    size = path.stat().st_size
    tracemalloc.start()
    try:
        records = Source(path).records()
        record = next(records)
        assert isinstance(record, Record)
        assert len(record.value["said"]) == 1_000
        _, peak = tracemalloc.get_traced_memory()
        del record
        left, _ = tracemalloc.get_traced_memory()
        assert list(records) == []
    finally:
        tracemalloc.stop()
    assert peak < 2.2 * size, f"{peak:,} bytes for {size:,}"
    assert left < 2 << 20, f"{left:,} bytes"


@pytest.mark.parametrize(
    ("bad", "line", "reason"),
    [
        ('{"a": [1, {"b":\n nul}]}', 3, "is not JSON: Expecting value"),
        ('{"a": [1, 2}]}', 2, "is not JSON"),
        ('{"a": NaN, "b": "}"}', 2, "NaN is no JSON number"),
        ('[{"a": "]"}]', 2, "is a JSON array, not an object"),
        ('"%s"' % ("]{" * 200), 2, "is a JSON string, not an object"),
    ],
)
def test_a_bad_large_element_is_named_and_the_rest_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, bad: str, line: int, reason: str
) -> None:
    monkeypatch.setattr(documents, "_CHUNK", 4)
    records, faults = read(tmp_path / "x.json", f'[{{"n": 1}},\n{bad},\n{{"n": "a,]}}\\""}}]')
    assert [record.value["n"] for record in records][:1] == [1]
    assert [record.value["n"] for record in records][-1] == 'a,]}"'
    assert (faults[0].line, reason in faults[0].reason) == (line, True)


def test_an_element_that_is_too_long_is_named_and_ends_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "_CHUNK", 100)
    monkeypatch.setattr(documents, "LONGEST", 1000)
    records, (fault,) = read(tmp_path / "x.json", json.dumps([{"n": 1}, {"n": "x" * 5000}, {"n": 2}], indent=0))
    assert ([record.value for record in records], fault.line) == ([{"n": 1}], 5)
    assert fault.reason == "is longer than 1,000 characters; what follows it is not read"
