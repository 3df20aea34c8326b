"""What `cuelight up` runs on this machine: programs, who supervises them, and replicas that come and go."""
