"""What models took, as transcripts tell it, is counted by totals: each answer once, whatever its records repeat."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import holdall
from holdall.formats.reading import transcripts
from holdall.formats.records import Fault
from holdall.sessions.counted import Totals, count
from holdall.sessions.store import Store
from holdall.transfer.importing import Choices, import_file
from holdall.transfer.targets import StoreTarget

pytestmark = pytest.mark.covers("CV-05", "CV-16")

DATA = Path(__file__).parents[3] / "shared" / "data"
CHOICES = Choices("ana")
COUNTED = ("input_tokens", "output_tokens", "cached_tokens")


@pytest.fixture
async def store() -> Any:
    async with holdall.open({"storage": {"use": "memory"}, "sessions": {"sweep_every": 0}}) as opened:
        yield opened


def text(path: Path) -> str:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")


def records(path: Path) -> Iterator[dict[str, Any]]:
    """The lines of a file that are JSON objects."""
    for line in text(path).split("\n"):
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


Walked = tuple[int, int, int, float, set[str]]
"""Input, output and cached tokens, dollars, models: by a walk of the source that shares nothing with the readers."""


def claude(path: Path) -> Walked:
    answers: dict[tuple[str, Any], dict[str, Any]] = {}
    for record in records(path):
        said: dict[str, Any] = record.get("message") or {}
        if record["type"] == "assistant" and said.get("usage"):
            answers[said["id"], record.get("requestId")] = said
    usage = [said["usage"] for said in answers.values()]
    read, made = (sum(one.get(f"cache_{kind}_input_tokens") or 0 for one in usage) for kind in ("read", "creation"))
    taken, given = (sum(one[name] for one in usage) for name in ("input_tokens", "output_tokens"))
    return taken + read + made, given, read, 0, {said["model"] for said in answers.values()} - {"<synthetic>"}


def codex(path: Path) -> Walked:
    told = [record["payload"] for record in records(path)]
    total = [one["info"]["total_token_usage"] for one in told if one.get("type") == "token_count" and one.get("info")][
        -1
    ]
    models = {one["model"] for one in told if "model" in one and "approval_policy" in one}
    return total["input_tokens"], total["output_tokens"], total["cached_input_tokens"], 0, models


def gemini(path: Path) -> Walked:
    said = [one for one in json.loads(text(path))["messages"] if one.get("tokens")]
    sums = Counter[str]()
    for one in said:
        sums.update(one["tokens"])
    assert sums["input"] + sums["tool"] + sums["output"] + sums["thoughts"] == sums["total"]
    return (
        sums["input"] + sums["tool"],
        sums["output"] + sums["thoughts"],
        sums["cached"],
        0,
        {one["model"] for one in said},
    )


def pi(path: Path) -> Walked:
    said = [record["message"] for record in records(path) if record["type"] == "message"]
    usage = [one["usage"] for one in said if one["role"] == "assistant"]
    taken, given, read, made = (
        sum(one[name] for one in usage) for name in ("input", "output", "cacheRead", "cacheWrite")
    )
    models = {one["model"] for one in said if one["role"] == "assistant"}
    return taken + read + made, given, read, sum(one["cost"]["total"] for one in usage), models


def librechat(path: Path) -> Walked:
    waiting, said = list(json.loads(text(path))["messages"]), list[dict[str, Any]]()
    while waiting:
        said.append(waiting.pop())
        waiting += said[-1].get("children") or []
    answers = [one for one in said if not one["isCreatedByUser"]]
    taken, given = (sum(one.get(name) or 0 for one in answers) for name in ("promptTokens", "tokenCount"))
    return taken, given, 0, 0, {one["model"] for one in answers if one["model"]}


def chatgpt(path: Path) -> Walked:
    nodes = [node for talk in json.loads(text(path)) for node in talk["mapping"].values()]
    messages: list[dict[str, Any]] = [node["message"] for node in nodes if node.get("message")]
    said = [message for message in messages if message["author"]["role"] == "assistant"]
    return 0, 0, 0, 0, {one["metadata"]["model_slug"] for one in said if one["metadata"].get("model_slug")}


def oasst(path: Path) -> Walked:
    waiting, models = [record["prompt"] for record in records(path)], set[str]()
    while waiting:
        one = waiting.pop()
        waiting += one["replies"]
        models |= {one["model_name"]} if one.get("model_name") else set()
    return 0, 0, 0, 0, models


WALKS: dict[str, Callable[[Path], Walked]] = {
    "agents/claude-code/**/*.jsonl*": claude,
    "agents/codex/*": codex,
    "agents/gemini-cli/*": gemini,
    "agents/pi/*": pi,
    "chat-exports/librechat*": librechat,
    "chat-exports/chatgpt*": chatgpt,
    "trees/oasst*": oasst,
}
FILES = [
    pytest.param(walk, path, marks=[pytest.mark.thorough] if path.parent.name in ("bulk", "entire_series_B") else [])
    for pattern, walk in WALKS.items()
    for path in sorted(DATA.glob(pattern))
]


def read(path: Path) -> tuple[Totals, set[str]]:
    """What the messages of a file count for, and their models, before they are stored."""
    totals, models = Totals(), set[str]()
    for transcript in transcripts(path):
        assert not isinstance(transcript, Fault)
        for entry in transcript.entries():
            if not isinstance(entry, Fault) and entry.message is not None:
                totals.add(count([json.dumps(entry.message).encode()]))
                models |= {entry.message["model"]} if "model" in entry.message else set()
    return totals, models


@pytest.mark.skipif(not FILES, reason="the transcripts are not beside the checkout (shared/data)")
@pytest.mark.parametrize(("walk", "path"), FILES, ids=lambda one: one.name if isinstance(one, Path) else one.__name__)
def test_sums_are_those_of_an_independent_walk(walk: Callable[[Path], Walked], path: Path) -> None:
    totals, models = read(path)
    taken, given, cached, cost, told = walk(path)
    assert [getattr(totals, name) for name in COUNTED] == [taken, given, cached]
    assert totals.cost == pytest.approx(cost * 10**9)
    assert models == told


@pytest.mark.skipif(not FILES, reason="the transcripts are not beside the checkout (shared/data)")
async def test_a_session_that_is_imported_while_it_grows_counts_each_answer_once(store: Store) -> None:
    """Two copies of one session, one longer; one with sidechains has its tokens where they were taken."""
    folder = DATA / "agents" / "claude-code"
    for name in ("00", "03"):
        path = folder / "entire_series_A" / f"{name}.jsonl.gz"
        (done,) = (await import_file(StoreTarget(store), path, CHOICES)).sessions
        found = (await store.totals(done.session)).totals
        assert [getattr(found, one) for one in COUNTED] == [*claude(path)[:3]], name
    (path,) = folder.glob("viewer_fe5e*")
    (done,) = (await import_file(StoreTarget(store), path, CHOICES)).sessions
    whole = (await store.totals(done.session)).totals
    assert [getattr(whole, one) for one in COUNTED] == [*claude(path)[:3]]
    subs = (await store.branches(done.session, subs=True, limit=100)).items
    parts = [(await store.totals(done.session, name)).totals for name in ("main", *(sub.name for sub in subs))]
    assert sum(part.output_tokens for part in parts) == whole.output_tokens > parts[0].output_tokens


def piece(output: int, **fields: Any) -> dict[str, Any]:
    """A record of Claude Code's, one of several of an answer."""
    usage = {"input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": output, "service_tier": "standard"}
    said = {"role": "assistant", "id": "m1", "model": "m-1", "usage": usage, "content": [{"type": "text", "text": "x"}]}
    return {"type": "assistant", "sessionId": "s-1", "requestId": "r1", "message": said, **fields}


async def test_an_answer_counts_once_wherever_its_transcript_was_cut(store: Store, tmp_path: Path) -> None:
    lines = [json.dumps(piece(output, uuid=str(at), costUSD=0.5)) for at, output in enumerate((1, 1, 40, 40))]
    (tmp_path / "t.jsonl").write_text("\n".join(lines[:1]) + "\n")
    (done,) = (await import_file(StoreTarget(store), tmp_path / "t.jsonl", CHOICES)).sessions
    for cut in (2, 3, 4):
        (tmp_path / "t.jsonl").write_text("\n".join(lines[:cut]) + "\n")
        await import_file(StoreTarget(store), tmp_path / "t.jsonl", CHOICES)
    messages = (await store.history(done.session)).items
    assert [message.get("usage") for message in messages] == [
        {"input_tokens": 3, "cache_read_input_tokens": 100, "output_tokens": 1, "service_tier": "standard"},
        None, {"output_tokens": 39}, None,
    ]  # fmt: skip
    assert {message["model"] for message in messages} == {"m-1"}
    assert not any("usage" in message.metadata for message in messages)
    found = (await store.totals(done.session)).totals
    assert (found.input_tokens, found.cached_tokens, found.output_tokens, found.cost) == (103, 100, 40, 5 * 10**8)


async def test_what_no_usage_can_be_stays_in_the_metadata(store: Store, tmp_path: Path) -> None:
    odd: list[dict[str, Any]] = [
        {"input_tokens": -1},
        {"output_tokens": "many"},
        {"input_tokens": True},
        {"cached_tokens": 1.5},
    ]
    records = [piece(0, uuid=str(at)) for at in range(len(odd))]
    for record, usage in zip(records, odd, strict=True):
        record["message"] |= {"usage": usage, "model": "<synthetic>", "id": record["uuid"]}
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    report = await import_file(StoreTarget(store), tmp_path / "t.jsonl", CHOICES)
    assert report.clean
    messages = (await store.history(report.sessions[0].session)).items
    assert [message.metadata["usage"] for message in messages] == odd
    assert [message.metadata["model"] for message in messages] == ["<synthetic>"] * 4
    assert not any({"usage", "model"} & {*message} for message in messages)


def item(kind: str, **payload: Any) -> dict[str, Any]:
    return {"type": "response_item", "payload": {"type": kind, **payload}}


def counted(total: int, last: int | None = None) -> dict[str, Any]:
    usage = {"input_tokens": total * 10, "cached_input_tokens": total, "output_tokens": total}
    info = {"total_token_usage": usage, "last_token_usage": {"output_tokens": last or total}}
    return {"type": "event_msg", "payload": {"type": "token_count", "info": info}}


ASKS = item("message", role="user", content=[{"type": "input_text", "text": "go"}])
THINKS = item("reasoning", summary=[])
CALLS = item("function_call", name="ls", arguments="{}", call_id="c")
BRINGS = item("function_call_output", call_id="c", output="a")
SAYS = item("message", role="assistant", content=[{"type": "output_text", "text": "done"}])


@pytest.mark.parametrize(
    ("records", "outputs"),
    [
        pytest.param(
            [ASKS, counted(5), THINKS, CALLS, BRINGS, counted(5), counted(12), THINKS, SAYS],
            [None, 5, None, None, 7, None],
            id="before an answer",
        ),
        pytest.param(
            [ASKS, THINKS, CALLS, counted(5), counted(5), BRINGS, THINKS, SAYS, counted(12), ASKS],
            [None, None, 5, None, None, 7, None],
            id="after an answer",
        ),
        pytest.param([ASKS, SAYS, counted(5), counted(9), SAYS], [None, 5, 4], id="two after one"),
        pytest.param([ASKS, SAYS, counted(50), ASKS, SAYS, counted(3, 3)], [None, 50, None, 3], id="from zero again"),
        pytest.param([ASKS, SAYS, *[item("ghost_snapshot")] * 200, counted(5), SAYS], [None, None, 5], id="far behind"),
        pytest.param([ASKS, SAYS, {"type": "event_msg", "payload": {"type": "token_count", "info": None}}], [None, None], id="no count"),
    ],
)  # fmt: skip
def test_codex_counts_go_to_the_answer_that_they_are_of(records: list[Any], outputs: list[Any], tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, records)))
    (transcript,) = transcripts(tmp_path / "t.jsonl")
    assert not isinstance(transcript, Fault)
    entries = [entry for entry in transcript.entries() if not isinstance(entry, Fault)]
    assert [entry.line for entry in entries] == [*range(1, len(records) + 1)], "nothing is told out of its turn"
    messages = [entry.message for entry in entries if entry.message is not None]
    assert [message.get("usage", {}).get("output_tokens") for message in messages] == outputs
