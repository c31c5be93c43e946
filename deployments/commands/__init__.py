"""The commands of `postloan`, a file a group. Heavy libraries are imported inside, so that `--help` is quick."""
