"""What Prometheus reads of the database: the jobs counted, the running ones in numbered slots, the fleet."""
