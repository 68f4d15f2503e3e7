"""Patterns in metadata schemas: how long a text may be is looked at before what is in it."""

from __future__ import annotations

import pytest

from holdall.errors import Invalid
from holdall.sessions.policy import ProjectPolicy

TEXT = {"type": "string", "pattern": "^(a|aa)+$", "maxLength": 20}
pytestmark = [pytest.mark.req("SEC-INP-06"), pytest.mark.covers("ST-19")]


def check(schema, value):
    ProjectPolicy(metadata=schema).rules.check("site", {"code": value})


@pytest.mark.parametrize("schema", [{"properties": {"code": TEXT}}, {"additionalProperties": TEXT}])
def test_no_pattern_is_looked_for_in_what_is_too_long(schema):
    check(schema, "aaa")
    with pytest.raises(Invalid, match="pattern: "):
        check(schema, "aab")
    with pytest.raises(Invalid, match="maxLength: 20"):
        check(schema, "a" * 10_000 + "b")  # which else took longer than there are people


def test_a_pattern_alone_is_looked_for_as_ever():
    schema = {"properties": {"code": {"pattern": "^a+$"}}}
    check(schema, "a" * 10_000)
    check(schema, 7)
    with pytest.raises(Invalid, match="pattern: "):
        check(schema, "a" * 10_000 + "b")
