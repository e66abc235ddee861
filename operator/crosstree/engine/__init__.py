"""Level 4: the one loop, and the few methods through which it meets a cluster, real or simulated."""
