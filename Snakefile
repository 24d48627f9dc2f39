# nessmap: from sweep files to phase diagrams. Run `snakemake`, or `make run` on a fresh machine; see README.md.
import shlex
import sys

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from nessmap.workflow import WorkflowConfigError, plans

min_version("9.0")

RESULTS = config.get("results", "results")
try:
    PLANS = plans(config, RESULTS)
except WorkflowConfigError as error:
    raise WorkflowError(f"nessmap: {error}")
NESSMAP = f"{shlex.quote(sys.executable)} -m nessmap"


include: "workflow/rules/simulate.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/figures.smk"


rule all:
    default_target: True
    input:
        [f"{RESULTS}/{name}/phase_diagram.zarr/zarr.json" for name in PLANS],
        [
            f"{RESULTS}/{name}/figures/{figure}.svg"
            for name, plan in PLANS.items()
            for figure in plan["figures"]
        ],
