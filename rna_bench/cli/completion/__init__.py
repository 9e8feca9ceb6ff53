"""Shell completion: the scripts of bash and zsh, and what may follow a command line."""
