"""What a wallet must do, in the plainest words: the model that PostgreSQL has to agree with.

Knows nothing of the program but ids. Lots are dictionaries, time is a number of seconds, amounts are Fractions.
"""

from fractions import Fraction


class Short(Exception):
    """Nothing can pay for this."""


class Model:
    def __init__(self) -> None:
        self.now = 0
        self.lots: list[dict] = []
        self.debts: list[dict] = []
        self.carry = Fraction(0)
        # Of meter b, the first 40 units cost 1, the next 40 three quarters, the rest half. Nobody waits for a month here.
        self.counted = Fraction(0)

    def price(self, meter: str | None, value: Fraction) -> Fraction:
        if meter != "b":
            return value
        start, end = self.counted, self.counted + value
        return sum(
            (
                (min(end, Fraction(last)) - max(start, Fraction(first))) * rate
                for first, last, rate in ((0, 40, Fraction(1)), (40, 80, Fraction(3, 4)), (80, 10**9, Fraction(1, 2)))
                if start < last and end > first
            ),
            Fraction(0),
        )

    def count(self, event: dict, meter: str | None, value: Fraction) -> None:
        event["units"] = value if meter == "b" else Fraction(0)
        self.counted += event["units"]

    def pass_to(self, now: int) -> None:
        times = self.ends() + [at for lot in self.lots for at in (lot["start"], lot["end"])]
        moments = sorted({at for at in times if self.now < (at or 0) <= now})
        for moment in moments:
            self.now = moment
            for lot in self.lots:
                if lot["end"] is not None and lot["end"] <= moment:
                    lot["left"] = Fraction(0)
                elif lot["start"] == moment and not lot["void"]:
                    lot["left"] = lot["amount"]
            self.repay()
            self.end(moment)
        self.now = now

    def ends(self) -> list[int]:
        return []

    def end(self, moment: int) -> None:
        """Holds, which `model_holds` adds, end here."""

    def usable(self, meter: str | None) -> list[dict]:
        found = [
            lot
            for lot in self.lots
            if lot["start"] <= self.now
            and (lot["end"] is None or self.now < lot["end"])
            and not lot["void"]
            and (not lot["scope"] or meter in lot["scope"])
        ]
        never = float("inf")
        return sorted(
            found,
            key=lambda lot: (lot["priority"], lot["end"] or never, lot["paid"], lot["created"], lot["id"]),
        )

    def take(self, meter: str | None, amount: Fraction) -> tuple[list[tuple[dict, Fraction]], Fraction]:
        taken = []
        for lot in self.usable(meter):
            part = min(lot["left"], amount)
            if part:
                lot["left"] -= part
                amount -= part
                taken.append((lot, part))
        return taken, amount

    def repay(self) -> None:
        for debt in self.debts:
            taken, debt["left"] = self.take(debt["meter"], debt["left"])
            debt["paid"] += taken

    def grant(self, **lot: object) -> None:
        started = lot["start"] <= self.now
        self.lots.append(lot | {"left": lot["amount"] if started else Fraction(0), "void": False, "created": self.now})
        self.repay()

    def debit(self, meter: str | None, value: Fraction, *, decimals: int, owe: bool) -> dict:
        price = self.price(meter, value)
        debit = max(Fraction(0), (self.carry + price) * 10**decimals // 1 / Fraction(10**decimals))
        short = debit > sum(lot["left"] for lot in self.usable(meter))
        if not owe and (short or self.owed):
            raise Short
        self.carry += price - debit
        taken, left = self.take(meter, debit)
        event = {"meter": meter, "taken": taken, "debit": debit, "carried": price - debit, "debt": None}
        if left:
            event["debt"] = {"meter": meter, "left": left, "paid": []}
            self.debts.append(event["debt"])
        self.count(event, meter, value)
        return event

    def give_back(self, parts: list[tuple[dict, Fraction]]) -> None:
        for lot, part in parts:
            if not lot["void"] and (lot["end"] is None or self.now < lot["end"]):
                lot["left"] += part

    def reverse(self, event: dict) -> None:
        paid = event["taken"] + (event["debt"]["paid"] if event["debt"] else [])
        if event["debt"]:
            event["debt"]["left"] = Fraction(0)
        self.give_back(paid)
        self.carry -= event["carried"]
        self.counted -= event["units"]
        self.repay()

    @property
    def available(self) -> Fraction:
        return sum((lot["left"] for lot in self.lots), Fraction(0))

    @property
    def owed(self) -> Fraction:
        return sum((debt["left"] for debt in self.debts), Fraction(0))
