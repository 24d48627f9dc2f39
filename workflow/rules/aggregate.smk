# in:  the shards' manifests    out: results/SWEEP/points.zarr, results/SWEEP/phase_diagram.zarr


rule assemble:
    input:
        lambda wildcards: expand(
            RESULTS + "/{sweep}/shards/{shard}.json",
            sweep=wildcards.sweep,
            shard=range(len(PLANS[wildcards.sweep]["shards"])),
        ),
    output:
        RESULTS + "/{sweep}/points.zarr/zarr.json",
    log:
        RESULTS + "/{sweep}/logs/assemble.log",
    benchmark:
        RESULTS + "/{sweep}/benchmarks/assemble.tsv"
    priority: 1  # of many sweeps, one that has begun is finished first: pictures come early
    params:
        sweep=lambda wildcards: PLANS[wildcards.sweep]["command"],
        wanted=lambda wildcards: PLANS[wildcards.sweep]["points"],
        store=RESULTS + "/{sweep}/points.zarr",
    shell:
        "{NESSMAP} assemble {params.sweep:q} --manifests {input} --output {params.store} --results {RESULTS} --log {log}"


rule aggregate:
    input:
        RESULTS + "/{sweep}/points.zarr/zarr.json",
    output:
        RESULTS + "/{sweep}/phase_diagram.zarr/zarr.json",
    log:
        RESULTS + "/{sweep}/logs/aggregate.log",
    benchmark:
        RESULTS + "/{sweep}/benchmarks/aggregate.tsv"
    priority: 2
    threads: lambda wildcards: min(CORES, PLANS[wildcards.sweep]["workers"]["aggregate"])
    params:
        sweep=lambda wildcards: PLANS[wildcards.sweep]["command"],
        wanted=lambda wildcards: PLANS[wildcards.sweep]["product"],
        points=RESULTS + "/{sweep}/points.zarr",
        store=RESULTS + "/{sweep}/phase_diagram.zarr",
    shell:
        "{NESSMAP} aggregate {params.sweep:q} --points {params.points} --output {params.store}"
        " --executor {EXECUTOR} --workers {threads} --log {log}"
