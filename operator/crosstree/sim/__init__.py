"""A cluster that is not there: the production loop on a virtual clock, fed by traces, requests and faults.

Only time and the cluster are simulated. What starts where and when is decided by `core.cycle.run_cycle` through
`engine.loop.SchedulingLoop`, the same code that runs in the operator; `baselines/` holds other cycles to compare with.
"""
