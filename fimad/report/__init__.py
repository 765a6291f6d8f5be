"""What a user looks at: the HTML report with its clip explorer, overlay videos, figures, and Rerun recordings."""
