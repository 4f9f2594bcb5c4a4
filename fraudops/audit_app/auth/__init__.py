"""The login of the review page: users, roles, sessions."""
