"""What the tests of tables share."""


def values_of(table):
    """Every column's values, as lists."""
    return [column.values.read(0, len(column.values)).tolist() for column in table.columns]
