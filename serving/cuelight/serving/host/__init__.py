"""What the processes of one host share: the cue board, the deployment in charge, and the files where they meet."""
