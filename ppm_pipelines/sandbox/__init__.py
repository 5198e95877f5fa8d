"""Simulated tenants over HTTP, for trying the product and for its tests.

Belongs here: systems that behave as their vendors document. Does not belong here: anything the product imports;
this package knows nothing of the rest, so that a mistake there is not repeated here.
"""
