"""What messages say: normalised text, contact details, near duplicates."""
