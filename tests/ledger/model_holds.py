"""Holds, added to the model: credits set aside, taken from the front by a capture, given back at their end."""

from fractions import Fraction

from tests.ledger.model import Model, Short


def merged(parts: list[tuple[dict, Fraction]]) -> list[tuple[dict, Fraction]]:
    """One entry a lot, in the order in which lots first appear."""
    found: dict = {}
    for lot, part in parts:
        found[lot["id"]] = (lot, found.get(lot["id"], (lot, Fraction(0)))[1] + part)
    return list(found.values())


class HoldingModel(Model):
    def __init__(self) -> None:
        super().__init__()
        self.holds: list[dict] = []

    def ends(self) -> list[int]:
        return [hold["end"] for hold in self.holds if hold["open"]]

    def end(self, moment: int) -> None:
        for hold in self.holds:
            if hold["open"] and hold["end"] == moment:
                self.let_go(hold)

    def hold(self, meter: str | None, value: Fraction, *, decimals: int, end: int) -> dict:
        price = self.price(meter, value)
        amount = -(-price * 10**decimals // 1) / Fraction(10**decimals)
        if amount > sum(lot["left"] for lot in self.usable(meter)) or self.owed:
            raise Short
        taken, _ = self.take(meter, amount)
        self.holds.append({"meter": meter, "taken": taken, "end": end, "open": True})
        return self.holds[-1]

    def let_go(self, hold: dict) -> None:
        hold["open"] = False
        self.give_back(hold["taken"])
        self.repay()

    def capture(self, hold: dict, value: Fraction, *, decimals: int, owe: bool) -> dict:
        price = self.price(hold["meter"], value)
        left = max(Fraction(0), (self.carry + price) * 10**decimals // 1 / Fraction(10**decimals))
        kept, rest = [], []
        for lot, part in hold["taken"]:
            front = min(left, part)
            left -= front
            kept += [(lot, front)] * bool(front)
            rest += [(lot, part - front)] * (part > front)
        if left and not owe and (left > sum(lot["left"] for lot in self.usable(hold["meter"])) or self.owed):
            raise Short
        hold["open"], carry = False, self.carry
        debit = sum((part for _, part in kept), Fraction(0)) + left
        more, short = self.take(hold["meter"], left)
        self.carry += price - debit
        event = {"meter": hold["meter"], "taken": merged(kept + more), "debit": debit, "debt": None}
        event["carried"] = self.carry - carry
        if short:
            event["debt"] = {"meter": hold["meter"], "left": short, "paid": []}
            self.debts.append(event["debt"])
        self.count(event, hold["meter"], value)
        self.give_back(rest)
        self.repay()
        return event
