"""Will it recover? What a variant's settings say about overload and what comes after it, and what a run of it did.

`assess` predicts from a scenario alone; `measured` reads a run's log; `figures` words both, each number with its formula.
"""
