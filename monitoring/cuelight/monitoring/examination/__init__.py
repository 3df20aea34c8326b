"""A window as columns, and what is wrong with its data: that alerts, and never retrains."""
