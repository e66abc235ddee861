"""Scripts for those who work on Crosstree. Not part of the distribution."""
