"""Files that are whole or absent, locks, and tables and text from disk that are read whole or refused in one line."""
