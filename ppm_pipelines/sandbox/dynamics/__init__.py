"""The company's Microsoft Dynamics: one business, shown as each of its products shows it.

Belongs here: everything simulated of Dynamics; ``routes`` is what the application takes. Does not belong here: the
adapter, which this knows nothing of.
"""

from .app import routes

__all__ = ["routes"]
