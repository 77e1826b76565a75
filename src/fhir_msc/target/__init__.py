"""The hospital's server: client, auth, capabilities, retry decisions, OperationOutcome.

Import from the modules. Only ``client``, ``connection``, ``login`` and ``paging`` load the HTTP library; what the
config needs (``auth``, ``families``, ``routes``) does not.
"""
