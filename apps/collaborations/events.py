from django.dispatch import Signal

# Sent inside the transaction with `participation`.
participation_ended = Signal()

# Sent inside the transaction with `collaboration`.
collaboration_archived = Signal()
