"""Commands around the virtual IMU: `fimad simulate`, `fimad calibrate`, `fimad compare`. Parsing and printing only."""
