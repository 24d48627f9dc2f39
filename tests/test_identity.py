"""What makes two computations the same: keys follow the numbers and nothing else, and versions follow the kernels."""

from __future__ import annotations

import copy
import json
import random

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nessmap import config, identity
from nessmap.config import expand_axis
from nessmap.kernels import moments
from nessmap.model import Start, round_significant
from nessmap.models import MODELS
from nessmap.models.amari_field import AmariField
from nessmap.protocols.protocol import LANES_PER_UNIT
from nessmap.statistics import N_GROUP, STATISTICS
from nessmap.sweep import Sweep

EXAMPLES = settings(max_examples=100, deadline=None)
COUPLINGS = st.floats(-3, 3).map(round_significant)
DECIMALS = st.integers(-(10**6), 10**6).map(lambda n: n / 10**4)


def path_of(model, dt=0.05, seed=1, protocol="stationary", version=1, start=None):
    return identity.path(identity.stream(model, dt, seed), model, protocol, version, start)


# --- the same parameters, whatever the spelling


def spellings(value: float) -> list[str]:
    """YAML texts of one number."""
    texts = [repr(value), f"{value:.17e}", f"{value:.12g}", f"{10 * value:.13e}".replace("e", "0e"), f"{value:+.15g}"]
    texts += [f"{value:.0f}", f"{value:.1f}"] if value == int(value) else []
    return [text for text in texts if round_significant(float(text)) == value]


@EXAMPLES
@given(COUPLINGS, st.data())
def test_a_number_gives_the_same_key_whatever_its_spelling(tmp_path_factory, value, data):
    text = data.draw(st.sampled_from(spellings(value)))
    path = tmp_path_factory.mktemp("spelling") / "s.yaml"
    fixed = "{n_site: 8, length: 8.0, kernel_width: 1.2}"
    path.write_text(f"model: amari_field\nfixed: {fixed}\naxes: {{coupling: [{text}]}}\nobservables: [site_variance]\n")
    (point,) = Sweep(path).points
    assert point.key == path_of(AmariField(coupling=value, n_site=8, length=8, kernel_width=1.2), seed=0)


@pytest.mark.parametrize("one", ["1", "1.0", "1e0", "1E+0", "0.1e1", "+1", "10e-1", "0x1"])
def test_one_is_one(sweep_file, one):
    path = sweep_file()
    text = (
        path.read_text()
        .replace("- 0.9", f"- {one}")
        .replace("length: 8.0", "length: 8")
        .replace("n_site: 8", "n_site: 8.0")
    )
    path.write_text(
        text.replace("dt: 0.05", "dt: 5.0e-2").replace("duration: 5", "duration: 5e0").replace("seed: 7", "seed: 0x7")
    )
    wanted = sweep_file("plain", axes={"coupling": [0.1, 0.5, 1.0], "shift": [0.0, 0.5]})
    assert [point.record_keys() for point in Sweep(path).points] == [
        point.record_keys() for point in Sweep(wanted).points
    ]


def test_defaults_written_out_change_no_key(sweep_file):
    short = Sweep(sweep_file("short"))
    written = Sweep(sweep_file("written", fixed={"kernel": "gaussian", "time_constant": 1, "noise": "exponential"}))
    assert [point.record_keys() for point in short.points] == [point.record_keys() for point in written.points]


@EXAMPLES
@given(st.lists(DECIMALS, min_size=2, max_size=6, unique=True), st.randoms())
def test_the_order_of_values_changes_no_key(values, shuffler):
    shuffled = shuffler.sample(values, len(values))
    keys = [{path_of(AmariField(coupling=value)) for value in order} for order in (values, shuffled)]
    assert keys[0] == keys[1]
    assert len(keys[0]) == len(values)


def test_axes_in_another_order_give_the_same_points_in_the_same_order(sweep_file):
    one = Sweep(sweep_file(axes={"coupling": [0.1, 0.5], "shift": [0.0, 0.25]}))
    other = Sweep(sweep_file("other", axes={"shift": [0.25, 0.0], "coupling": {"values": [0.5, 0.1]}}))
    assert [point.record_keys() for point in one.points] == [point.record_keys() for point in other.points]


def test_zipped_and_listed_points_are_the_points_of_a_grid(sweep_file):
    grid = {point.key for point in Sweep(sweep_file()).points}
    zipped = Sweep(sweep_file("zipped", axes={"zip": {"coupling": [0.1, 0.9], "shift": [0.5, 0.0]}}))
    listed = Sweep(
        sweep_file("listed", axes={"points": [{"shift": 0.5, "coupling": 0.1}, {"shift": 0, "coupling": 0.9}]})
    )
    assert [point.key for point in zipped.points] == [point.key for point in listed.points]
    assert {point.key for point in zipped.points} < grid


def test_minus_zero_is_zero():
    assert path_of(AmariField(shift=-0.0)) == path_of(AmariField(shift=0.0))


# --- grids that interleave


@EXAMPLES
@given(DECIMALS, DECIMALS, st.integers(2, 60), st.sampled_from(["linspace", "logspace", "geomspace"]))
def test_a_grid_of_n_values_lies_in_the_grid_of_2n_minus_1_values(start, stop, n, kind):
    start, stop = {"logspace": (start / 100, stop / 100), "geomspace": (abs(start), abs(stop))}.get(kind, (start, stop))
    assume(start != stop and (kind != "geomspace" or start * stop > 0))
    coarse, fine = (
        [round_significant(value) for value in expand_axis("s.yaml", "coupling", {kind: [start, stop, count]})]
        for count in (n, 2 * n - 1)
    )
    assert fine[::2] == coarse


def test_a_linear_grid_crosses_zero_at_zero():
    for n in (4, 7, 13, 25):  # numpy's linspace has 5.6e-17 here for some of them
        assert 0.0 in expand_axis("s.yaml", "coupling", {"linspace": [-0.3, 0.6, n]})


@pytest.mark.parametrize(
    ("kind", "values", "reference"),
    [
        ("linspace", [0.1, 1.1, 21], np.linspace),
        ("logspace", [-3, 2, 11], np.logspace),
        ("geomspace", [0.02, 7.0, 9], np.geomspace),
    ],
)
def test_grids_are_those_of_numpy(kind, values, reference):
    ours = expand_axis("s.yaml", "coupling", {kind: values})
    # a few roundings apart, two of them in a power whose exponent is below 10
    np.testing.assert_allclose(ours, reference(*values), rtol=20 * np.finfo(float).eps)


# --- different parameters


@EXAMPLES
@given(COUPLINGS, COUPLINGS)
def test_different_numbers_give_different_keys(one, other):
    assert (path_of(AmariField(coupling=one)) == path_of(AmariField(coupling=other))) == (one == other)


PARAMETERS = [(model, parameter) for model in MODELS.values() for parameter in model.parameters().values()]


@pytest.mark.parametrize(("model", "parameter"), PARAMETERS, ids=[f"{m.name}-{p.name}" for m, p in PARAMETERS])
def test_a_parameter_is_in_the_key_when_it_shapes_the_path_and_only_then(model, parameter):
    changed = copy.copy(model())
    # past the checks: every parameter, whatever its domain; what the path does not know may be read while naming it
    functions = {"transfer": ("tanh", "arcsinh"), "tuning": ("tanh", "quadratic")}.get(
        parameter.name, ("another value",)
    )
    other = next(f for f in functions if f != parameter.default) if parameter.shapes_path else parameter.default
    object.__setattr__(changed, parameter.name, other)
    assert (path_of(changed) != path_of(model())) == parameter.shapes_path


def test_a_path_knows_the_coupling_and_not_where_it_came_from():
    """logistic at u_0 = 0: f(0) = 1/2, f'(0) = 1/4."""
    derived = AmariField(transfer="logistic", weight=2.0, input=-1.0)
    assert derived.homogeneous_state == pytest.approx(0.0, abs=1e-12)
    assert path_of(derived) == path_of(AmariField(coupling=0.5))
    assert path_of(AmariField(transfer="logistic", weight=2.0, input=-0.5)) != path_of(derived)


def test_what_else_shapes_the_path_is_in_its_key():
    model = AmariField()
    keys = [path_of(model), path_of(model, dt=0.1), path_of(model, seed=2), path_of(MODELS["linear_langevin"]())]
    keys += [path_of(model, protocol="transient"), path_of(model, version=2)]
    keys += [
        path_of(model, start=Start()),
        path_of(model, start=Start(variance=2.0)),
        path_of(model, start=Start(wave=1.0)),
    ]
    assert len(set(keys)) == len(keys)


def test_every_part_of_a_record_is_in_its_key():
    name = identity.RecordName("p" * 32, 0, 128, 100, "covariance", 1)
    others = [
        name._replace(path="q" * 32),
        name._replace(first_lane=128),
        name._replace(n_lane=64),
        name._replace(n_step=200),
        name._replace(statistic="lagged_covariance"),
        name._replace(version=2),
    ]
    assert len({each.key for each in [name, *others]}) == len(others) + 1 == len(name) + 1


def test_neither_duration_nor_replicas_nor_observables_are_in_the_stream(sweep_file):
    plain = Sweep(sweep_file())
    changes = {
        "longer": {"run": {"duration": 500}},
        "wider": {"run": {"n_replica": 512}},
        "stateless": {"run": {"keep_state": False, "timeout": 3.5, "max_failed_fraction": 0.5}},
        "fewer": {"observables": ["site_variance"]},
        "titled": {"title": "Another title"},
    }
    for name, change in changes.items():
        assert [point.key for point in Sweep(sweep_file(name, **change)).points] == [
            point.key for point in plain.points
        ]
    for name, change in {"seeded": {"run": {"seed": 8}}, "finer": {"run": {"dt": 0.025}}}.items():
        assert not {point.key for point in Sweep(sweep_file(name, **change)).points} & {
            point.key for point in plain.points
        }


def test_points_of_a_sweep_have_streams_of_their_own(sweep_file):
    sweep = Sweep(sweep_file(axes={"coupling": {"linspace": [0.1, 0.9, 9]}, "shift": {"linspace": [0, 1, 9]}}))
    streams = [identity.stream(point.model, 0.05, 7) for point in sweep.points]
    assert len({identity.philox_key(name) for name in streams}) == len(sweep.points)


@EXAMPLES
@given(st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False) | st.text() | st.integers()))
def test_the_order_of_keys_changes_no_digest(content):
    shuffled = dict(random.Random(0).sample(list(content.items()), len(content)))
    assert identity.digest(shuffled) == identity.digest(content)
    assert json.loads(identity.canonical(content)) == content


def test_a_nan_has_no_digest():
    with pytest.raises(ValueError, match="not JSON compliant"):
        identity.digest({"coupling": float("nan")})


def test_the_number_of_groups_is_the_same_wherever_it_is_written():
    assert config.GROUPS == N_GROUP == moments.N_GROUP
    assert LANES_PER_UNIT % N_GROUP == 0


# what is written out for speed is what canonical JSON says

VALUES = st.floats(allow_nan=False, allow_infinity=False) | st.integers() | st.text() | st.booleans()
ANY = VALUES | st.lists(VALUES).map(tuple) | st.sampled_from([0.0, -0.0, 0, 1, 1.0, True, (), np.float64(1.5)])


@EXAMPLES
@given(st.dictionaries(st.text(), ANY))
def test_the_parameters_in_a_stream_are_canonical_json(parameters):
    class Own(AmariField):
        def path_parameters(self):
            return parameters

    content = {"model": "amari_field", "parameters": parameters, "dt": 0.05, "seed": 3}
    version = identity.version_in("random", "STREAM_VERSION")
    assert identity.stream(Own(), 0.05, 3) == identity.digest({**content, "stream_version": version})


@pytest.mark.parametrize("model", MODELS.values(), ids=MODELS)
@pytest.mark.parametrize("start", [None, Start(), Start(wave=2.0)])
def test_a_path_is_canonical_json_of_what_it_rests_on(model, start):
    kernel = model.kernel_file
    content = {
        "stream": "s" * 32,
        "kernel": [kernel, identity.version_in(kernel)],
        "integrator": model().integrator,
        "model_version": model.version,
        "protocol": ["stationary", 1],
    }
    content |= {"called": called} if (called := identity.versions_called(kernel)) else {}
    content |= {"code": model.code} if model.code else {}
    content |= {"start": start._asdict()} if start else {}
    assert identity.path("s" * 32, model(), "stationary", 1, start) == identity.digest(content)


@EXAMPLES
@given(st.tuples(*[st.integers(0, 10**9)] * 4), st.sampled_from(sorted(STATISTICS)))
def test_a_records_key_is_the_digest_of_its_parts(numbers, statistic):
    first, n_lane, n_step, version = numbers
    name = identity.RecordName(f"{first:032x}", first, n_lane, n_step, statistic, version)
    assert name.key == identity.digest(list(name))
