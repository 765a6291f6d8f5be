"""What stands around a name: the other words of its title, the other titles of its list.

`subjects` is asked while a title is read and imports of `fimad.labels` only `matching`, `taxonomy` and `text`; `lists` comes afterwards.
"""
