"""What people look at: Grafana boards and alert rules as code."""
