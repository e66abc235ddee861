"""Level 3: observed facts become conditions, phase and status documents. Pure: no clock, no client, no log.

`conditions` is the vocabulary; `job`, `cluster`, `pool` and `queue` build the whole status of one kind each;
`events` tells which Kubernetes Events a change of status implies.
"""
