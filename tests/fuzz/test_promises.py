"""Some thousand hostile inputs for each surface, drawn by Hypothesis; `make fuzz` takes millions."""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.mutate import mutated
from tests.fuzz.promises import Surface
from tests.fuzz.run import run, watched
from tests.fuzz.surfaces import SURFACES

INPUTS = 2_000
DRAWN = 150

each_surface = pytest.mark.parametrize("surface", SURFACES.values(), ids=list(SURFACES))


@each_surface
def test_every_seed_ends_as_it_should(surface: Surface) -> None:
    """What the inputs are made of breaks no promise itself, and not all of it ends in the same way."""
    with surface.opened() as feed:
        ends = {feed(seed) for seed in surface.seeds}
    assert len(ends) > 1


@each_surface
def test_no_hostile_input_breaks_a_promise(surface: Surface) -> None:
    """Whatever comes in ends in a documented way, in time, and is quoted nowhere: always the same inputs."""
    outcome = run(surface, inputs=max(20, round(INPUTS * surface.share)), seed=20261001)
    assert [failure.error for failure in outcome.failures] == []


@pytest.mark.parametrize(
    "surface", [surface for surface in SURFACES.values() if surface.share == 1.0], ids=lambda surface: surface.name
)
def test_no_drawn_input_breaks_a_promise(surface: Surface) -> None:
    """The same of inputs that are others each time; Hypothesis finds the smallest one that breaks a promise."""
    with surface.opened() as feed:

        @settings(max_examples=DRAWN, suppress_health_check=list(HealthCheck))
        @given(st.randoms(use_true_random=False))
        def looked_at(chances: Random) -> None:
            with watched():
                feed(mutated(surface.seeds, chances))

        looked_at()
