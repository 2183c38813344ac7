"""What stands below a command's help."""


def as_written(text: str) -> str:
    """Keep the line breaks of a text shown in help (click's own mark for it)."""
    return "\n\n".join(f"\b\n{part}" for part in text.strip().split("\n\n"))
