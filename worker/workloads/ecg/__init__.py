"""Classification of electrocardiograms: whole records, or single beats."""
