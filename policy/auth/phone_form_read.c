#include "policy/auth/phone_form_read.h"

#include <string.h>

bool phone_form_value_is_plain(struct str value, size_t max) {
    if (value.len == 0 || value.len > max) return false;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        bool plain = ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' ||
                     c == '~' || c == '+' || c == '/' || c == '=';
        if (!plain) return false;
    }
    return true;
}

/* One more place where the value stands. */
static enum phone_form_found merge(enum phone_form_found so_far, struct str *value,
                                   struct str other) {
    if (so_far == PHONE_FORM_ABSENT) {
        *value = other;
        return PHONE_FORM_FOUND;
    }
    return so_far == PHONE_FORM_FOUND && str_equal(*value, other) ? PHONE_FORM_FOUND
                                                                  : PHONE_FORM_AMBIGUOUS;
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static struct str skip_blanks(struct str s) {
    size_t at = 0;
    while (at < s.len && is_blank(s.ptr[at])) at++;
    return str_part(s, at, s.len);
}

/* ---- pages ---- */

/* Cut one attribute off the inside of a tag. */
static bool next_attribute(struct str *rest, struct str *name, struct str *value) {
    struct str s = *rest;
    size_t at = 0;
    while (at < s.len && (is_blank(s.ptr[at]) || s.ptr[at] == '/')) at++;
    s = str_part(s, at, s.len);
    if (s.len == 0) return false;
    size_t end = 1; /* whatever the first character is: no endless loop on "=" */
    while (end < s.len && !is_blank(s.ptr[end]) && s.ptr[end] != '=' && s.ptr[end] != '/') end++;
    *name = str_part(s, 0, end);
    *value = STR_NONE;
    struct str after = skip_blanks(str_part(s, end, s.len));
    if (after.len == 0 || after.ptr[0] != '=') {
        *rest = after;
        return true;
    }
    after = skip_blanks(str_part(after, 1, after.len));
    bool quoted = after.len > 0 && (after.ptr[0] == '"' || after.ptr[0] == '\'');
    size_t from = quoted ? 1 : 0;
    size_t stop = from;
    if (quoted)
        stop = str_find(after, after.ptr[0], 1);
    else
        while (stop < after.len && !is_blank(after.ptr[stop])) stop++;
    *value = str_part(after, from, stop - from);
    *rest = str_part(after, quoted ? stop + 1 : stop, after.len);
    return true;
}

/* The end of a tag: a ">" outside of quotes. */
static size_t tag_end(struct str s) {
    char quote = '\0';
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (quote != '\0') {
            if (c == quote) quote = '\0';
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '>') {
            return i;
        }
    }
    return s.len;
}

enum phone_form_found phone_form_read_field(struct str page, struct str name, struct str *value) {
    enum phone_form_found found = PHONE_FORM_ABSENT;
    for (size_t at = str_find(page, '<', 0); at < page.len; at = str_find(page, '<', at + 1)) {
        struct str rest = str_part(page, at + 1, page.len);
        if (!str_starts_with_icase(rest, STR("input"))) continue;
        rest = str_part(rest, 5, rest.len);
        if (rest.len == 0 || !(is_blank(rest.ptr[0]) || rest.ptr[0] == '/')) continue;
        struct str inside = str_part(rest, 0, tag_end(rest));
        struct str key, text, its_value = STR_NONE;
        bool named = false;
        while (next_attribute(&inside, &key, &text)) {
            if (str_equal_icase(key, STR("name"))) named = named || str_equal(text, name);
            if (str_equal_icase(key, STR("value")) && its_value.ptr == NULL) its_value = text;
        }
        if (named) found = merge(found, value, its_value);
    }
    return found;
}

/* ---- JSON, more or less ---- */

/* What stands behind the colon. False: something that is neither text nor number. */
static bool json_value(struct str rest, struct str *value) {
    rest = skip_blanks(rest);
    if (rest.len == 0 || rest.ptr[0] != ':') return false;
    rest = skip_blanks(str_part(rest, 1, rest.len));
    if (rest.len == 0) return false;
    if (rest.ptr[0] == '"' || rest.ptr[0] == '\'') {
        size_t end = str_find(rest, rest.ptr[0], 1);
        *value = str_part(rest, 1, end - 1);
        return end < rest.len;
    }
    size_t end = 0;
    while (end < rest.len && (ascii_is_alpha(rest.ptr[end]) || ascii_is_digit(rest.ptr[end])))
        end++;
    *value = str_part(rest, 0, end);
    return end > 0;
}

enum phone_form_found phone_form_read_json(struct str text, struct str name, struct str *value) {
    enum phone_form_found found = PHONE_FORM_ABSENT;
    for (size_t at = 0; at + name.len + 2 <= text.len; at++) {
        char quote = text.ptr[at];
        if (quote != '"' && quote != '\'') continue;
        bool named = str_equal(str_part(text, at + 1, name.len), name) &&
                     text.ptr[at + 1 + name.len] == quote;
        struct str its_value;
        if (named && json_value(str_part(text, at + name.len + 2, text.len), &its_value))
            found = merge(found, value, its_value);
    }
    return found;
}
