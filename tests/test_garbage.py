"""Python's search for circular references rests where it is told to, and goes on afterwards."""

from __future__ import annotations

import gc

import pytest

from nessmap.garbage import uncollected


def test_the_search_goes_on_after_a_rest_and_after_an_error():
    assert gc.isenabled()
    with uncollected():
        assert not gc.isenabled()
        with uncollected():
            pass
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(KeyError), uncollected():
        raise KeyError
    assert gc.isenabled()
