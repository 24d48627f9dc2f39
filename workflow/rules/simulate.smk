# in:  a sweep file            out: results/SWEEP/shards/K.json, which vouches for the shard's records
# The records themselves go to results/points, which is no output: Snakemake deletes outputs, and nothing there is ever lost.


rule simulate:
    input:
        lambda wildcards: ancient(PLANS[wildcards.sweep]["path"]),
    output:
        RESULTS + "/{sweep}/shards/{shard}.json",
    log:
        RESULTS + "/{sweep}/logs/simulate-{shard}.log",
    benchmark:
        RESULTS + "/{sweep}/benchmarks/simulate-{shard}.tsv"
    threads: lambda wildcards: min(CORES, PLANS[wildcards.sweep]["workers"]["simulate"])
    params:
        sweep=lambda wildcards: PLANS[wildcards.sweep]["command"],
        wanted=lambda wildcards: PLANS[wildcards.sweep]["shards"][int(wildcards.shard)],
        n_shard=lambda wildcards: len(PLANS[wildcards.sweep]["shards"]),
    shell:
        "{NESSMAP} simulate {params.sweep:q} --shard {wildcards.shard} --of {params.n_shard} --manifest {output}"
        " --executor {EXECUTOR} --workers {threads} --results {RESULTS} --log {log}"
