"""A neuron on a grid of velocity and activity: its exact second law, linear theory, the order of the scheme."""

import numpy as np
import pytest

from nessmap.theory.nonlinear_sensing import neuron_response, tuning_spectrum
from nessmap.theory.sensing import identical_neurons
from nessmap.theory.sensing_grid import SensingNeuron, grid_information, information_box

SQUARE = SensingNeuron(lambda v: v**2, 1.0, 1.0, 2.0, 0.5)
ROOT = SensingNeuron(lambda v: np.sqrt(np.abs(v)), 1.0, 1.0, 3.0, 0.05)
LINEAR = SensingNeuron(lambda v: v, 1.0, 1.0, 5.0, 1.0)


@pytest.mark.parametrize("neuron", [SQUARE, ROOT, LINEAR], ids=["square", "root", "linear"])
def test_the_second_law_of_the_neuron_is_exact_on_any_grid(neuron):
    box = information_box(neuron)
    for n_cell in (16, 48):
        found = grid_information(neuron, box, n_cell)
        assert found.mutual_information > 0
        assert 0 < found.information_flow < found.entropy_flow
        assert found.information_flow < found.present_transfer_entropy_rate
        assert found.production == found.entropy_flow - found.information_flow


def test_a_linear_neuron_tends_to_its_closed_form_at_second_order():
    box, exact = information_box(LINEAR), identical_neurons(1, 1.0, 5.0, 1.0, 1.0, 1.0)
    coarse, fine = (grid_information(LINEAR, box, n) for n in (48, 96))
    for name in coarse._fields:
        value = float(getattr(exact, "neuron_production" if name == "production" else name))
        gap = [getattr(grid, name) - value for grid in (coarse, fine)]
        # the next order is (h rho/D)^2 of the first: cells of 0.13 at a noise of 0.45
        assert gap[0] / gap[1] == pytest.approx(4.0, abs=0.6), name


def test_a_neuron_that_ignores_the_velocity_knows_nothing_of_it():
    deaf = LINEAR._replace(tuning=lambda v: 0 * v)
    found = grid_information(deaf, information_box(deaf), 32)
    # logarithms of numbers of order 1, rounded
    assert abs(found.mutual_information) < 1e-13
    assert abs(found.information_flow) < 1e-12
    assert abs(found.entropy_flow) < 1e-12


@pytest.mark.parametrize("neuron", [SQUARE, ROOT, LINEAR], ids=["square", "root", "linear"])
def test_the_box_leaves_hardly_anything_out(neuron):
    box = information_box(neuron)
    quarter = (box.high - box.low) / 4
    # the same cells, and half as many again beyond the walls
    wider = box._replace(low=box.low - quarter, high=box.high + quarter)
    found, more = grid_information(neuron, box, 32), grid_information(neuron, wider, 48)
    assert found.mutual_information == pytest.approx(more.mutual_information, rel=1e-5)
    assert found.entropy_flow == pytest.approx(more.entropy_flow, rel=1e-5)


@pytest.mark.slow
@pytest.mark.parametrize("tuning", [np.tanh, lambda v: np.maximum(v - 0.4, 0.0)], ids=["tanh", "threshold"])
def test_the_heat_of_the_grid_tends_to_that_of_the_hermite_series_at_second_order(tuning):
    neuron = SensingNeuron(tuning, 1.0, 1.0, 2.0, 0.3)
    exact = neuron_response(tuning_spectrum(tuning, 1.0, kinks=(0.4,)), 1.0, 1.0, 2.0, 0.3).entropy_flow
    box = information_box(neuron)
    gap = [grid_information(neuron, box, n).entropy_flow - exact for n in (64, 128)]
    assert gap[0] / gap[1] == pytest.approx(4.0, abs=0.6)


def test_what_is_not_a_neuron_is_refused():
    with pytest.raises(ValueError, match=r"SensingNeuron: diffusion = 0\.0"):
        information_box(LINEAR._replace(diffusion=0.0))
