"""What things are: the shape of a process, payload forms, tables, the policy book. Imports none of ours."""
