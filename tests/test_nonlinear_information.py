"""What a neuron with any tuning knows: closed forms of linear neurons, reference numbers, the grid, published samples."""

import numpy as np
import pytest

from gaussian_systems import SENSING
from nessmap.theory.nonlinear_information import nonlinear_information
from nessmap.theory.nonlinear_sensing import neuron_response, power_law_spectrum
from nessmap.theory.sensing import identical_neurons
from nessmap.theory.sensing_grid import SensingNeuron, grid_information, information_box

SQUARE = SensingNeuron(lambda v: v**2, 1.0, 1.0, 2.0, 0.5)
ROOT = SensingNeuron(lambda v: np.sqrt(np.abs(v)), 1.0, 1.0, 3.0, 0.05)
LINEAR = SensingNeuron(lambda v: v, 1.0, 1.0, 5.0, 1.0)


def agrees(found, exact):
    for name in found._fields:
        estimate = getattr(found, name)
        assert abs(estimate.value - float(getattr(exact, name))) <= estimate.error, name


@pytest.mark.slow
@pytest.mark.parametrize("n_neuron", [1, 3])
@pytest.mark.parametrize("n_mode", [48, 96])
def test_a_linear_neuron_agrees_with_its_closed_form_within_its_error(n_neuron, n_mode):
    # the mean of N neurons knows what they know, and has less noise
    found = nonlinear_information(LINEAR._replace(diffusion=1.0 / n_neuron), n_mode=n_mode)
    agrees(found, identical_neurons(n_neuron, 1.0, 5.0, 1.0, 1.0, 1.0))


def test_a_neuron_as_fast_as_its_signal_has_the_digits_of_its_closed_form():
    found = nonlinear_information(SensingNeuron(lambda v: 0.5 + v, 1.0, 1.0, 1.0, 1.0), n_mode=36)
    agrees(found, identical_neurons(1, 1.0, 1.0, 1.0, 1.0, 1.0))
    assert found.mutual_information.value == pytest.approx(0.5 * np.log(1.2), rel=1e-8)
    assert found.information_flow.value == pytest.approx(0.2, rel=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in SENSING if name.startswith("nonlinear_quad")])
def test_the_square_agrees_with_its_reference_within_the_error_of_the_reference(name):
    case, expected = SENSING[name]["params"], SENSING[name]["values"]
    neuron = SensingNeuron(lambda v: case["g"] * v**2, case["kappa"], case["s2"], case["rho"], case["D_r"])
    found = nonlinear_information(neuron)
    fine, extrapolated = expected["FPE_241x301"], expected["FPE_extrapolated_h2"]
    for quantity, estimate in (("MI", found.mutual_information), ("flow_r", found.information_flow)):
        # what their extrapolation changed, a tenth of it for what it left
        assert abs(estimate.value - extrapolated[quantity]) < 0.1 * abs(extrapolated[quantity] - fine[quantity])
    assert found.mutual_information.error < 1e-6
    heat = neuron_response(power_law_spectrum(2.0, case["s2"]), case["kappa"], case["s2"], case["rho"], case["D_r"])
    assert heat.entropy_flow - found.information_flow.value == pytest.approx(expected["sigma_r_best"], rel=1e-3)
    assert abs(found.instantaneous_error.value - case["s2"]) < 1e-8  # the sign stays unknown


@pytest.mark.slow
def test_the_square_root_agrees_with_its_published_information():
    found = nonlinear_information(ROOT, n_mode=144)
    # .2722 on a grid of 161 x 201 cells, which leaves 1e-3; .2707 +- .0044 from samples
    assert abs(found.mutual_information.value - 0.2722) < 1e-3
    assert abs(found.mutual_information.value - 0.2707) < 2 * 0.0044


@pytest.mark.slow
@pytest.mark.parametrize("neuron", [ROOT, SensingNeuron(np.tanh, 1.0, 1.4, 2.0, 0.1)], ids=["root", "tanh"])
def test_the_grid_tends_to_the_same_numbers(neuron):
    found, box = nonlinear_information(neuron, n_mode=120), information_box(neuron)
    coarse, fine = (grid_information(neuron, box, n) for n in (96, 192))
    for name in ("mutual_information", "information_flow", "instantaneous_error"):
        estimate, grid = getattr(found, name), getattr(fine, name)
        extrapolated = grid + (grid - getattr(coarse, name)) / 3
        # a third of what the extrapolation changed is left where cells are not yet small; its box ends at six deviations
        assert abs(estimate.value - extrapolated) < estimate.error + abs(grid - extrapolated) / 3 + 1e-7, name


def test_a_neuron_that_ignores_the_velocity_knows_nothing_of_it():
    found = nonlinear_information(LINEAR._replace(tuning=lambda v: 0 * v), n_mode=12)
    assert abs(found.mutual_information.value) <= found.mutual_information.error < 1e-8
    assert abs(found.information_flow.value) <= found.information_flow.error < 1e-8
    assert found.instantaneous_error.value == pytest.approx(1.0, rel=1e-8)


@pytest.mark.slow
def test_more_noise_leaves_less_information_and_the_flow_below_the_transfer_entropy():
    quiet, loud = (nonlinear_information(ROOT._replace(diffusion=noise), n_mode=48) for noise in (0.2, 0.4))
    assert loud.mutual_information.value < quiet.mutual_information.value
    for found in (quiet, loud):
        flow, sent = found.information_flow, found.present_transfer_entropy_rate
        assert 0 < flow.value < sent.value + flow.error + sent.error


def test_what_is_not_a_multiple_of_three_is_refused():
    with pytest.raises(ValueError, match="n_mode: 50, expected a multiple of 3"):
        nonlinear_information(LINEAR, n_mode=50)
