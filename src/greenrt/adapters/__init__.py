"""greenrt inside other programs; each module needs the package of its name."""
