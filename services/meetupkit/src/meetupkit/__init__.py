"""The one library of the services: feeds, records, errors, retries, settings, logs, probes and stores.

A module lives here only while two services need it (``services/README.md``).
"""
