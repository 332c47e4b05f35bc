"""The cases that a run of an eval asks: those of the set that the eval names, or those that the run brings with it."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from footnote.core.catalog.catalog import Catalog
from footnote.core.catalog.evals import EvalRecord
from footnote.core.catalog.evaluation_records import CaseDraft, EvaluationSetRecord, SetKind
from footnote.core.catalog.evaluation_sets import MAX_CASES
from footnote.core.errors import InvalidInput, NotFound
from footnote.core.offload import offload
from footnote.core.types import Caller
from serving.api.model_names import ASSISTANT, parse_model
from serving.api.schemas.evals import DataSource
from serving.api.schemas.evaluation_sets import EvaluationCase
from serving.evaluating import WantedRun
from serving.services import Services

MAX_FILE_BYTES = 64 * 1024 * 1024
QUESTION = ("{{item.question}}", "{{ item.question }}")


async def wanted_run(
    record: EvalRecord, source: DataSource, *, request: Mapping[str, Any], services: Services, caller: Caller
) -> WantedRun:
    """Return the run that somebody asks for; cases that it brings become a version of a set of the eval's.

    Raises:
        InvalidInput: what is asked for is none that footnote does, or a case cannot be used.
        NotFound: the set, file or model is not there.
    """
    _require_plain(source)
    model = parse_model(source.model or ASSISTANT, release_id=services.release.id)
    collection_ids = None if model.collection_id is None else (model.collection_id,)
    given = dict(record.data_source.get("metadata") or {})
    if source.source.type in ("file_content", "file_id"):
        drafts = await _brought(source, services, caller)
        imported = await services.catalog.evaluation_sets.import_cases(drafts, name=set_name(record), kind=SetKind.GOLDEN, caller=caller)
        set_id = imported.set.id
        return WantedRun(set_id=set_id, collection_ids=collection_ids, eval_id=record.id, request=request)
    if "set" not in given:
        raise InvalidInput(
            "The eval names no set, so a run brings its cases.",
            hint="Give a source of type file_content or file_id, or an eval whose data_source_config.metadata has `set`.",
            param="data_source.source",
        )
    found = await find_set(services.catalog, given["set"], caller=caller)
    return WantedRun(
        set_id=found.id,
        part=given.get("part"),
        limit=limit_of(given),
        collection_ids=collection_ids,
        eval_id=record.id,
        request=request,
    )


async def find_set(catalog: Catalog, wanted: str, *, caller: Caller) -> EvaluationSetRecord:
    """Return the version of a set that is meant by an id, ``NAME`` or ``NAME@NUMBER``.

    Raises:
        NotFound: there is none that the caller may read.
    """
    if wanted.startswith("set_"):
        try:
            return await catalog.evaluation_sets.get(wanted, caller=caller)
        except NotFound:
            pass  # a name may begin like an id
    name, at, number = wanted.rpartition("@")
    if at and number.isdecimal() and len(number) < 10:
        return await catalog.evaluation_sets.find(name, caller=caller, number=int(number))
    return await catalog.evaluation_sets.find(wanted, caller=caller)


def limit_of(given: Mapping[str, str]) -> int | None:
    """Return how many cases a run asks at most.

    Raises:
        InvalidInput: it is no number.
    """
    limit = given.get("limit")
    if limit is None:
        return None
    if not limit.isdecimal() or not int(limit[:10]) > 0 or len(limit) > 9:
        raise InvalidInput("`limit` is no number from 1 on.", param="data_source_config.metadata.limit")
    return int(limit)


def set_name(record: EvalRecord) -> str:
    """Return the name of the set that cases of an eval's runs are kept in."""
    return record.id


def drafts_of(items: Iterable[Mapping[str, Any]]) -> list[CaseDraft]:
    """Return the cases that items are; one without an id is called by its place. No more of them are taken than a set may have.

    Raises:
        InvalidInput: an item is no case, or there are too many. The message says which.
    """
    drafts: list[CaseDraft] = []
    for place, item in enumerate(items, start=1):
        if place > MAX_CASES:
            raise InvalidInput(f"A set has 1 to {MAX_CASES:,} cases; these are more.", param="cases")
        drafts.append(_case(item, place=place).draft())
    return drafts


def parse_items(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Yield the items of JSON lines: each ``{"item": {…}}``, or the case by itself. Only one line at a time is held.

    Raises:
        InvalidInput: a line is no JSON object.
    """
    for number, line in enumerate(lines, start=1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise InvalidInput("The file is no text in UTF-8.", param="data_source.source.id") from error
        if text.strip():
            yield _item(text, number=number)


def _item(line: str, *, number: int) -> dict[str, Any]:
    try:
        given: Any = json.loads(line)
    except ValueError:
        given = None
    item: Any = given.get("item", given) if isinstance(given, dict) else None  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    if not isinstance(item, dict):
        raise InvalidInput(f"Line {number} of the file is no JSON object.", param="data_source.source.id")
    return item  # pyright: ignore[reportUnknownVariableType]


async def _brought(source: DataSource, services: Services, caller: Caller) -> list[CaseDraft]:
    given = source.source
    if given.type == "file_content":
        content = given.content or []
        if any(each.sample is not None for each in content):
            raise InvalidInput("Samples are not taken: footnote answers.", param="data_source.source.content")
        return await offload(lambda: drafts_of(each.item for each in content))
    if given.id is None:
        raise InvalidInput("A source of type file_id needs an `id`.", param="data_source.source.id")
    record = await services.catalog.files.get(given.id, owner=caller.owner)
    if record.size_bytes > MAX_FILE_BYTES:
        raise InvalidInput(f"The file has more than {MAX_FILE_BYTES:,} bytes.", param="data_source.source.id")
    async with services.blobs.local(record.blob_sha256) as path:
        return await offload(_drafts_in, path)


def _drafts_in(path: Path) -> list[CaseDraft]:
    with path.open("rb") as file:
        return drafts_of(parse_items(file))


def _case(item: Mapping[str, Any], *, place: int) -> EvaluationCase:
    try:
        return EvaluationCase.model_validate({"id": f"item-{place}", **item})
    except ValidationError as error:
        fault = error.errors(include_input=False, include_url=False)[0]
        field = ".".join(str(part) for part in fault["loc"])
        raise InvalidInput(
            f"Item {place} is no case: `{field}`: {fault['msg']}.",
            hint=f"A set has at most {MAX_CASES:,} cases; docs/evaluation.md lists their fields.",
            param="data_source.source.content",
        ) from None


def _require_plain(source: DataSource) -> None:
    if source.sampling_params and any(value is not None for value in source.sampling_params.values()):
        raise InvalidInput("Sampling parameters are not taken: the release decides.", param="data_source.sampling_params")
    if source.input_messages is not None and not _asks_the_question(source.input_messages):
        raise InvalidInput(
            "Messages are not taken: each case's question is asked, after its history.",
            hint='One template message of the user, "{{item.question}}", says the same.',
            param="data_source.input_messages",
        )


def _asks_the_question(messages: Mapping[str, Any]) -> bool:
    match messages:
        case {"type": "template", "template": [{"role": "user", "content": str(content)}]}:
            return content in QUESTION
        case {"type": "template", "template": [{"role": "user", "content": {"type": "input_text", "text": str(content)}}]}:
            return content in QUESTION
        case _:
            return False
