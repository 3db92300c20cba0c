"""Every page of the portal and the admin, once: for pictures and for tests."""
