"""From sources to a dataset: the stages, what runs them, and what they leave behind.

Packages, each may import those below it:

    build.py    `fimad build`
    inspect/    what the commands around a build read
    run/        the driver, its workers and child processes
    state/      what a workspace holds
    stages/     one file a stage
    acquire/    where videos come from
    media/      what is in a media file
    contract.py what a stage is; task.py, what is handed to a worker
"""
