# What a run that failed says last: the first error of nessmap's, and in which log it stands.
import atexit
import sys

from nessmap.failed_rules import last_words


onerror:
    # Snakemake has more to say after this, of no rule in particular
    if said := last_words(log):
        atexit.register(print, said, file=sys.stderr)
