"""Settings models of both kinds, msgspec's and pydantic's: the same faults are told in the same way."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pydantic
import pytest

from holdall import SettingsError, StorageRef
from holdall.checking import Wrong, checked, field_names, schema


class InnerStruct(msgspec.Struct, forbid_unknown_fields=True):
    depth: Annotated[int, msgspec.Meta(ge=1)]


class StructModel(msgspec.Struct, forbid_unknown_fields=True):
    """The options of a fixture."""

    path: Path
    mode: Literal["fast", "safe"] = "safe"
    size: Annotated[int, msgspec.Meta(le=9)] = 5
    inner: InnerStruct | None = None
    several: list[InnerStruct] = []
    by_name: dict[str, InnerStruct] = {}
    over: StorageRef | None = None


class InnerModel(pydantic.BaseModel, extra="forbid"):
    depth: Annotated[int, pydantic.Field(ge=1)]


class PydanticModel(pydantic.BaseModel, extra="forbid"):
    """The options of a fixture."""

    path: Path
    mode: Literal["fast", "safe"] = "safe"
    size: Annotated[int, pydantic.Field(le=9)] = 5
    inner: InnerModel | None = None
    several: list[InnerModel] = []
    by_name: dict[str, InnerModel] = {}
    over: StorageRef | None = None


BOTH = pytest.mark.parametrize("model", [StructModel, PydanticModel])


def refusal(model: Any, values: Any, **more: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        checked(model, values, "here", **more)
    return str(caught.value).splitlines()


@pytest.mark.covers("ST-05")
@BOTH
def test_what_is_right_becomes_the_model(model: Any) -> None:
    given = {"path": "x", "size": "7", "several": [{"depth": 1}], "by_name": {"a": {"depth": "2"}}}
    made = checked(model, {**given, "over": {"use": "file", "options": {"path": "y"}}}, "here")
    assert (made.path, made.size, made.mode) == (Path("x"), 7, "safe")
    assert (made.several[0].depth, made.by_name["a"].depth) == (1, 2)
    assert made.over == StorageRef(use="file", options={"path": "y"})
    assert checked(model, {"path": Path("x"), "over": made.over}, "here").over == made.over


@pytest.mark.covers("ST-05")
@BOTH
@pytest.mark.parametrize(
    ("values", "path"),
    [
        ({}, "'path' is missing"),
        ({"path": 5}, "path: "),
        ({"path": "x", "mode": "hunter2"}, "mode: "),
        ({"path": "x", "size": 10}, "size: "),
        ({"path": "x", "size": "hunter2"}, "size: "),
        ({"path": "x", "pth": "hunter2"}, "unknown key 'pth'; did you mean 'path'? (allowed: by_name, inner, mode"),
        ({"path": "x", "inner": {"dept": 5, "depth": 1}}, "unknown key 'inner.dept'; did you mean 'depth'?"),
        ({"path": "x", "inner": {}}, "'inner.depth' is missing"),
        ({"path": "x", "inner": "hunter2"}, "inner: "),
        ({"path": "x", "several": [{"depth": 1}, {"depth": 0}]}, "several.1.depth: "),
        ({"path": "x", "several": "hunter2"}, "several: "),
        ({"path": "x", "by_name": {"a": {"depth": 0}}}, "by_name.a.depth: "),
        ({"path": "x", "by_name": {"a\nb": {"deth": 1, "depth": 1}}}, "unknown key 'by_name.a\\nb.deth'; did you mean"),
        ({"path": "x", "over": {"use": "file", "optoins": {}}}, "unknown key 'over.optoins'; did you mean 'options'?"),
        ({"path": "x", "over": {"use": ["hunter2"]}}, "over.use: "),
        ({"path": "x", "over": {}}, "'over.use' is missing"),
    ],
)
def test_a_fault_is_one_line_with_its_place_and_without_what_was_given(model: Any, values: Any, path: str) -> None:
    (line,) = refusal(model, values)
    assert line.startswith(f"here: {path}")
    assert "hunter2" not in line


@BOTH
def test_every_fault_is_told(model: Any) -> None:
    lines = refusal(model, {"mode": 5, "size": 10, "several": [{"depth": 0}, {"x": 1}], "zzz": 1})
    assert len(lines) == 7
    assert {line.removeprefix("here: ").split(":")[0] for line in lines} >= {"mode", "size", "several.0.depth"}


@BOTH
def test_a_line_names_who_said_it(model: Any) -> None:
    def blame(path: Any) -> str | None:
        return "a variable" if list(path) == ["a", "size"] else None

    lines = refusal(model, {"size": "x"}, at=["a"], blame=blame)
    assert {line.split(": ")[0] for line in lines} == {"here", "a variable"}
    assert "here: 'a.path' is missing" in lines


@BOTH
def test_a_schema_stands_by_itself(model: Any) -> None:
    told = schema(model)
    assert (told["type"], told["additionalProperties"], told["required"]) == ("object", False, ["path"])
    assert tuple(told["properties"]) == field_names(model)
    assert told["properties"]["path"]["format"] == "path"
    assert "use" in str(told)


class Odd(msgspec.Struct):
    number: int = 1

    def __post_init__(self) -> None:
        if self.number % 2 == 0:
            raise Wrong("number", "must be odd")


class Outer(msgspec.Struct):
    odd: Odd


def test_a_struct_may_check_more_than_types() -> None:
    assert refusal(Outer, {"odd": {"number": 2}}) == ["here: odd.number: must be odd"]
    assert checked(Outer, {"odd": {"number": 3, "more": 1}}, "here").odd.number == 3
