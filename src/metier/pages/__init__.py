"""What people read: the report's page, its pictures and the model card."""
