"""The on-device runner: carries out a plan and writes the result. Nothing of ours is imported.

    python runner.pyz plan.json result.json [--remote]

It needs Python 3.8 or newer, NumPy (1 or 2), and a runtime for each format in the plan (see
`engines`). `stage_runner` (deploy/documents/staging.py) packs the package into one file. The plan's
files lie in the folder `files` beside it; outputs of the evaluation inputs go to the folder
`outputs` beside the result.

The parent process only schedules and writes (`parent`). All that touches a model happens in fresh
children (`worker`, `child`): one to say what the runtimes are, one per artifact to load it and run
its evaluation inputs, then the measuring processes, each of which walks its share of the blocks.
The result is replaced whole after every block, so that an interruption loses one block at most; the
same command goes on where it stopped. Progress goes to stdout as JSON lines; with `--remote` so
does every change of the result, so that a host has all of it as it comes, and the end of stdin,
which is how a device learns that the host is gone, stops the run.

Exit codes: 0 done, 1 nothing could be measured (the last line on stderr says why), 130 interrupted.
"""
