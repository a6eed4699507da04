"""What counts as a secret or as personal data in a text: regular expressions of RE2, whose time is linear.

RE2 has no look-around, so a pattern that must not start inside a word captures what stands before it and puts it back.
Every pattern has a hint: a cheap expression that is found wherever the pattern is, so that one pass over a column tells
whether there is anything to do. None of the patterns finds its own replacement, so redacting twice changes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

SECRET, EMAIL, CARD, IBAN, SSN, PHONE, IP = "[secret]", "[email]", "[card]", "[iban]", "[ssn]", "[phone]", "[ip]"


@dataclass(frozen=True, slots=True)
class Pattern:
    """Replace what `regex` matches by `replacement`; `hint` is found wherever it matches."""

    regex: str
    replacement: str
    hint: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Replace the group of `regex` by `replacement` where `check` holds of it, SQL over the text `found`."""

    regex: str
    replacement: str
    hint: str
    check: str


# A letter before it makes `task-force` of `sk-force`; in JSON text the letter may belong to an escape such as \n.
_LEAD = r"(^|[^A-Za-z]|\\[nrtbf])"
_W = "[A-Za-z0-9_-]"
# Beginnings that vendors give to keys; the text after it is long enough that no word is taken for one.
KEYS = (
    rf"sk-[a-z_-]*[A-Z0-9]{_W}{{8,}}",  # OpenAI, Anthropic, LiteLLM, OpenRouter, DeepSeek and others
    rf"sk-(?:ant|proj|svcacct|or|lf|helicone)-{_W}{{6,}}",
    r"sk-[0-9]{4,}",  # the master key of LiteLLM's examples
    rf"pk-(?:lf|helicone)-{_W}{{6,}}",
    r"[prs]k_(?:live|test)_[A-Za-z0-9]{6,}",  # Stripe
    r"whsec_[A-Za-z0-9+/=]{8,}",
    r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}",  # AWS
    r"ABSK[A-Za-z0-9+/=]{20,}",  # Bedrock
    r"bedrock-api-key-[A-Za-z0-9+/=_-]{10,}",
    rf"AIza{_W}{{16,}}",  # Google
    rf"GOCSPX-{_W}{{10,}}",
    rf"ya29\.{_W}{{10,}}",
    r"gh[oprsu]_[A-Za-z0-9]{10,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{10,}",
    rf"glpat-{_W}{{10,}}",  # GitLab
    r"xox[a-z]-[A-Za-z0-9-]{8,}",  # Slack
    r"xapp-[A-Za-z0-9-]{8,}",
    r"dapi[A-Za-z0-9]{16,}(?:-[0-9]+)?",  # Databricks
    r"hf_[A-Za-z0-9]{10,}",  # Hugging Face
    r"gsk_[A-Za-z0-9]{10,}",  # Groq
    r"xai-[A-Za-z0-9]{16,}",
    r"r8_[A-Za-z0-9]{16,}",  # Replicate
    r"pplx-[A-Za-z0-9]{16,}",
    rf"nvapi-{_W}{{16,}}",
    r"lsv2_[a-z]{2}_[A-Za-z0-9_]{8,}",  # LangSmith
    r"ls__[A-Za-z0-9]{10,}",
    r"ph[acrsx]_[A-Za-z0-9]{10,}",  # PostHog
    rf"SG\.{_W}{{10,}}\.{_W}{{10,}}",  # SendGrid
    r"npm_[A-Za-z0-9]{20,}",
    rf"pypi-{_W}{{20,}}",
    rf"eyJ{_W}{{5,}}\.{_W}{{5,}}(?:\.{_W}*)?",  # a JSON web token, perhaps cut
)
_KEY_HINT = (
    r"[ps]k-|k_(?:live|test)_|whsec_|A[KSB]IA|ACCA|ABSK|bedrock-api|AIza|GOCSPX|ya29|gh[oprsu]_|_pat_|glpat|xox|xapp-"
    r"|dapi|hf_|gsk_|xai-|r8_|pplx|nvapi|lsv2_|ls__|ph[acrsx]_|SG\.|npm_|pypi-|eyJ"
)
# Names whose value is a secret wherever it is assigned, as `=`, `:` or a JSON member; whatever stands before the name
# (`DB_PASSWORD`) belongs to it.
NAMES = (
    r"(?i:passwd|password|passphrase|pwd|secret|secret[_-]?(?:access[_-]?)?key|credentials?|connection[_-]?string"
    r"|(?:api|access|account|shared[_-]?access|private|master|signing|encryption|subscription)[_-]?key(?:[_-]?id)?"
    r"|(?:access|auth|refresh|id|session|bearer|api|security|sas|personal[_-]?access|bot|app)[_-]?token)"
)
_NAMES_HINT = r"(?i:passw|passph|pwd|secret|credential|connection[_-]?string|[a-z][_-]?key|[a-z][_-]?token)"
_BARE = r"[^\s\"'&,;<>\\]+"
_QUERY = (
    r"(?i:key|api[_-]?key|subscription-key|token|access_token|auth|sig|signature|sas|password|pwd|secret|client_secret"
    r"|code|x-amz-(?:signature|credential|security-token)|x-goog-(?:signature|credential))"
)

_ALONE = r"(?:^|[^A-Za-z0-9_-])(?i:token)"

SECRETS = (
    Pattern(
        r"(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----.*?(?:-----END [A-Z0-9 ]*PRIVATE KEY[A-Z ]*-----|\z)",
        SECRET,
        "-----BEGIN ",
    ),
    Pattern(
        r"((?i:authorization)\\*[\"']?\s*[:=]\s*\\*[\"']?)(?:(?i:bearer|basic|digest|token|api-?key)\s+)?" + _BARE,
        rf"\1{SECRET}",
        "(?i:authorization)",
    ),
    Pattern(r"((?i:cookie)\\*[\"']?\s*:\s*\\*[\"']?)[^\"\\\r\n=]*=[^\"\\\r\n]*", rf"\1{SECRET}", "(?i:cookie)"),
    Pattern(
        r"(://)(?:[^\s/?#@:\"'<>]+|[^\s/?#@:\"'<>]*:[^\s/@\"'<>]+)@",
        rf"\1{SECRET}@",
        r"://[^\s/]*@",
    ),
    Pattern(rf"([?&;#]{_QUERY}=)[^\s&\"'<>#;\\]+", rf"\1{SECRET}", r"[?&;#][a-zA-Z_-]+="),
    Pattern(rf"({NAMES}\"?\s*[:=]\s*\")(?:[^\"\\]|(?s:\\.))+", rf"\1{SECRET}", _NAMES_HINT),
    Pattern(rf"({NAMES}\\+\"\s*[:=]\s*\\+\")[^\"\\]+", rf"\1{SECRET}", _NAMES_HINT),
    Pattern(rf"({NAMES}'?\s*[:=]\s*')[^']+", rf"\1{SECRET}", _NAMES_HINT),
    Pattern(rf"({NAMES}\\*[\"']?\s*[:=]\s*\\*[\"']?){_BARE}", rf"\1{SECRET}", _NAMES_HINT),
    Pattern(rf"({_ALONE}\"?\s*[:=]\s*\")(?:[^\"\\]|(?s:\\.))+", rf"\1{SECRET}", "(?i:token)"),
    Pattern(rf"({_ALONE}\s*=\s*){_BARE}", rf"\1{SECRET}", "(?i:token)"),
    Pattern(rf"{_LEAD}(?:{'|'.join(KEYS)})+", rf"\1{SECRET}", _KEY_HINT),
    Pattern(r"(hooks\.slack\.com/services/)[A-Za-z0-9/_-]{8,}", rf"\1{SECRET}", r"hooks\.slack"),
    Pattern(r"((?i:bearer)\s+)[A-Za-z0-9._~+/=-]{16,}", rf"\1{SECRET}", r"(?i:bearer)\s"),
    Pattern(
        r"((?i:basic)\s+)(?:[A-Za-z0-9+/]{6,}={1,2}|[A-Za-z0-9+/]*(?:[0-9]|[a-z][A-Z])[A-Za-z0-9+/]{6,}={0,2})",
        rf"\1{SECRET}",
        r"(?i:basic)\s",
    ),
)

# Also the wide and the small @ of other keyboards.
_AT = r"(?:[@\x{FF20}\x{FE6B}]|%40|\\u0040|\\u[fF][fF]20)"
# No counted repetition of letters: it would make RE2 sixteen times slower.
EMAILS = (
    Pattern(rf"[\p{{L}}\p{{N}}._%+-]+{_AT}[\p{{L}}\p{{N}}-]+(?:\.[\p{{L}}\p{{N}}-]+)*\.\p{{L}}\p{{L}}+", EMAIL, _AT),
)

# What a number must not be a part of: a word, an id, a decimal number.
_BEFORE = r"(?:^|[^0-9A-Za-z.]|\\[nrtbf])"
_QUAD = "[0-9]{4}"
_FOURS = rf"[ -]?{_QUAD}[ -]?{_QUAD}[ -]?{_QUAD}"
_BRANDS = (
    rf"4[0-9]{{3}}{_FOURS}",  # Visa
    rf"(?:5[1-5][0-9]{{2}}|2(?:22[1-9]|2[3-9][0-9]|[3-6][0-9]{{2}}|7[01][0-9]|720)){_FOURS}",  # Mastercard
    r"3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}",  # American Express
    rf"(?:6011|65[0-9]{{2}}|64[4-9][0-9]|35(?:2[89]|[3-8][0-9])|62[0-9]{{2}}){_FOURS}",  # Discover, JCB, UnionPay
    r"3(?:0[0-5]|[68][0-9])[0-9][ -]?[0-9]{6}[ -]?[0-9]{4}",  # Diners
)
_DIGITS = r"regexp_replace(found, '[^0-9]', '', 'g')"
_LUHN = (
    f"list_sum(list_transform(string_split(reverse({_DIGITS}), ''), lambda digit, place: "
    "CASE WHEN place % 2 = 1 THEN digit::INTEGER ELSE (digit::INTEGER * 2) // 10 + (digit::INTEGER * 2) % 10 END)) "
    "% 10 = 0"
)
# Length of an IBAN → the countries that have it (SWIFT's registry).
_COUNTRIES = {
    15: "NO", 16: "BE", 18: "DK|FI|FO|GL|NL", 19: "MK|SI", 20: "AT|BA|EE|KZ|LT|LU|XK", 21: "CH|HR|LI|LV",
    22: "BG|BH|CR|DE|GB|GE|IE|ME|RS", 23: "AE|GI|IL|IQ|TL", 24: "AD|CZ|ES|MD|PK|RO|SA|SE|SK|TN|VG", 25: "PT|LY|ST",
    26: "IS|TR", 27: "FR|GR|IT|MC|MR|SM", 28: "AL|AZ|BY|CY|DO|GT|HU|LB|PL|SV", 29: "BR|EG|PS|QA|UA", 30: "JO|KW|MU",
    31: "MT|SC",
}  # fmt: skip
_IBAN = "|".join(rf"(?:{codes})[0-9]{{2}}(?: ?[A-Z0-9]){{{length - 4}}}" for length, codes in _COUNTRIES.items())
_MOD_97 = (
    "list_reduce(list_transform(string_split(substr(replace(found, ' ', ''), 5) || left(found, 4), ''), "
    "lambda letter: coalesce(TRY_CAST(letter AS INTEGER), ord(letter) - 55)), lambda rest, value: "
    "(rest * CASE WHEN value > 9 THEN 100 ELSE 10 END + value) % 97) = 1"
)
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]?[0-9])"
_V6 = r"(?:[0-9A-Fa-f]{1,4}:){2,7}(?::?[0-9A-Fa-f]{1,4}){0,6}|(?:[0-9A-Fa-f]{1,4}:)+(?::[0-9A-Fa-f]{1,4}){1,6}"

# Numbers that name a person, an account or a machine; the check tells them from ids and counts.
NUMBERS = (
    Candidate(rf"{_BEFORE}({'|'.join(_BRANDS)})\b", CARD, r"[0-9](?:[ -]?[0-9]){13}", _LUHN),
    Candidate(rf"{_BEFORE}({_IBAN})\b", IBAN, r"[A-Z]{2}[0-9]{2} ?[A-Z0-9]{4} ?[A-Z0-9]{4}", _MOD_97),
    Candidate(
        r"(?:^|[^0-9A-Za-z.-])([0-8][0-9]{2}-[0-9]{2}-[0-9]{4})\b",
        SSN,
        r"[0-9]{3}-[0-9]{2}-[0-9]{4}",
        "left(found, 3) NOT IN ('000', '666') AND substr(found, 5, 2) <> '00' AND right(found, 4) <> '0000'",
    ),
    Candidate(
        r"(\+[1-9](?:[ ().\-/]{0,2}[0-9]){7,14})\b",
        PHONE,
        r"\+[1-9][ ().\-/0-9]{7}",
        "true",
    ),
    Candidate(r"(\([2-9][0-9]{2}\)[ .-]?[0-9]{3}[ .-][0-9]{4})\b", PHONE, r"\([0-9]{3}\)", "true"),
    Candidate(
        r"(?:^|[^0-9A-Za-z.-])([2-9][0-9]{2}-[0-9]{3}-[0-9]{4}|[2-9][0-9]{2}\.[0-9]{3}\.[0-9]{4})\b",
        PHONE,
        r"[0-9]{3}[.-][0-9]{4}",
        "true",
    ),
    Candidate(
        rf"(?:^|[^0-9A-Za-z.-]|\\[nrtbf])((?:{_OCTET}\.){{3}}{_OCTET})\b",
        IP,
        r"[0-9]\.[0-9]{1,3}\.[0-9]",
        "NOT starts_with(found, '127.') AND NOT starts_with(found, '0.')",
    ),
    Candidate(
        rf"(?:^|[^0-9A-Za-z:.])({_V6})\b",
        IP,
        r"[0-9A-Fa-f]:[0-9A-Fa-f]{0,4}:",
        "length(found) - length(replace(found, ':', '')) = 7 "
        "OR (contains(found, '::') AND regexp_matches(found, '[0-9]') AND length(found) > 5)",
    ),
)
