"""Renders the project's own workout video, with the exact truth of every body point beside it.

`python -m tools.render_workout --help` says how; README.md beside this file says how it works and under which licences.
"""
