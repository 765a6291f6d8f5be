"""From ideal sensors to those of a device: sensor models of real parts, and calibration to a device's recordings.

`device.to_device` is the way in. Knows readings, not motion. May import `fimad.simulate.types` and `placements`.
"""
