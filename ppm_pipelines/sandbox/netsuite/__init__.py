"""A simulated Oracle NetSuite account: SuiteQL over REST, two kinds of sign-in, documents that people edit and delete.

Belongs here: what the fact sheet says of NetSuite. Does not belong here: SAP's tenant beside it; the company is shared.
"""

from __future__ import annotations

from .app import routes as routes
