"""Level 3: the children a TrainingJob should have, as plain values. Pure; nothing is sent from here."""
