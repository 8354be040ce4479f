"""How long the long tests are: short under `make test`, whole under `make test-long`."""

import os
from typing import Final

LONG: Final = os.environ.get("REPLENISH_TEST_LONG", "") not in {"", "0"}
