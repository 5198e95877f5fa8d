"""Field mapping: which field of a source is which field of the Costbook, suggested offline, and how values get over.

Belongs here: reading headers, suggesting, transforms, all pure. Does not belong here: storing and applying mappings,
the API, Dagster, adapters. Another suggester (a language model, embeddings) would be a further ``suggest.Voice``.
"""
