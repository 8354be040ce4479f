"""What a meter charges at, as values: flat, by packages, by graduated tiers, and the card that tells rates apart. Pure."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from itertools import product
from typing import Final, Literal, Self

import msgspec

from replenish.core.metadata import Metadata, as_text

TIERS_MAX: Final = 50
ENTRIES_MAX: Final = 500
NAMES_MAX: Final = 8
VALUES_MAX: Final = 50
# An entry with several values for several properties stands for each combination of them.
COMBINATIONS_MAX: Final = 10_000

# What happens to an event that no entry of the rate card matches: the meter's own rate, or a refusal.
Unmatched = Literal["default", "reject"]


class FlatRate(msgspec.Struct, frozen=True, tag="flat"):
    """The same for each unit."""

    credits_per_unit: Decimal


class PackageRate(msgspec.Struct, frozen=True, tag="package"):
    """Whole packages of units; one that is begun is paid, by each event for itself (law 5)."""

    package_size: Decimal
    credits_per_package: Decimal


class Tier(msgspec.Struct, frozen=True):
    """Units up to and including the `up_to`th of the month; None = all further ones."""

    up_to: Decimal | None
    credits_per_unit: Decimal


class GraduatedRate(msgspec.Struct, frozen=True, tag="graduated"):
    """Each unit at the rate of the tier that it falls into; ascending, the last one without an end.

    Units count by wallet, rate and month in the workspace's time zone (law 5): each entry of a rate card has tiers of its own.
    """

    tiers: tuple[Tier, ...]


Rate = FlatRate | PackageRate | GraduatedRate


class RateCardEntry(msgspec.Struct, frozen=True):
    """The rate of events that carry all of these properties, each with one of the listed values."""

    properties: Mapping[str, Sequence[str]]
    rate: Rate

    @property
    def key(self) -> str:
        """What its units count under: its properties, in whatever order they were written."""
        listed = {name: sorted(values) for name, values in self.properties.items()}
        return msgspec.json.encode(listed, order="deterministic").decode()


class RateCard:  # noqa: PLW1641 - compared in tests, never a key
    """Entries in order of precedence: the first one that matches an event holds.

    Kept by the combinations of values they stand for, so that a card of hundreds of entries costs an event a few look-ups.
    """

    __slots__ = ("_by_names", "counts_months", "entries")

    def __init__(self, entries: Sequence[RateCardEntry] = ()) -> None:
        self.entries = tuple(entries)
        self.counts_months = any(isinstance(entry.rate, GraduatedRate) for entry in self.entries)
        self._by_names: dict[tuple[str, ...], dict[tuple[str | None, ...], tuple[int, RateCardEntry]]] = {}
        for place, entry in enumerate(self.entries):
            names = tuple(sorted(entry.properties))
            known = self._by_names.setdefault(names, {})
            for values in product(*(entry.properties[name] for name in names)):
                known.setdefault(values, (place, entry))

    def __bool__(self) -> bool:
        return bool(self.entries)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RateCard) and self.entries == other.entries

    def find(self, properties: Metadata | None) -> RateCardEntry | None:
        """The entry for an event with these properties; None when none matches."""
        if not properties or not self.entries:
            return None
        best: tuple[int, RateCardEntry] | None = None
        for names, known in self._by_names.items():
            # None, a property that is absent or null, is no value that an entry can list.
            found = known.get(tuple(as_text(properties.get(name)) for name in names))
            if found is not None and (best is None or found[0] < best[0]):
                best = found
        return None if best is None else best[1]

    @classmethod
    def of(cls, stored: object) -> Self:
        """From the JSON that the database keeps."""
        return cls(msgspec.convert(stored, list[RateCardEntry]))


NO_CARD: Final = RateCard()
