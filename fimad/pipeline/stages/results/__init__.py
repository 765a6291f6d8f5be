"""Poses from files of other programs, in place of an estimate (`pose.from`): the folder, and the stage that reads it.

Reading a file of motion is `fimad.simulate.readers`' affair.
"""
