"""What every answer is: frozen, and unmoved by fields of a newer server.

Amounts are exact `Decimal`s in whole units, times aware `datetime`s. Fields with a fixed set of values are `str`: a newer
server may add one, and an older client must still read the rest. The values of today stand in each docstring.
"""

from collections.abc import Mapping
from typing import TypeAlias

import msgspec

MetadataValue: TypeAlias = str | int | float | bool | None
StoredMetadata: TypeAlias = Mapping[str, MetadataValue]


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all answers."""
