"""`python -m tokenop` is the `tokenop` command."""

from tokenop.cli.main import main

if __name__ == "__main__":
    main()
