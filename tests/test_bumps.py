"""Bumps at rest: Amari's step-function theory as a limit, where they end, their neutral mode, and how one wanders."""

import numpy as np
import pytest
from scipy.special import erf

from nessmap.theory import gaussian
from nessmap.theory.bumps import (
    branch_point,
    bumps,
    derivative,
    existence_threshold,
    jacobian,
    mirror_bases,
    neutral_mode,
    position_diffusion,
    wandering_rate,
    width_at_half_height,
)
from nessmap.theory.linear_response import project_neutral
from nessmap.theory.nonlinear_equilibria import NonlinearField

LENGTH, WEIGHT, THRESHOLD = 8.0, 4.0, 0.5
WIDTHS = ((0.8, 1.0), (1.6, -1.0))  # of the Gaussians, with their signs


def ring_field(n_site, slope, shift=0.0):
    """A difference of Gaussians, its images summed out to 15 turns."""
    place = (np.arange(n_site)[:, None] - np.arange(n_site)) * LENGTH / n_site
    images = place[..., None] + LENGTH * np.arange(-15, 16)
    kernel = sum(
        sign * np.exp(-0.5 * (images / width) ** 2).sum(-1) / (np.sqrt(2 * np.pi) * width) for width, sign in WIDTHS
    )
    return NonlinearField(WEIGHT * LENGTH / n_site * kernel, "logistic", slope, THRESHOLD, shift)


def step_function_level(width):
    """W(a) = Int_0^a w: what a bump of width a drives its own edge with, f a step; Amari (1977)."""
    turns = LENGTH * np.arange(-15, 16)
    return WEIGHT * sum(
        sign * 0.5 * np.sum(erf((width + turns) / (size * 2**0.5)) - erf(turns / (size * 2**0.5)))
        for size, sign in WIDTHS
    )


# w(a) = 0 for the kernel without images: exp(-a^2 (1/w^2 - 1/w_i^2)/2) = w/w_i; images move it by less than 1e-4
WIDEST_UNSTABLE = np.sqrt(2 * np.log(2) / (1 / 0.8**2 - 1 / 1.6**2))


# --- Amari's limit


@pytest.mark.slow
@pytest.mark.parametrize("width", [1.2, 1.8])
def test_a_steep_transfer_function_has_the_bumps_of_a_step(width):
    """h = theta - W(a) at response a; smoothing by an even function is of second order in 1/slope."""
    errors = []
    for slope, n_site in ((25.0, 160), (50.0, 320)):  # the gain spreads over at least 1.5 sites
        found = branch_point(ring_field(n_site, slope), width * n_site / LENGTH, (n_site - 1) / 2)
        errors.append(found.input - (THRESHOLD - step_function_level(width)))
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)  # the next term: 4 % of 1.2 at slope 25
    assert abs(errors[1]) < 1e-3


@pytest.mark.slow
def test_bumps_end_where_the_kernel_changes_sign():
    """The branch turns at w(a) = 0, h = theta - max W; there the even Jacobian is singular and the error falls fourfold."""
    errors = []
    for slope, n_site in ((25.0, 160), (50.0, 320)):
        field, centre, sites = ring_field(n_site, slope), (n_site - 1) / 2, n_site / LENGTH
        turn = existence_threshold(field, centre, 0.7 * sites, 2.2 * sites)
        errors.append(turn.input - (THRESHOLD - step_function_level(WIDEST_UNSTABLE)))
        even, _ = mirror_bases(n_site, centre)
        rates = np.linalg.eigvals(even.T @ jacobian(field, turn.state) @ even).real
        assert abs(rates.max()) < 1e-6  # the response at the turn is known to 1e-12 of its square root
    assert errors[0] / errors[1] == pytest.approx(4.0, rel=0.1)


@pytest.mark.slow
def test_the_narrow_bump_is_unstable_the_wide_one_stable_and_below_the_threshold_there_is_none():
    field = ring_field(32, 6.0)
    narrow, wide = bumps(field, 15.5)
    assert narrow.shape_rate > 0 > wide.shape_rate
    responses = [field.response(bump.state).sum() for bump in (narrow, wide)]
    for response, sign in zip(responses, (-1, 1), strict=True):
        found = branch_point(field, response, 15.5)
        assert abs(found.input) < 1e-10  # it holds itself
        assert np.sign(found.slope) == sign
    turn = existence_threshold(field, 15.5, *responses)
    assert turn.input < 0
    assert len(bumps(ring_field(32, 6.0, 0.99 * turn.input), 15.5)) == 2
    assert bumps(ring_field(32, 6.0, 1.01 * turn.input), 15.5) == []


def test_a_bump_rests_and_is_even():
    for bump in bumps(ring_field(24, 6.0), 11.5):
        assert np.abs(ring_field(24, 6.0).drift(bump.state)).max() < 1e-12
        np.testing.assert_allclose(bump.state, bump.state[::-1], atol=1e-14)


@pytest.mark.parametrize("centre", [5.0, 5.5])
def test_a_bump_moved_by_whole_sites_is_the_same_bump(centre):
    one, other = (bumps(ring_field(24, 6.0), c)[-1] for c in (centre, centre + 7))
    np.testing.assert_allclose(np.roll(one.state, 7), other.state, atol=1e-11)
    assert other.width == pytest.approx(one.width, abs=1e-10)


# --- the neutral mode


@pytest.mark.slow
def test_the_grid_lets_go_of_the_bump_exponentially():
    """Held on a site, repelled half-way or the other way round, equally fast; ever less with the number of sites."""
    rates = {}
    for n_site in (40, 48, 56, 64):
        field = ring_field(n_site, 6.0)
        on, between = (
            neutral_mode(field, bumps(field, centre)[-1].state, centre).rate
            for centre in (n_site / 2, (n_site - 1) / 2)
        )
        assert on * between < 0
        # they differ in the square of the pinning, and by rounding
        assert on == pytest.approx(-between, rel=0.02, abs=1e-13)
        rates[n_site] = abs(on)
    # a decade and more over 16 sites, each time: no power of n would keep that up
    assert rates[40] > rates[48] > 10 * rates[56] > 100 * rates[64]


def test_the_neutral_mode_is_the_bumps_derivative_and_its_adjoint_undoes_it():
    field, centre = ring_field(64, 6.0), 31.5
    state = bumps(field, centre)[-1].state
    neutral, slope, drift = neutral_mode(field, state, centre), derivative(state, LENGTH), jacobian(field, state)
    # rounding, and what the grid leaves of the rate: 1.5e-8
    np.testing.assert_allclose(slope / np.linalg.norm(slope), neutral.mode, atol=1e-7)
    np.testing.assert_allclose(drift @ neutral.mode, neutral.rate * neutral.mode, atol=1e-13)
    np.testing.assert_allclose(neutral.adjoint @ drift, neutral.rate * neutral.adjoint, atol=1e-12)
    assert neutral.adjoint @ neutral.mode == pytest.approx(1.0, rel=1e-14)
    rates = np.sort(np.linalg.eigvals(drift).real)
    assert rates[-2:] == pytest.approx([neutral.next_rate, neutral.rate], abs=1e-12)


def test_the_place_diffuses_as_the_linear_system_does_along_its_neutral_mode():
    """Var(v.x) of dx = A x dt + noise with v^T A = 0 grows as 2 v D v t; in length, over (v.u*')^2."""
    field, centre = ring_field(64, 6.0), 31.5
    state = bumps(field, centre)[-1].state
    neutral, noise = neutral_mode(field, state, centre), 0.01 * np.diag(1 + 0.5 * np.cos(np.arange(64)))
    held = jacobian(field, state) - 1e-4 * np.outer(neutral.mode, neutral.adjoint)  # D / rate: the spread of its place
    spread = neutral.adjoint @ gaussian.stationary_covariance(held, noise) @ neutral.adjoint
    per_length = (neutral.adjoint @ derivative(state, LENGTH)) ** 2
    expected = spread * (1e-4 - neutral.rate) / per_length
    assert position_diffusion(neutral, state, noise, LENGTH) == pytest.approx(expected, rel=1e-8)


# --- the entropy production of a bump that nothing holds


def test_a_bump_held_ever_more_weakly_produces_what_a_free_one_does():
    field, centre = ring_field(64, 6.0), 31.5
    state = bumps(field, centre)[-1].state
    neutral, drift = neutral_mode(field, state, centre), jacobian(field, state)
    free = wandering_rate(drift, np.eye(64), neutral.mode)
    held = np.array(
        [
            gaussian.entropy_production_rate(drift - force * np.outer(neutral.mode, neutral.adjoint), np.eye(64))
            for force in (2e-3, 1e-3)
        ]
    )
    gap = held - free
    assert gap[0] / gap[1] == pytest.approx(2.0, rel=0.02)  # linear, but for force over the next rate of 0.4
    assert 2 * held[1] - held[0] == pytest.approx(free, rel=1e-4)
    # the shape alone hides the currents of the place
    shape = project_neutral(drift, np.eye(64), neutral.mode)
    assert 0 < gaussian.entropy_production_rate(shape.drift_matrix, shape.diffusion) < free
    # noise strength drops out
    assert wandering_rate(drift, 0.01 * np.eye(64), neutral.mode) == pytest.approx(free, rel=1e-10)


def test_a_free_bump_under_gain_matched_noise_is_at_equilibrium():
    field = ring_field(64, 6.0)
    state = bumps(field, 31.5)[-1].state
    neutral = neutral_mode(field, state, 31.5)
    assert wandering_rate(jacobian(field, state), np.diag(1 / field.gain(state)), neutral.mode) == 0.0


# --- what is refused


def test_what_is_no_bump_has_no_width():
    assert np.isnan(width_at_half_height(np.cos(4 * np.pi * np.arange(16) / 16), 8.0))
    assert np.isnan(width_at_half_height(np.cos(2 * np.pi * np.arange(16) / 16), 8.0))  # its antipode is the top


def test_responses_and_modes_out_of_reach_are_refused_with_what_was_found():
    field = ring_field(24, 6.0)
    with pytest.raises(ValueError, match="expected one below and one above 0"):
        existence_threshold(field, 11.5, 7.0, 8.0)
    with pytest.raises(ValueError, match="response: no bump of 30 was reached"):
        branch_point(field, 30.0, 11.5)
    state = bumps(field, 11.5)[-1].state
    with pytest.raises(ValueError, match="expected 0"):
        wandering_rate(jacobian(field, state), np.eye(24), neutral_mode(field, state, 11.5).mode)
