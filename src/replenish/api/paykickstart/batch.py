"""Up to 500 changes in one request. Each succeeds or fails alone, in the order sent, as if sent one by one."""

from typing import Final

import msgspec

from replenish.api.paykickstart.answers import Answer, Refused, Served, refusal
from replenish.api.paykickstart.call import Call
from replenish.api.paykickstart.fields import ENTRIES, entry_of
from replenish.api.paykickstart.usage import Change, EntryView, added, deduction, find, shown, taken
from replenish.core.errors import Invalid, Refusal
from replenish.flows.record_usage import NewUsage
from replenish.reports.addons import Selected, Selector

ENTRIES_MAX: Final = 500


class EntryAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What one entry would have been answered alone."""

    data: EntryView
    code: int = 200
    status: bool = True
    success: int = 1


class BatchView(msgspec.Struct, frozen=True, kw_only=True):
    entries: list[EntryAnswer | Refused]
    succeeded: int
    failed: int


Outcome = tuple[Selected, Change] | Refusal


class _Batch:
    """The entries in order: deductions wait for each other to be sent together, until an added one needs them done."""

    def __init__(self, call: Call) -> None:
        self.call = call
        self.outcomes: dict[int, Outcome] = {}
        self._waiting: list[tuple[int, Selected, NewUsage]] = []
        self._found: dict[Selector, Selected | Refusal] = {}

    async def take(self, place: int, call: Call) -> None:
        try:
            units = call.fields.units()
            call.require("usage:write" if units < 0 else "credits:write")
            selected = await self._select(call)
            if units < 0:
                self._waiting.append((place, selected, await deduction(call, selected)))
                return
            await self.flush()
            self.outcomes[place] = (selected, await added(call, selected))
        except Refusal as error:
            self.outcomes[place] = error

    async def _select(self, call: Call) -> Selected:
        selector = call.fields.selector()
        known = self._found.get(selector)
        if known is None:
            try:
                known = await find(call)
            except Refusal as error:
                known = error
            self._found[selector] = known
        if isinstance(known, Refusal):
            raise known
        return known

    async def flush(self) -> None:
        waiting, self._waiting = self._waiting, []
        outcomes = await self.call.context.usage.submit_all([usage for _, _, usage in waiting])
        for (place, selected, usage), outcome in zip(waiting, outcomes, strict=True):
            try:
                self.outcomes[place] = (selected, taken(outcome, usage))
            except Refusal as error:
                self.outcomes[place] = error


async def add_usage_batch(call: Call) -> Served:
    """Take `entries`, a JSON list; each has the fields of one change.

    A key of the request becomes `key:0`, `key:1` … of the entries that have none, so that the whole can be sent again.
    """
    entries = call.sent.entries
    if entries is None:
        raise Invalid(ENTRIES, "is required, as a JSON list")
    if not 1 <= len(entries) <= ENTRIES_MAX:
        raise Invalid(ENTRIES, f"must have 1 to {ENTRIES_MAX} entries")
    key = call.key()
    batch = _Batch(call)
    calls: dict[int, Call] = {}
    for place, sent in enumerate(entries):
        try:
            fields = entry_of(sent, place=place, key=None if key is None else f"{key}:{place}")
        except Invalid as error:
            batch.outcomes[place] = error
            continue
        calls[place] = call.of_entry(fields)
        await batch.take(place, calls[place])
    await batch.flush()
    answers: list[EntryAnswer | Refused] = []
    for place in range(len(entries)):
        match batch.outcomes[place]:
            case Refusal() as error:
                answers.append(refusal(error))
            case selected, change:
                answers.append(EntryAnswer(data=await shown(call, selected, change)))
    failed = sum(isinstance(answer, Refused) for answer in answers)
    data = BatchView(entries=answers, succeeded=len(answers) - failed, failed=failed)
    return Served(Answer(message=f"{data.succeeded} of {len(answers)} entries were added", data=data))
