"""How the system is run: command line, deployments, server and worker as one supervised set."""
