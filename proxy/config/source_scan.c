#include "proxy/config/source_scan.h"

#include <limits.h>

void scan_init(struct scan *scan, struct str text) {
    *scan = (struct scan){.text = text, .line = 1, .at_line_start = true};
}

static char peek(const struct scan *scan, size_t ahead) {
    return scan->at + ahead < scan->text.len ? scan->text.ptr[scan->at + ahead] : '\0';
}

static bool at_end(const struct scan *scan) {
    return scan->at >= scan->text.len;
}

static void step(struct scan *scan) {
    if (scan->text.ptr[scan->at] == '\n') scan->line++;
    scan->at++;
}

static void mark(struct scan *scan) {
    scan->found = scan->at;
    scan->found_line = scan->line;
}

static bool looking_at(const struct scan *scan, struct str word) {
    return str_starts_with(str_part(scan->text, scan->at, word.len), word);
}

/* Behind a string that begins here. SCAN_END: it is fine. */
static enum scan_found skip_string(struct scan *scan) {
    mark(scan);
    scan->at++;
    while (!at_end(scan) && peek(scan, 0) != '"') {
        if (peek(scan, 0) == '\0' || looking_at(scan, STR("\\x00"))) {
            mark(scan);
            step(scan);
            return SCAN_NUL;
        }
        if (peek(scan, 0) == '\\' && scan->at + 1 < scan->text.len) step(scan);
        step(scan);
    }
    if (at_end(scan)) return SCAN_OPEN;
    scan->at++;
    return SCAN_END;
}

static void skip_to_line_end(struct scan *scan) {
    while (!at_end(scan) && peek(scan, 0) != '\n' && peek(scan, 0) != '\0') scan->at++;
}

static enum scan_found skip_block_comment(struct scan *scan) {
    mark(scan);
    scan->at += 2;
    while (!at_end(scan) && !looking_at(scan, STR("*/")) && peek(scan, 0) != '\0') step(scan);
    if (at_end(scan)) return SCAN_OPEN;
    if (peek(scan, 0) == '\0') return SCAN_END; /* the next token, and refused there */
    scan->at += 2;
    return SCAN_END;
}

static void skip_name(struct scan *scan) {
    while (ascii_is_alpha(peek(scan, 0)) || ascii_is_digit(peek(scan, 0)) || peek(scan, 0) == '_' ||
           peek(scan, 0) == '-' || peek(scan, 0) == '*')
        scan->at++;
}

/* The directive and the quoted name behind it, on one line. */
static enum scan_found take_include(struct scan *scan) {
    mark(scan);
    scan->at_line_start = false;
    scan->at += STR("@include").len;
    while (peek(scan, 0) == ' ' || peek(scan, 0) == '\t') scan->at++;
    if (peek(scan, 0) != '"') return SCAN_BAD_INCLUDE;
    size_t from = scan->at + 1;
    size_t to = str_find(scan->text, '"', from);
    if (to >= scan->text.len || to == from || str_find(scan->text, '\n', from) < to)
        return SCAN_BAD_INCLUDE;
    scan->name = str_part(scan->text, from, to - from);
    scan->at = to + 1;
    return SCAN_INCLUDE;
}

/* Is the number in `digits` (base 10 or 16) above `max`? */
static bool exceeds(struct str digits, unsigned base, uint64_t max) {
    uint64_t value = 0;
    for (size_t i = 0; i < digits.len; i++) {
        unsigned digit = (unsigned)ascii_hex_value(digits.ptr[i]);
        if (value > (max - digit) / base) return true;
        value = value * base + digit;
    }
    return false;
}

/* A number token. False when it is an integer that would be wrapped. */
static bool take_number(struct scan *scan) {
    mark(scan);
    bool negative = peek(scan, 0) == '-';
    if (negative || peek(scan, 0) == '+') scan->at++;
    bool hex = peek(scan, 0) == '0' && ascii_lower(peek(scan, 1)) == 'x';
    if (hex) scan->at += 2;
    size_t from = scan->at;
    while (hex ? ascii_is_hex(peek(scan, 0)) : ascii_is_digit(peek(scan, 0))) scan->at++;
    struct str digits = str_part(scan->text, from, scan->at - from);
    bool is_float = false;
    while (!hex && (peek(scan, 0) == '.' || ascii_lower(peek(scan, 0)) == 'e' ||
                    (is_float && (ascii_is_digit(peek(scan, 0)) || peek(scan, 0) == '-' ||
                                  peek(scan, 0) == '+')))) {
        is_float = true;
        scan->at++;
    }
    bool is_long = peek(scan, 0) == 'L';
    while (peek(scan, 0) == 'L') scan->at++;
    scan->name = str_part(scan->text, scan->found, scan->at - scan->found);
    uint64_t max = is_long ? (uint64_t)INT64_MAX : (uint64_t)INT32_MAX;
    return is_float || !exceeds(digits, hex ? 16 : 10, max + (negative ? 1 : 0));
}

static bool number_begins(const struct scan *scan) {
    char c = peek(scan, 0);
    return ascii_is_digit(c) || ((c == '-' || c == '+') && ascii_is_digit(peek(scan, 1)));
}

/* Over one token or octet; SCAN_END where there is nothing to tell. */
static enum scan_found take_token(struct scan *scan) {
    char c = peek(scan, 0);
    if (c == '"') return skip_string(scan);
    if (c == '/' && peek(scan, 1) == '*') return skip_block_comment(scan);
    if (c == '#' || (c == '/' && peek(scan, 1) == '/')) {
        skip_to_line_end(scan);
    } else if (c == '\0') {
        mark(scan);
        scan->at++;
        return SCAN_NUL;
    } else if (ascii_is_alpha(c) || c == '*') {
        skip_name(scan);
    } else if (number_begins(scan)) {
        return take_number(scan) ? SCAN_END : SCAN_BAD_NUMBER;
    } else {
        step(scan);
    }
    return SCAN_END;
}

enum scan_found scan_next(struct scan *scan) {
    while (!at_end(scan)) {
        if (scan->at_line_start && looking_at(scan, STR("@include"))) return take_include(scan);
        char c = peek(scan, 0);
        enum scan_found found = take_token(scan);
        scan->at_line_start = c == '\n' || (scan->at_line_start && (c == ' ' || c == '\t'));
        if (found != SCAN_END) return found;
    }
    return SCAN_END;
}
