"""Topics that are nobody's business: never predicted, never a cell of their own. Pure.

Health, religion, sexuality, politics, ethnicity. The list errs on the side of silence: it matches words inside urlkeys
and names, in English and where Meetup's own topics are in other languages.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import Final

_WORDS: Final = (
    # health
    r"health(?!y-eating|y-living)|illness|disease|cancer|diabet|hiv|aids|disab|autis|asperg|adhd|add-support|bipolar"
    r"|depress|anxiety|mental|psych(?!edelic-music|ology-of)|therap|addict|recover|sober|alcoholi|12-?step|rehab|trauma"
    r"|ptsd|abuse|grief|bereave|suicid|eating-disorder|anorex|bulimi|obes|weight-?loss|fibromyal|lupus|chronic"
    r"|pain-|infertil|fertility|pregnan|menopaus|abortion|caregiv|dementia|alzheimer|parkinson|epilep|stroke-|medical"
    r"|patient|surviv(?:or|ing)-(?:of|cancer|abuse)|deaf|blind(?!-dat|-wine|-tast)|wheelchair|bpd|ocd|codepend|divorce-support"
    r"|introver|shy|social-anx|narciss|weed|cannabis|marijuana|psychedelic|ayahuasca|krank|gesund|sant[eé]\b|salud"
    # religion and belief
    r"|relig|christ|church|bible|jesus|catholic|protestant|baptist|methodist|lutheran|orthodox|pentecost|evangel|mormon|lds"
    r"|quaker|gospel|prayer|worship|islam|muslim|quran|koran|sufi|jew(?!el)|juda|torah|kabbal|synagog|hebrew|buddh|zen\b|dharma"
    r"|hindu|vedanta|krishna|sikh|jain\b|baha|pagan|wicca|witch|druid|heathen|occult|satan|atheis|agnost|humanis|secular"
    r"|skeptic|freethink|spiritu|faith|theolog|shaman|scientolog|unitarian|ramadan|missionar|god\b"
    # sexuality and gender
    r"|lgbt|gay|lesbian|bisex|queer|trans(?:gender|sex|\b|-)|intersex|nonbinary|non-binary|asexual|pride\b|drag-queen"
    r"|polyam|swing(?:er|ers)\b|swinging-|kink|bdsm|fetish|tantra|sex|nudis|naturis|erotic|open-relationship"
    # politics
    r"|politic|democrat|republican|conservativ|liberal(?!-arts)|libertarian|socialis|communis|marxis|anarch|left-wing|right-wing"
    r"|tea-party|tea party|green-party|labour-party|labor-union|union-organ|activis|protest(?!ant)|election"
    r"|campaign-|trump|obama|clinton|bernie|sanders"
    r"|occupy|feminis|pro-life|pro-choice|gun-rights|second-amendment|nationalis|brexit|immigra|refugee|antifa|black-lives|zionis"
    # ethnicity and origin
    r"|ethnic|race-relat|racial|racism|black-(?!and-white|smith|berry|jack|powder)|african-americ|africans?\b|latin[oa]s?\b|latinx|hispanic|chicano|asian"
    r"|arab|roma\b|gypsy|native-americ|indigenous|aborigin|first-nations|biracial|interracial|mixed-race|people-of-color|poc\b"
    r"|expat|diaspora|desi\b|desis"
)
_SENSITIVE: Final = re.compile(_WORDS)
"""Of small letters: with IGNORECASE each word is tried at each letter, which takes seven times as long. For the same
reason each of the words begins with a letter."""
_BI: Final = re.compile(r"\bbi-")
_JOINED: Final = re.compile(r"[\s_]+")
_CATEGORIES: Final = frozenset(
    {
        "health/wellbeing",
        "health & wellness",
        "lgbt",
        "lgbtq",
        "movements/politics",
        "movements & politics",
        "new age/spirituality",
        "new age & spirituality",
        "religion/beliefs",
        "religion & beliefs",
        "paranormal",
        "support",
        "ethnicity/culture",
    }
)
"""Meetup's own categories whose groups say as much of their members as their topics do."""


@cache
def is_sensitive(topic: str, name: str | None = None) -> bool:
    """By the urlkey and the name, whichever way words are joined in them."""
    text = f"{topic} {name or ''}".casefold()
    both = f"{text} {_JOINED.sub('-', text)}"
    return _SENSITIVE.search(both) is not None or _BI.search(both) is not None


def is_sensitive_category(category: str | None) -> bool:
    """By the category's name."""
    return (category or "").strip().lower() in _CATEGORIES


def sensitive_groups(
    categories: Iterable[tuple[int, str | None, str | None]], topics: Iterable[tuple[int, str]], denied: frozenset[str]
) -> frozenset[int]:
    """Groups of such a category (group, category, name), by their own name, or with such a topic."""
    named = {
        group for group, category, name in categories if is_sensitive_category(category) or is_sensitive(name or "")
    }
    return frozenset(named | {group for group, topic in topics if topic in denied})
