"""What Dagster sees: assets, jobs, schedules, checks. Everything here is found by itself; nobody keeps a list."""
