"""Registry credentials from exec plugins."""
