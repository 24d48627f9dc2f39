# in:  results/SWEEP/phase_diagram.zarr    out: results/SWEEP/explorer.html, results/SWEEP/report/explorer.html,
#                                             results/SWEEP/figures/NAME.svg and .png


rule explorer:
    input:
        RESULTS + "/{sweep}/phase_diagram.zarr/zarr.json",
    output:
        page=RESULTS + "/{sweep}/explorer.html",
        # the page again, unless it is too large to be shown inside a report
        in_report=report(
            RESULTS + "/{sweep}/report/explorer.html",
            category="{sweep}",
            labels={"figure": "explorer"},
            caption="../report/explorer.rst",
        ),
    log:
        RESULTS + "/{sweep}/logs/explorer.log",
    benchmark:
        RESULTS + "/{sweep}/benchmarks/explorer.tsv"
    priority: 3
    params:
        sweep=lambda wildcards: PLANS[wildcards.sweep]["command"],
        wanted=lambda wildcards: PLANS[wildcards.sweep]["explorer"],
        store=RESULTS + "/{sweep}/phase_diagram.zarr",
    shell:
        "{NESSMAP} explorer {params.sweep:q} --phase-diagram {params.store} --output {output.page}"
        " --for-report {output.in_report} --results {RESULTS} --log {log}"


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
    priority: 3
    params:
        sweep=lambda wildcards: PLANS[wildcards.sweep]["command"],
        wanted=lambda wildcards: PLANS[wildcards.sweep]["figures"][wildcards.name],
        store=RESULTS + "/{sweep}/phase_diagram.zarr",
    shell:
        "{NESSMAP} figure {params.sweep:q} {wildcards.name} --phase-diagram {params.store} --output {output.svg} --log {log}"
