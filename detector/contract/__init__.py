"""What users and other systems hold on to: events, decisions, labels, dead letters."""
