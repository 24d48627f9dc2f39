"""Mistakes that people make in sweep files, and what they are told."""

from __future__ import annotations

import math

LINEAR = {"model": "linear_langevin", "axes": {"coupling": [0.0]}, "observables": ["site_variance"]}


def linear(**fixed):
    return {**LINEAR, "fixed": fixed}


def cut(**options):
    return {"figures": {"a": {"draw": "cut", "variable": "site_variance", "x": "coupling", **options}}}


# what is changed in the tiny sweep: the message in full, after "tiny.yaml: "
MISTAKES: dict[str, tuple[dict[str, object], str]] = {
    "an unknown section": (
        {"axis": {}},
        "axis = {} is not a setting; did you mean axes?",
    ),
    "an unknown setting": (
        {"run": {"n_replicas": 64}},
        "run.n_replicas = 64 is not a setting; did you mean n_replica?",
    ),
    "an unknown model": (
        {"model": "amari_feild"},
        "model = 'amari_feild' is not a model; did you mean amari_field? One of your own is path/to/file.py:ClassName",
    ),
    "an unknown fixed parameter": (
        {"fixed": {"n_sites": 8}},
        "fixed.n_sites is not a parameter of amari_field; did you mean n_site?",
    ),
    "an unknown axis": (
        {"axes": {"cuopling": [0.5]}},
        "axes.cuopling is not a parameter of amari_field; did you mean coupling?",
    ),
    "an unknown observable": (
        {"observables": ["site_varience"]},
        "observables: site_varience is not an observable; did you mean site_variance?",
    ),
    "an unknown drawing": (
        {"figures": {"a": {"draw": "phase_diagrm"}}},
        "figures.a.draw = 'phase_diagrm' is not a drawing; did you mean phase_diagram?",
    ),
    "a figure of an observable that is not estimated": (
        cut(variable="site_varience"),
        "figures.a: site_varience is not among the observables of this sweep; did you mean site_variance?",
    ),
    "a figure over an axis that is not swept": (
        cut(series="shfit"),
        "figures.a.series = 'shfit' is not an axis of this sweep; did you mean shift?",
    ),
    "a figure held on an axis that is not swept": (
        cut(at={"shfit": 0.0}),
        "figures.a.at = 'shfit' is not an axis of this sweep; did you mean shift?",
    ),
    "a figure that uses an axis twice": (
        cut(series="coupling"),
        "figures.a.x = 'coupling' is used twice; every axis has one place in a figure",
    ),
    "a figure without a setting that it needs": (
        {"figures": {"a": {"draw": "cut", "x": "coupling"}}},
        "figures.a.variable is missing; cut needs variable, x",
    ),
    "a setting that the drawing does not know": (
        {"figures": {"a": {"draw": "calibration", "facet": "shift"}}},
        "figures.a.facet is not a setting of calibration; known: variables",
    ),
    "a figure held at a word on an axis of numbers": (
        cut(at={"shift": "abc"}),
        "figures.a.at.shift = 'abc', expected a number",
    ),
    "a figure held at a word that the axis does not have": (
        {**cut(at={"kernel": "gausian"}), "axes": {"coupling": [0.1], "kernel": ["gaussian", "exponential"]}},
        "figures.a.at.kernel = 'gausian' is not among its values; did you mean gaussian?",
    ),
    "limits in falling order": (
        cut(limits=[2, 1]),
        "figures.a.limits = [2, 1], expected [lowest, highest]",
    ),
    "limits that a logarithm does not reach": (
        cut(limits=[0, 1], yscale="log"),
        "figures.a.limits = [0, 1] with yscale = log, expected numbers > 0; raise the lowest one or use yscale: linear",
    ),
    "colours that a logarithm does not reach": (
        {
            "figures": {
                "a": {
                    "draw": "phase_diagram",
                    "variable": "site_variance",
                    "x": "coupling",
                    "scale": "log",
                    "limits": [0, 1],
                }
            }
        },
        "figures.a.limits = [0, 1] with scale = log, expected numbers > 0; raise the lowest one or use scale: linear",
    ),
    "contours in falling order": (
        {"figures": {"a": {"draw": "phase_diagram", "variable": "site_variance", "x": "coupling", "levels": [3, 1]}}},
        "figures.a.levels = [3, 1], expected at least one number, in rising order",
    ),
    "a figure whose name is no file name": (
        {"figures": {"a/b": {"draw": "calibration"}}},
        "the key figures.a/b is no name, expected letters, digits, '_' and '-'",
    ),
    "text for a number": (
        {"run": {"duration": "5"}},
        "run.duration = '5', expected a number (simulated time per lane [time])",
    ),
    "true for a number": (
        {"run": {"duration": True}},
        "run.duration = true, expected a number (simulated time per lane [time])",
    ),
    "a list for a number": (
        {"run": {"dt": [0.05]}},
        "run.dt = [0.05], expected a number (time step [time])",
    ),
    "a number for a flag": (
        {"run": {"keep_state": 1}},
        "run.keep_state = 1, expected true or false (store end states, so that longer runs go on from them)",
    ),
    "half a lane": (
        {"run": {"n_replica": 128.5}},
        "run.n_replica = 128.5, expected a whole number (lanes per point)",
    ),
    "lanes that do not fill the groups": (
        {"run": {"n_replica": 100}},
        "run.n_replica = 100, expected a multiple of 16, because errors are made of 16 groups of lanes (lanes per point)",
    ),
    "no lanes": (
        {"run": {"n_replica": 0}},
        "run.n_replica = 0, expected a number >= 16 (lanes per point)",
    ),
    "a time step of zero": (
        {"run": {"dt": 0}},
        "run.dt = 0.0, expected a number > 0 (time step [time])",
    ),
    "a time step that is not a number": (
        {"run": {"dt": math.nan}},
        "run.dt = nan, expected a finite number (time step [time])",
    ),
    "an endless run": (
        {"run": {"duration": math.inf}},
        "run.duration = inf, expected a finite number (simulated time per lane [time])",
    ),
    "a run shorter than a step": (
        {"run": {"dt": 0.5, "duration": 0.1}},
        "run.duration = 0.1, expected at least one time step, run.dt = 0.5",
    ),
    "a run longer than the random stream": (
        {"run": {"dt": 0.05, "duration": 3e8}},
        "run.duration = 300000000.0, expected at most 2^32 - 2^20 - 100 time steps, which is what the random stream leaves "
        "to a run; run.dt = 0.05",
    ),
    "an unknown protocol": (
        {"run": {"kind": "relaxation"}},
        "run.kind = 'relaxation', expected 'stationary', 'transient', 'tangent', 'sampler' or 'first_passage' (protocol)",
    ),
    "nothing where a section should be": (
        {"axes": None},
        "axes = nothing, expected a mapping (parameters that vary)",
    ),
    "text where a list should be": (
        {"observables": "site_variance"},
        "observables = 'site_variance', expected a list (what is estimated)",
    ),
    "no observables": (
        {"observables": []},
        "observables = [], expected at least 1 entry (what is estimated)",
    ),
    "an observable of another model": (
        {**LINEAR, "observables": ["structure_factor"], "fixed": {}},
        "observables: structure_factor is not defined for linear_langevin; known: entropy_production_rate, "
        "entropy_production_rate_path, entropy_production_rate_fitted, entropy_production_bound, site_variance, "
        "mutual_information, information_flow, entropy_production_rate_first, entropy_production_rate_second, "
        "entropy_flow_first, entropy_flow_second, transfer_entropy_rate, transfer_entropy_rate_back, short_time_bound, "
        "short_time_tightness, uncertainty_tightness, information_flow_bound, information_flow_tightness",
    ),
    "an observable of another kind of run": (
        {"observables": ["transient_entropy_flow"]},
        "observables: transient_entropy_flow is of run.kind = transient, found stationary; "
        "choose it, or another observable; did you mean transfer_entropy_rate?",
    ),
    "a start for a run that has its own": (
        {"run": {"start": {"variance": 2.0}}},
        "run.start is given, expected nothing: run.kind = stationary does not use it",
    ),
    "a run shorter than its windows": (
        {"observables": ["entropy_production_bound"], "run": {"dt": 0.05, "duration": 4.0}},
        "run.duration = 4.0, expected at least 100 steps run.dt = 0.05, the window of entropy_production_bound",
    ),
    "an observable without a value anywhere": (
        {
            "fixed": {"n_site": 8, "length": 4.0, "noise_correlation_length": 0.5},
            "observables": ["information_flow"],
        },
        "observables: information_flow has no value at any point: noise is common to both sides, so nothing belongs to one "
        "alone; take noise without correlation",
    ),
    "a start that is sharper than rounding": (
        {"run": {"kind": "transient", "start": {"variance": 1e-16, "mean": 1}}, "observables": ["shannon_entropy"]},
        "run.start.variance = 1e-16, expected >= 1e-09 [1e-9 of the squared mean]: second moments would lose it to rounding",
    ),
    "text for a parameter": (
        {"fixed": {"n_site": "8"}},
        "fixed.n_site = '8', expected a whole number >= 3 (number of sites)",
    ),
    "true for a parameter": (
        {"fixed": {"noise_strength": True}},
        "fixed.noise_strength = true, expected a finite number > 0 [u^2 length time] (noise strength)",
    ),
    "a parameter out of range": (
        {"axes": {"noise_correlation_length": [-0.5]}},
        "axes.noise_correlation_length = -0.5, expected a finite number >= 0 [length] (noise correlation length)",
    ),
    "a parameter that is not a number": (
        {"axes": {"coupling": [0.5, math.nan]}},
        "axes.coupling = nan, expected a finite number (coupling)",
    ),
    "an infinite number of sites": (
        {"fixed": {"n_site": math.inf}},
        "fixed.n_site = inf, expected a whole number >= 3 (number of sites)",
    ),
    "a kernel narrower than the site spacing": (
        {"fixed": {"kernel_width": 0.7}},
        "fixed.kernel_width = 0.7, expected >= 1 [site spacing length / n_site]; raise n_site to 12",
    ),
    "an axis that reaches below the site spacing": (
        {"fixed": {"n_site": 8, "length": 8.0}, "axes": {"kernel_width": [1.2, 0.8]}},
        "kernel_width is both in axes and in fixed; take it out of one of them",
    ),
    "a value twice": (
        {"axes": {"coupling": [0.5, 0.1, 0.5]}},
        "axes.coupling has the value 0.5 twice (to 12 digits); keep one of them",
    ),
    "a value twice up to rounding": (
        {"axes": {"coupling": [0.3, 0.1 + 0.2]}},
        "axes.coupling has the value 0.3 twice (to 12 digits); keep one of them",
    ),
    "a matrix that varies": (
        {**linear(), "axes": {"drift_matrix": [[[-1.0, 0.0], [0.0, -1.0]]]}},
        "axes.drift_matrix cannot vary: it is a matrix (list of rows of equal length) [1/time]; put it into fixed",
    ),
    "a matrix that varies in listed points": (
        {**linear(), "axes": {"points": [{"diffusion_matrix": [[1.0, 0.0], [0.0, 1.0]]}]}},
        "axes.points.diffusion_matrix cannot vary: it is a matrix (list of rows of equal length) [x^2/time]; "
        "put it into fixed",
    ),
    "a matrix with rows of unequal length": (
        linear(drift_matrix=[[1, 2], [3]]),
        "fixed.drift_matrix = [[1, 2], [3]], expected a matrix (list of rows of equal length) [1/time] (drift matrix A)",
    ),
    "a partition without names": (
        linear(parts=[0, 1]),
        "fixed.parts = [0, 1], expected two named lists of indices, such as {particle: [0], neurons: [1, 2]} "
        "(partition into two groups of coordinates)",
    ),
    "zipped axes of unequal lengths": (
        {"axes": {"zip": {"coupling": [0.1, 0.2, 0.3], "shift": [0.0, 0.5]}}},
        "axes.zip has 3 of coupling and 2 of shift, expected as many values of each",
    ),
    "an unknown zipped axis": (
        {"axes": {"zip": {"cuopling": [0.1]}}},
        "axes.zip.cuopling is not a parameter of amari_field; did you mean coupling?",
    ),
    "a listed point twice": (
        {"axes": {"points": [{"coupling": 0.1, "shift": 0}, {"coupling": 0.1, "shift": 0.0}]}},
        "axes.points has {'coupling': 0.1, 'shift': 0.0} twice; keep one of them",
    ),
    "listed points with different keys": (
        {"axes": {"points": [{"coupling": 0.1}, {"shift": 0.5}]}},
        "axes.points = [{'coupling': 0.1}, {'shift': 0.5}], expected a list of mappings with equal keys: [{coupling: 0.5}]",
    ),
    "a point of nothing": (
        {"axes": {"points": [{}]}},
        "axes.points = [{}], expected a list of mappings with equal keys: [{coupling: 0.5}]",
    ),
    "both zip and points": (
        {"axes": {"zip": {"coupling": [0.1]}, "points": [{"shift": 0.0}]}},
        "axes has both zip and points, expected one of them; write all as points",
    ),
    "a parameter that is fixed and varies": (
        {"fixed": {"coupling": 0.5}},
        "coupling is both in axes and in fixed; take it out of one of them",
    ),
    "a parameter that varies twice": (
        {"axes": {"coupling": [0.1], "zip": {"coupling": [0.2], "shift": [0.0]}}},
        "axes sets coupling twice; take it out of one of the axes",
    ),
    "no axes": (
        {"axes": {}},
        "axes is empty, expected at least one parameter of amari_field",
    ),
    "an axis without values": (
        {"axes": {"coupling": []}},
        "axes.coupling = [], expected a list of at least one value",
    ),
    "a number for an axis": (
        {"axes": {"coupling": 0.5}},
        "axes.coupling = 0.5, expected a list of values or one of linspace, logspace, geomspace, values",
    ),
    "an unknown way to give values": (
        {"axes": {"coupling": {"linspce": [0, 1, 3]}}},
        "axes.coupling.linspce is no way to give values; did you mean linspace?",
    ),
    "two ways to give values": (
        {"axes": {"coupling": {"linspace": [0, 1, 3], "values": [2]}}},
        "axes.coupling has linspace and values, expected one of linspace, logspace, geomspace, values",
    ),
    "a range without a number of values": (
        {"axes": {"coupling": {"linspace": [0, 1]}}},
        "axes.coupling.linspace = [0, 1], expected [start, stop, number of values], the last a whole number >= 1",
    ),
    "a geometric range through zero": (
        {"axes": {"coupling": {"geomspace": [-1, 1, 3]}}},
        "axes.coupling.geomspace = [-1, 1, 3], expected start and stop of one sign, not zero",
    ),
    "a range beyond all numbers": (
        {"axes": {"coupling": {"logspace": [0, 400, 2]}}},
        "axes.coupling = inf, expected a finite number (coupling)",
    ),
    "a number for the name of a parameter": (
        {"axes": {1: [0.5]}},
        "the key axes.1 is no name, expected letters, digits, '_' and '-'",
    ),
    "an unknown section of the small form": (
        {"small": {"observables": []}},
        "small.observables = [] is not a setting; known: axes, run, fixed, refine",
    ),
}

# the whole file: what follows its name in the message
UNREADABLE: dict[str, tuple[bytes, str]] = {
    "an open bracket": (
        b"model: amari_field\naxes: {coupling: [0.1, 0.5\nrun: {}\n",
        ", line 3, column 4: not readable as YAML: expected ',' or ']', but got ':'",
    ),
    "a tab": (
        b"model: amari_field\naxes:\n\tcoupling: [0.5]\n",
        ", line 3, column 1: not readable as YAML: found character '\\t' that cannot start any token",
    ),
    "a repeated key": (
        b"model: amari_field\naxes: {coupling: [0.5]}\nobservables: [site_variance]\naxes: {shift: [0.5]}\n",
        ", line 4, column 1: not readable as YAML: key axes is given twice; keep one of them",
    ),
    "a repeated key within": (
        b"model: amari_field\nrun: {dt: 0.1, duration: 5, dt: 0.05}\n",
        ", line 2, column 29: not readable as YAML: key dt is given twice; keep one of them",
    ),
    "a list as a key": (
        b"? [a, b]\n: 1\n",
        ", line 1, column 3: not readable as YAML: expected a name as key",
    ),
    "a second document": (
        b"model: amari_field\n---\nmodel: amari_field\n",
        ", line 2, column 1: not readable as YAML: expected a single document in the stream, but found another document",
    ),
    "an object of Python": (
        b"model: !!python/object/apply:os.system [true]\n",
        ", line 1, column 8: not readable as YAML: could not determine a constructor for the tag "
        "'tag:yaml.org,2002:python/object/apply:os.system'",
    ),
    "a control character": (b"title: a\x07b\n", ": character 8 is not allowed in YAML; remove it"),
    "another encoding": ("title: Feld f\u00fcr".encode("latin-1"), ": byte 13 is not UTF-8; save the file as UTF-8"),
    "nothing at all": (b"", ": expected a mapping with the keys model, axes, observables; found nothing"),
    "a list": (b"- amari_field\n", ": expected a mapping with the keys model, axes, observables; found a list"),
}
