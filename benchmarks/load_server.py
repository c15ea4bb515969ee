"""The served detector and the page under twice the load that they bear."""

import asyncio
import base64
import csv
import io
import json
import random
import re
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import numpy as np
from load_sampling import (
    Sample,
    Verdict,
    Watch,
    counts,
    median,
    second_half,
    slope,
    write_samples,
)
from measuring import write_images
from ours import make_detector
from project_copy import Command, free_port, is_listening

from face_forgery.hooks.store import import_mlflow
from face_forgery.modeling.detector_folder import write_detector
from face_forgery.serving.packaging import log_detector

SIDE = 512  # pixels of an image
SERVED = ("resnet18", 160)  # backbone, and pixels of its input
# The page also explains each image: a hundred forward passes, eight seconds of a core with the
# network above. What is measured here is how the page bears a crowd, not how fast that is.
ON_PAGE = ("test_resnet", 64)
NUM_IMAGES = 20
NUM_CLIENTS = 6  # that measure what the server bears: more than work at once
WARM_S, CAPACITY_S, REST_S = 10, 20, 15
NUM_NORMAL = 100  # requests of one client, before and after
START_S, TIMEOUT_S = 600, 90
SEED = 0
TOLERANCE = 1e-6  # of a score
REFUSED = 503
# Limits.
REFUSAL_S = 1.0  # 99 of 100 refusals are told within
LEAST_RATE = 0.7  # that is still answered under twice the load
WAITS = 2.0  # 99 of 100 answers come within so many times the wait of a full queue
SLOWER = 2.0  # median of the answers after, to that before
MEMORY_GROWTH = 0.05  # that memory may be higher by, after, and grow by in the second minute


class Reply(NamedTuple):
    """What a client saw."""

    status: int | str  # or the name of what broke off
    seconds: float
    content: str  # of the judgement
    says_when: bool  # whether a refusal names when to come back


Ask = Callable[[httpx.AsyncClient, int], Awaitable[Reply]]


class Server(NamedTuple):
    """A server that is up."""

    pid: int
    ask: Ask
    capacity: int  # requests that are worked on or wait
    uploads: Path | None


def overload(work: Path, name: str, seconds: int) -> Verdict:
    """Ask as people do, then twice as often as can be answered, then as people do."""
    start = {"served": _served, "page": _page}[name]
    shutil.rmtree(work / name, ignore_errors=True)
    (work / name).mkdir()
    with start(work / name) as server, Watch(server.pid) as watch:
        return asyncio.run(_drive(work, name, seconds, server, watch))


async def _drive(work: Path, name: str, seconds: int, server: Server, watch: Watch) -> Verdict:
    watch.stage = "warm"
    await _closed_loop(server.ask, WARM_S)
    watch.stage = "capacity"
    before_rate = await _closed_loop(server.ask, CAPACITY_S)
    watch.stage = "before"
    before = await _in_turn(server.ask)
    watch.stage = "load"
    asked, replies = await _open_loop(server.ask, 2 * before_rate, seconds)
    disk = _megabytes(server.uploads)
    watch.stage = "rest"
    await asyncio.sleep(REST_S)
    watch.stage = "after"
    after = await _in_turn(server.ask)
    watch.stage = "capacity again"
    after_rate = await _closed_loop(server.ask, CAPACITY_S)
    write_samples(work / f"{name}.csv", watch.samples)
    verdict = Verdict(name)
    verdict.facts |= {
        "capacity before, a second": round(before_rate, 2),
        "capacity after, a second": round(after_rate, 2),
        "asked under load, a second": round(asked / seconds, 2),
    }
    if disk is not None:
        verdict.facts["uploads on disk after the load, MB"] = disk
    rate = min(before_rate, after_rate)
    _judge_replies(verdict, replies, seconds=seconds, rate=rate, places=server.capacity)
    _judge_scores(verdict, before, after, [r for r in replies if r[1].status == 200])
    _judge_memory(verdict, watch.samples)
    return verdict


def _judge_replies(
    verdict: Verdict,
    replies: list[tuple[int, Reply]],
    *,
    seconds: int,
    rate: float,
    places: int,
) -> None:
    statuses = counts([reply.status for _, reply in replies])
    answers = [reply.seconds for _, reply in replies if reply.status == 200]
    refusals = [reply for _, reply in replies if reply.status == REFUSED]
    verdict.facts |= {
        "replies under load": statuses,
        "answers under load, a second": round(len(answers) / seconds, 2),
        "seconds to an answer, median, 99 of 100, longest": _times(answers),
        "seconds to a refusal, median, 99 of 100, longest": _times([r.seconds for r in refusals]),
    }
    verdict.equal("other replies than 200 and 503", len(statuses.keys() - {200, REFUSED}), 0)
    verdict.equal("some are refused", bool(refusals), True)
    silent = sum(not reply.says_when for reply in refusals)
    verdict.equal("refusals that do not say when to come back", silent, 0)
    late = float(np.percentile([reply.seconds for reply in refusals] or [0], 99))
    verdict.hold("99 of 100 refusals within", late, at_most=REFUSAL_S, unit="s")
    late = float(np.percentile(answers or [np.inf], 99))
    verdict.hold("99 of 100 answers within", late, at_most=WAITS * places / rate, unit="s")
    lacking = 1 - len(answers) / seconds / rate
    verdict.hold("of the capacity lost", lacking, at_most=1 - LEAST_RATE)


def _judge_scores(
    verdict: Verdict,
    before: list[Reply],
    after: list[Reply],
    answers: list[tuple[int, Reply]],
) -> None:
    expected = [json.loads(reply.content) for reply in before]
    others = [(number, reply) for number, reply in enumerate(after)] + answers
    wrong = sum(not _is_same(expected[number % NUM_IMAGES], reply) for number, reply in others)
    verdict.equal(f"different judgements of {len(others):,} under load and after", wrong, 0)
    times = [float(np.median([reply.seconds for reply in replies])) for replies in (before, after)]
    verdict.facts["seconds to an answer, median before and after"] = [round(t, 4) for t in times]
    verdict.hold("median after, to that before", times[1] / times[0], at_most=SLOWER)


def _is_same(expected: list[dict[str, Any]], reply: Reply) -> bool:
    if reply.status != 200:
        return False
    found = json.loads(reply.content)
    scores = [row.pop("y_pred") for row in found]
    wanted = [row["y_pred"] for row in expected]
    rest = [{k: v for k, v in row.items() if k != "y_pred"} for row in expected]
    return rest == found and np.allclose(scores, wanted, rtol=0, atol=TOLERANCE)


def _judge_memory(verdict: Verdict, samples: list[Sample]) -> None:
    by_stage = {stage: [s for s in samples if s.stage == stage] for stage in ("before", "after")}
    load = [sample for sample in samples if sample.stage == "load"]
    late = second_half(load)
    growth = slope(late, lambda sample: sample.seconds) * (late[-1].seconds - late[0].seconds)
    before, after = (median(by_stage[stage], "resident") for stage in ("before", "after"))
    verdict.facts["resident before, peak under load, after, MiB"] = [
        before,
        max(sample.resident for sample in load),
        after,
    ]
    verdict.hold(
        "growth in the second half of the load", growth, at_most=MEMORY_GROWTH * before, unit="MiB"
    )
    verdict.hold("memory after, above that before", after / before - 1, at_most=MEMORY_GROWTH)
    for of in ("handles", "threads", "processes"):
        first, last = (median(by_stage[stage], of) for stage in ("before", "after"))
        peak = max(getattr(sample, of) for sample in load)
        verdict.facts[f"{of} before, peak under load, after"] = [first, peak, last]
        verdict.hold(f"{of} after, less before", last - first, at_most=0)


def _times(seconds: list[float]) -> list[float]:
    return [round(float(s), 3) for s in np.percentile(seconds or [np.nan], [50, 99, 100])]


def _megabytes(folder: Path | None) -> float | None:
    if folder is None:
        return None
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return round(sum(sizes) / 1e6, 1)


async def _closed_loop(ask: Ask, seconds: float) -> float:
    """Return the answers a second to clients of which each asks as soon as it is answered."""
    end = time.monotonic() + seconds
    answers: list[Reply] = []

    async def go_on(client: httpx.AsyncClient, first: int) -> None:
        number = first
        while time.monotonic() < end:
            reply = await ask(client, number)
            if time.monotonic() < end:
                answers.append(reply)
            number += NUM_CLIENTS

    async with _client() as client:
        await asyncio.gather(*(go_on(client, first) for first in range(NUM_CLIENTS)))
    if any(reply.status != 200 for reply in answers):
        raise RuntimeError(
            f"{counts([reply.status for reply in answers])} for {NUM_CLIENTS} clients"
        )
    return len(answers) / seconds


async def _in_turn(ask: Ask) -> list[Reply]:
    """Return the answers to one client that asks for one image after the other."""
    async with _client() as client:
        return [await ask(client, number) for number in range(NUM_NORMAL)]


async def _open_loop(ask: Ask, rate: float, seconds: float) -> tuple[int, list[tuple[int, Reply]]]:
    """Ask at random moments (Poisson), whether or not anything is answered; wait for the rest."""
    rng = random.Random(SEED)
    start, due = time.monotonic(), 0.0
    replies: list[tuple[int, Reply]] = []

    async def note(client: httpx.AsyncClient, number: int) -> None:
        replies.append((number, await ask(client, number)))

    async with _client() as client, asyncio.TaskGroup() as tasks:
        number = 0
        while (due := due + rng.expovariate(rate)) < seconds:
            await asyncio.sleep(start + due - time.monotonic())
            tasks.create_task(note(client, number))
            number += 1
    return number, replies


def _client() -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.AsyncClient(limits=limits, timeout=TIMEOUT_S, trust_env=False)


@contextmanager
def _served(folder: Path) -> Iterator[Server]:
    """Log and register a detector, and serve it as docs/serving.md says."""
    store = f"sqlite:///{folder / 'mlflow.db'}"
    mlflow = import_mlflow()
    mlflow.set_tracking_uri(store)
    mlflow.create_experiment("load", artifact_location=(folder / "mlruns").as_uri())
    mlflow.set_experiment("load")
    with mlflow.start_run():
        log_detector(_write_detector(folder, SERVED), min_size=48, register_as="face-forgery")
    port = free_port()
    command = ["face_forgery.serving", "models:/face-forgery@newest"]
    bodies = [_body(path) for path in write_images(folder / "images", NUM_IMAGES, SIDE)]
    url = f"http://127.0.0.1:{port}/invocations"
    headers = {"Content-Type": "application/json"}

    async def ask(client: httpx.AsyncClient, number: int) -> Reply:
        start = time.monotonic()
        try:
            body = bodies[number % NUM_IMAGES]
            answer = await client.post(url, content=body, headers=headers)
        except httpx.HTTPError as error:
            return Reply(type(error).__name__, time.monotonic() - start, "", False)
        seconds = time.monotonic() - start
        is_judged = answer.status_code == 200
        rows = json.dumps(answer.json()["predictions"]) if is_judged else ""
        return Reply(answer.status_code, seconds, rows, "retry-after" in answer.headers)

    with _running(command, folder, port, MLFLOW_TRACKING_URI=store) as pid:
        yield Server(pid, ask, capacity=18, uploads=None)


@contextmanager
def _page(folder: Path) -> Iterator[Server]:
    """Serve the page as `make app` does; a client uploads an image, asks, and waits for it."""
    port = free_port()
    detector = _write_detector(folder, ON_PAGE)
    command = ["face_forgery.serving.page", "--detector", str(detector)]
    contents = [path.read_bytes() for path in write_images(folder / "images", NUM_IMAGES, SIDE)]
    uploads = folder / "uploads"
    uploads.mkdir()
    url = f"http://127.0.0.1:{port}/gradio_api"
    visits = iter(range(10**9))

    async def visit(client: httpx.AsyncClient, number: int) -> tuple[int, str, bool]:
        files = [("files", ("image.jpg", contents[number % NUM_IMAGES]))]
        answer = await client.post(f"{url}/upload", files=files)
        if answer.status_code != 200:
            return answer.status_code, "", "retry-after" in answer.headers
        file = {"path": answer.json()[0], "meta": {"_type": "gradio.FileData"}}
        session = f"visit{next(visits)}"
        config = (await client.get(f"http://127.0.0.1:{port}/config")).json()
        show = next(one["id"] for one in config["dependencies"] if len(one["inputs"]) == 3)
        asked = {"fn_index": show, "session_hash": session, "data": [[file], "English", None]}
        answer = await client.post(f"{url}/queue/join", json=asked)
        if answer.status_code != 200:
            return answer.status_code, "", "retry-after" in answer.headers
        told = (await client.get(f"{url}/queue/data", params={"session_hash": session})).text
        events = [json.loads(line[6:]) for line in told.splitlines() if line.startswith("data: ")]
        last = next(event for event in events if event["msg"] == "process_completed")
        return (200 if last["success"] else 500), json.dumps(_rows_of(last)), False

    async def ask(client: httpx.AsyncClient, number: int) -> Reply:
        start = time.monotonic()
        try:
            status, content, says_when = await visit(client, number)
        except (httpx.HTTPError, StopIteration, ValueError) as error:
            return Reply(type(error).__name__, time.monotonic() - start, "", False)
        return Reply(status, time.monotonic() - start, content, says_when)

    with _running(command, folder, port, TMPDIR=str(uploads)) as pid:
        yield Server(pid, ask, capacity=20, uploads=uploads)


def _rows_of(event: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of the table that the page offers to download."""
    encoded = re.search(r"base64,([\w+/=]+)", event["output"]["data"][-1])
    assert encoded is not None
    table = base64.b64decode(encoded[1]).decode()
    rows = list(csv.DictReader(io.StringIO(table, newline="")))
    return [row | {"y_pred": float(row["y_pred"])} for row in rows]


@contextmanager
def _running(command: list[str], folder: Path, port: int, **env: str) -> Iterator[int]:
    """Start a server in a process of its own, wait until it answers, and end it after the block."""
    arguments = ["-m", *command, "--port", str(port)]
    with Command(arguments, folder, folder / "server.log", **env) as server:
        if not server.wait_until(lambda: is_listening(port), START_S):
            raise RuntimeError(f"no answer in {START_S} s: {server.said()[-3000:]}")
        yield server.pid


def _write_detector(folder: Path, network: tuple[str, int]) -> Path:
    (folder / "detector").mkdir()
    detector = replace(make_detector(*network), precision="float32")
    write_detector(detector, folder / "detector")
    return folder / "detector"


def _body(image: Path) -> bytes:
    encoded = base64.b64encode(image.read_bytes()).decode()
    return json.dumps({"dataframe_split": {"columns": ["image"], "data": [[encoded]]}}).encode()
