"""`crosstree.dev/v1alpha1`: one module per kind, the rules they obey, and the CRDs generated from them.

rules ─► common ─► podtemplate, aicluster, acceleratorpool, jobqueue, trainingjob ─► kinds ─► schema ─► crds
                                                                                       └────► parse ─► validate
"""
