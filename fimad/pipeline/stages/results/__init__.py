"""Poses from files of other programs, in place of an estimate (`pose.from`): the folder, and the stages that go with it.

Reading a file of motion is `fimad.simulate.readers`' affair. May import `fimad.simulate`, `fimad.models`, and the stages that it
stands in for.
"""
