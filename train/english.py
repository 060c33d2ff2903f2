"""Plain English forms of noun phrases."""


def article(phrase):
    """The phrase after "a" or "an"."""
    return ("an " if phrase[:1].lower() in "aeiou" else "a ") + phrase


def plural(phrase):
    """A plain English plural of the phrase's last word."""
    if phrase.endswith(("x", "ch", "sh", "ss")):
        return phrase + "es"
    if phrase.endswith(("s", "ing")):
        return phrase
    if phrase.endswith("y") and phrase[-2:-1] not in "aeiou":
        return phrase[:-1] + "ies"
    return phrase + "s"
