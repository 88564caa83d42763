#!/usr/bin/python3
"""Words that C files here do not use, files over 450 lines, functions over 80."""
import re
import sys

from common import ROOT, sources

MAX_FILE, MAX_FUNCTION = 450, 80
BANNED = {
    r"strcpy|strcat|sprintf|vsprintf|strncpy|strncat|stpcpy|gets": "lengths are always said: struct str, outbuf, snprintf",
    r"strtok|strtok_r|atoi|atol|atoll|atof|scanf|sscanf|fscanf|vsscanf": "str_split and str_to_u64 say when they fail",
    r"isalpha|isdigit|isalnum|isspace|isupper|islower|isprint|ispunct|isxdigit|tolower|toupper|strcasecmp"
    r"|strncasecmp|strcasestr|setlocale": "the locale is never asked: ascii_* and str_*_icase",
    r"alloca|setjmp|longjmp": "memory and control flow stay visible",
}
ALLOWED = {  # path and word: the reason
    r"tests/bench/.*:strncasecmp": "the bench shares no code with the gate and never sets a locale",
}
FUNCTION_START = re.compile(r"^[A-Za-z_].*\)\s*\{$|^[A-Za-z_][^=;]*[(,]$|^[A-Za-z_][^=;]*\([^;{]*,$")


def without_comments(text):
    keep_lines = lambda match: re.sub(r"[^\n]", " ", match[0])
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"", keep_lines, text, flags=re.S)


def banned(path, lines, problems):
    for number, line in enumerate(lines, 1):
        if line.lstrip().startswith("#include"):
            continue
        for pattern, reason in BANNED.items():
            for word in re.findall(rf"\b({pattern})\s*\(", line):
                if not any(re.fullmatch(allowed, f"{path}:{word}") for allowed in ALLOWED):
                    problems.append(f"{path}:{number}: {word}: {reason}")


def sizes(path, lines, problems):
    if len(lines) > MAX_FILE:
        problems.append(f"{path}: {len(lines)} lines, {MAX_FILE} are allowed")
    start, inside = None, False
    for number, line in enumerate(lines, 1):
        if start is None and FUNCTION_START.match(line) and not line.startswith(("struct {", "enum")):
            start, inside = number, False
        if start is None:
            continue
        inside = inside or line.rstrip().endswith("{")
        if inside and line.startswith("}") and number - start + 1 > MAX_FUNCTION:
            problems.append(f"{path}:{start}: function of {number - start + 1} lines, "
                            f"{MAX_FUNCTION} are allowed")
        if line.startswith("}") or not inside and line.rstrip().endswith(";"):
            start = None  # the end, or only a declaration


def main():
    problems = []
    for path in sources():
        text = (ROOT / path).read_text()
        lines = without_comments(text).splitlines()
        banned(path, lines, problems)
        sizes(path, lines, problems)
        problems += [f"{path}:{number}: TODO without an issue number"
                     for number, line in enumerate(text.splitlines(), 1)
                     if re.search(r"\b(TODO|FIXME|XXX)\b(?!.{0,3}#\d)", line)]
    print("\n".join(problems))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
