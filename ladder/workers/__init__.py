"""Worker processes: a pool of them, their progress, and the machine they run on."""
