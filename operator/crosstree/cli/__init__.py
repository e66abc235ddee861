"""Level 8: the command line. A file per verb; each imports what it needs when it runs, so that help is instant.

`main` puts the verbs together and turns errors into one sentence and an exit code; `options` holds what verbs
share; `output` draws. Decisions are asked of the core, facts of the adapters: nothing is decided here.
"""
