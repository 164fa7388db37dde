"""`python -m reproduction.verify`: code, params, data and committed results against the hashes in dvc.lock."""
