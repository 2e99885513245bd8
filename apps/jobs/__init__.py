"""Long work: commands, their plans and forms, and the processes that run them."""
