"""The protocol that the services speak: ``GET /2/<feed>``, ``/2/members`` and ``/2/groups``."""
