"""A simulated Jira site as Atlassian documents it: Cloud at ``/jira``, Data Center at ``/jira/datacenter``.

Belongs here: the site, its people and its API. Does not belong here: anything that reads it.
"""

from .api import routes as routes
