"""`python -m factory_core.cli` is `factory`."""

from factory_core.cli import main

if __name__ == "__main__":
    main()
