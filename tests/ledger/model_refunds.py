"""Refunds, added to the model: bought credits that go with their money; what holds keep of them goes when they end."""

from fractions import Fraction

from tests.ledger.model_holds import HoldingModel


class RefundingModel(HoldingModel):
    def refund(self, lot: dict, amount: Fraction, *, owe: bool) -> dict[str, Fraction]:
        """What became of `amount`: unspent first, then what holds keep, the rest was spent."""
        taken = min(amount, lot["left"])
        waits = min(amount - taken, self.held(lot) - lot.get("due", 0))
        lot["left"] -= taken
        lot["due"] = lot.get("due", 0) + waits
        spent = amount - taken - waits
        if owe:
            self.owe(spent)
            self.repay()
        return {"taken": taken, "held": waits, "owed": spent * owe, "written_off": spent * (not owe)}

    def held(self, lot: dict) -> Fraction:
        parts = [part for hold in self.holds if hold["open"] for kept, part in hold["taken"] if kept is lot]
        return sum(parts, Fraction(0))

    def owe(self, amount: Fraction) -> None:
        if amount:
            self.debts.append({"meter": None, "left": amount, "paid": []})

    def give_back(self, parts: list[tuple[dict, Fraction]]) -> None:
        super().give_back(parts)
        for lot in self.lots:
            over = lot.get("due", 0) - self.held(lot)
            if over <= 0:
                continue
            lot["due"] -= over
            ended = lot["void"] or (lot["end"] is not None and lot["end"] <= self.now)
            freed = sum((part for back, part in parts if back is lot), Fraction(0))
            taken = min(over, freed if ended else lot["left"])
            lot["left"] -= 0 if ended else taken
            self.owe(over - taken)
