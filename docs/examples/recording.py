"""A recording of one's own: which of two variables learns from the other, how much, and at what cost.

Any table of equally spaced samples will do. This one comes from a neuron whose rate follows a saturating function of a
velocity that changes by itself. On the command line:

    python docs/examples/recording.py                                   # writes recording.csv
    nessmap estimate recording.csv --source velocity --target rate --figure rates.svg
"""

# %% A recording: 1000 units of time, a sample every 0.05
import numpy as np

random = np.random.default_rng(1)
dt, substeps = 0.05, 5
v, r = 0.0, 0.0
samples = []
for step in range(20000 * substeps):
    if step % substeps == 0:
        samples.append((step * dt / substeps, v, r))
    h = dt / substeps
    v, r = (
        v - 0.5 * v * h + np.sqrt(2 * 0.5 * h) * random.normal(),
        r - 2.0 * (r - np.tanh(v)) * h + np.sqrt(2 * 0.1 * h) * random.normal(),
    )
np.savetxt("recording.csv", samples, delimiter=",", header="time,velocity,rate", comments="")

# %% The same from Python: arrays in, estimates out
from nessmap import estimators  # noqa: E402

x = np.array(samples)[:, 1:]
dissipation = estimators.entropy_production_rate(x, dt)
forth = estimators.transfer_entropy_rate(x, dt, source=[0], target=[1])
back = estimators.transfer_entropy_rate(x, dt, source=[1], target=[0])
cubic = estimators.extrapolated_short_time_bound(x, dt, degree=3)
print(f"entropy production rate {dissipation.value:.2f} +- {dissipation.standard_error:.2f} k_B/time by a linear model")
print(f"                        {cubic.value:.2f} +- {cubic.standard_error:.2f} with cubic currents; exactly 3.44")
print(f"transfer entropy rate   {forth.value:.3f} +- {forth.standard_error:.3f} nats/time from velocity to rate")
print(f"                        {back.value:.3f} +- {back.standard_error:.3f} back")

# %% What the data say against an estimate
for remark in dict.fromkeys(dissipation.remarks + forth.remarks + back.remarks):
    print(f"remark: {remark}")
