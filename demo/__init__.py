"""The demo: a mixed fleet, a day of jobs in two minutes, one lost node, and what became of it all."""
