from metier.cli import main

main()
