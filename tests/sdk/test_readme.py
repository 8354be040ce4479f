"""The README's quick start does what it says."""

import re
from pathlib import Path

from replenish_client import Replenish

README = Path(__file__).parents[2] / "sdk/README.md"


def test_quick_start(client: Replenish, monkeypatch, capsys):
    monkeypatch.setenv("REPLENISH_API_KEY", client._options.api_key)
    monkeypatch.setenv("REPLENISH_BASE_URL", client._options.base_url)
    blocks = re.findall(r"^```python\n(.*?)^```$", README.read_text(), re.DOTALL | re.MULTILINE)
    assert len(blocks) == 9
    names: dict[str, object] = {"__name__": "quick_start"}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)  # noqa: S102 - our own README
    names["client"].close()

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("send Ann to http")
    assert printed[1] == "12.5 burned, 87.5 left"
    assert printed[2].startswith("needs 1000, has 87.5: top up at http")
    assert printed[3].startswith("budget_exceeded 50 left until ")
    assert printed[4].startswith("refused insufficient_credits")
    assert printed[5] == "7.5 of 7.5"
    assert printed[-2:] == ["80 80", "12.5 12.5"]
