"""The operations database: history, leases, retrain requests, drift reports, alerts."""
