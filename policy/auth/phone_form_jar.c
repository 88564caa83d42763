#include "policy/auth/phone_form_jar.h"

#include <string.h>

#include "policy/base/bytes.h"

struct str phone_form_jar_text(const struct phone_form_jar *jar) {
    return (struct str){jar->text, jar->len};
}

/* Where the pair of this name begins and ends, the separator left of it included; false where there
 * is none. */
static bool find(const struct phone_form_jar *jar, struct str name, size_t *from, size_t *to) {
    struct str text = phone_form_jar_text(jar);
    for (size_t at = 0; at < text.len;) {
        size_t end = str_find(text, ';', at);
        size_t equals = str_find(text, '=', at);
        if (str_equal(str_part(text, at, equals - at), name)) {
            *from = at;
            *to = end;
            return true;
        }
        at = end + 2; /* "; " */
    }
    return false;
}

struct str phone_form_jar_get(const struct phone_form_jar *jar, struct str name) {
    size_t from, to;
    if (!find(jar, name, &from, &to)) return STR_NONE;
    size_t value = from + name.len + 1;
    return (struct str){jar->text + value, to - value};
}

static void take_out(struct phone_form_jar *jar, struct str name) {
    size_t from, to;
    if (!find(jar, name, &from, &to)) return;
    if (to < jar->len)
        to += 2;
    else if (from > 0)
        from -= 2;
    memmove(jar->text + from, jar->text + to, jar->len - to);
    bytes_wipe(jar->text + jar->len - (to - from), to - from);
    jar->len -= to - from;
    jar->count--;
}

static bool name_is_good(struct str name) {
    if (name.len == 0 || name.len > PHONE_FORM_COOKIE_NAME_BYTES) return false;
    for (size_t i = 0; i < name.len; i++)
        if (!ascii_is_tchar(name.ptr[i])) return false;
    return true;
}

/* RFC 6265 4.1.1, and what phones put there besides: a quote, a comma. */
static bool value_is_good(struct str value) {
    for (size_t i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (c <= ' ' || c >= 0x7f || c == ';' || c == '\\') return false;
    }
    return true;
}

bool phone_form_jar_put(struct phone_form_jar *jar, struct str name, struct str value) {
    if (!name_is_good(name) || !value_is_good(value)) return false;
    if (value.len == 0) {
        take_out(jar, name);
        return true;
    }
    struct phone_form_jar next = *jar;
    take_out(&next, name);
    size_t before = next.len > 0 ? next.len + 2 : 0;
    /* None of these sums can overflow: name and jar are short. */
    size_t value_at = before + name.len + 1;
    bool fits = next.count < PHONE_FORM_COOKIES && value_at < sizeof(next.text) &&
                value.len <= sizeof(next.text) - value_at;
    if (fits) {
        if (before > 0) memcpy(next.text + next.len, "; ", 2);
        memcpy(next.text + before, name.ptr, name.len);
        next.text[before + name.len] = '=';
        memcpy(next.text + value_at, value.ptr, value.len);
        next.len = value_at + value.len;
        next.count++;
        *jar = next;
    }
    bytes_wipe(&next, sizeof(next));
    return fits;
}

/* "Max-Age=0", or below: taken back. Dates are not read: a phone that takes a cookie back by one
 * leaves its value empty, or says at the next request that nobody is logged in. */
static bool is_taken_back(struct str rest) {
    struct str piece;
    while (str_split(&rest, ';', &piece)) {
        size_t equals = str_find(piece, '=', 0);
        struct str name = str_trim(str_part(piece, 0, equals));
        struct str value = str_trim(str_part(piece, equals + 1, piece.len));
        if (!str_equal_icase(name, STR("Max-Age"))) continue;
        return str_equal(value, STR("0")) || str_starts_with(value, STR("-"));
    }
    return false;
}

bool phone_form_jar_read(struct str set_cookie, struct str *name, struct str *value) {
    struct str pair;
    if (!str_split(&set_cookie, ';', &pair)) return false;
    size_t equals = str_find(pair, '=', 0);
    if (equals == pair.len) return false;
    *name = str_trim(str_part(pair, 0, equals));
    *value = str_trim(str_part(pair, equals + 1, pair.len));
    if (is_taken_back(set_cookie)) *value = str_part(*value, 0, 0);
    return name->len > 0;
}
