"""Short ways to say what a test is about: `a_pool(racks=2, hosts=4)`, `a_gang(pods=8, required="rack")`.

One file per area (core, jobs, ...). A builder takes what the test is about as keywords and fills in the rest.
"""
