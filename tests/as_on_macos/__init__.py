"""A stand-in for macOS (sitecustomize.py) and what must work there (check.py); run by tests/test_install_macos.py."""
