"""Objects: whole bodies under a name, created once and never overwritten."""

from meetupkit.stores.objects.protocol import (
    Created,
    Exists,
    NewObject,
    ObjectStore,
    StoredObject,
    check_name,
    is_name,
)

__all__ = ["Created", "Exists", "NewObject", "ObjectStore", "StoredObject", "check_name", "is_name"]
