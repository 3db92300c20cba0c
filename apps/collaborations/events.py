from django.dispatch import Signal

# Sent inside the transaction with `participation`.
participation_ended = Signal()
