"""A key that the tests of the service share: making one hashes slowly."""

from critech_service.access.records import Scope, new_key

RECORD, TOKEN = new_key("office", (Scope.CLASSIFY,))
