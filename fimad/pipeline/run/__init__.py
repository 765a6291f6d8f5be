"""What runs the stages: the driver that hands out tasks, and the processes that do them.

The *runner* is the driver: it decides which video goes through which stages next, and records the outcome.
It hands *tasks* (one video, the stages it can go through in one go) to an *executor*: this process, *local* lanes, or Dask workers.
A lane gives each task to its *sandbox*, which supervises one *child* process with a deadline and a memory limit.
In the child a *lane* reads the inputs, runs the stages and publishes their artifacts.
Outcomes travel back as events; what was published counts, not what was said.

May import `state` and what lies below.
"""
