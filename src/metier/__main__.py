from metier.cli.app import main

main()
