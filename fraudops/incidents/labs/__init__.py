"""The incident labs: prepared worlds with a fault, a symptom, and a form that is checked."""
