"""Tools: from a table of objects to classes, groups, numbers and answers."""
