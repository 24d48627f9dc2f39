# in:  results/SWEEP/phase_diagram.zarr    out: results/SWEEP/figures/NAME.svg and .png


rule figure:
    input:
        RESULTS + "/{sweep}/phase_diagram.zarr/zarr.json",
    output:
        svg=report(
            RESULTS + "/{sweep}/figures/{name}.svg",
            category="{sweep}",
            labels={"figure": "{name}"},
            caption="../report/figure.rst",
        ),
        png=RESULTS + "/{sweep}/figures/{name}.png",
    log:
        RESULTS + "/{sweep}/logs/figure-{name}.log",
    benchmark:
        RESULTS + "/{sweep}/benchmarks/figure-{name}.tsv"
    params:
        sweep=lambda wildcards: PLANS[wildcards.sweep]["command"],
        wanted=lambda wildcards: PLANS[wildcards.sweep]["figures"][wildcards.name],
        store=RESULTS + "/{sweep}/phase_diagram.zarr",
    shell:
        "{NESSMAP} figure {params.sweep:q} {wildcards.name} --phase-diagram {params.store} --output {output.svg} --log {log}"
