"""Secrets under a master key, and the key's rotation (law 17)."""

import pytest

from replenish.core.errors import Invalid
from replenish.core.sealing import Box, CannotOpenError
from replenish.core.settings import from_environment

OLD, NEW = "an old master key, long enough to be one", "a new master key, long enough to be one"


def test_law_17_what_is_sealed_shows_nothing() -> None:
    box = Box([OLD])
    sealed = box.seal("s3cret")
    assert b"s3cret" not in sealed
    assert box.open(sealed) == "s3cret"
    assert box.seal("s3cret") != sealed


def test_law_17_a_rotated_key_opens_until_all_is_sealed_anew() -> None:
    sealed = Box([OLD]).seal("s3cret")
    with pytest.raises(CannotOpenError):
        Box([NEW]).open(sealed)
    both = Box([NEW, OLD])
    assert both.open(sealed) == "s3cret"
    anew = both.reseal(sealed)
    assert anew is not None
    assert Box([NEW]).open(anew) == "s3cret"
    assert both.reseal(anew) is None


@pytest.mark.parametrize("changed", [b"", b"nonsense", Box([OLD]).seal("s3cret")[:-1]], ids=["none", "nonsense", "cut"])
def test_law_17_what_was_changed_does_not_open(changed: bytes) -> None:
    with pytest.raises(CannotOpenError):
        Box([OLD]).open(changed)


def test_former_keys_come_from_the_environment() -> None:
    known = {"REPLENISH_DATABASE_URL": "postgresql://ann@localhost/x", "REPLENISH_SECRET_KEY": NEW.replace(" ", "-")}
    former = OLD.replace(" ", "-")
    assert from_environment(known | {"REPLENISH_OLD_SECRET_KEYS": f"{former}  {former}x"}).master_keys == (
        NEW.replace(" ", "-"),
        former,
        f"{former}x",
    )
    with pytest.raises(Invalid, match="REPLENISH_OLD_SECRET_KEYS"):
        from_environment(known | {"REPLENISH_OLD_SECRET_KEYS": "short"})
