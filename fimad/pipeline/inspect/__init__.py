"""What the commands around a build read and show: status, plans, progress, summaries, upkeep.

May import `run`, `state` and what lies below.
"""
