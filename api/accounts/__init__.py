"""Who may do what: accounts, sign-in, rights and the audit trail."""
