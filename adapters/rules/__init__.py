"""The rules service: what judges eligibility, medical necessity, the determination and the clock."""
