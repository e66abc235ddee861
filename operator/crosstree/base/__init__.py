"""Level 0: what everything may use and which uses nothing but the standard library.

Clock, the error tree, names of children, quantities. No decision about pods or nodes lives here.
"""
