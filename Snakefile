# nessmap: from sweep files to phase diagrams. Run `snakemake`, or `make run` on a fresh machine; see README.md.
from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from nessmap.workflow import NESSMAP, WorkflowConfigError, constraints, planned, targets

min_version("9.0")

EXECUTOR = config.get("executor", "auto")
CORES = workflow.resource_settings.cores or 1  # a cluster's profile has set-threads
try:
    RESULTS, CHOSEN, PLANS = planned(config)
except WorkflowConfigError as error:
    raise WorkflowError(f"nessmap: {error}")


wildcard_constraints:
    **constraints(PLANS),


include: "workflow/rules/simulate.smk"
include: "workflow/rules/aggregate.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/failures.smk"


rule all:
    default_target: True
    input:
        targets(CHOSEN, RESULTS),
