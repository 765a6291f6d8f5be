"""What is done with readings once they are made: tables, pictures, and comparison with what a real sensor recorded.

Nothing here makes readings. May import `fimad.simulate.types`.
"""
