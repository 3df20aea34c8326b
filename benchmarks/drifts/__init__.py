"""How often drift reports alarm without drift, and how often they find it: by Cuelight, and by other rules."""
