from django.dispatch import Signal

# Sent inside the transaction with `organization` and `user_id`.
membership_ended = Signal()
