#include "policy/access/urlpath.h"

#include <string.h>

/* pchar of RFC 3986 3.3 and '/', less ';': a ';' starts path parameters on some servers and is part
 * of the name on others. Everything else must be escaped on the wire. */
static bool is_plain(unsigned char c) {
    if (ascii_is_alpha((char)c) || ascii_is_digit((char)c)) return true;
    return c != '\0' && strchr("/-._~!$&'()*+,=:@", c) != NULL;
}

/* Octets that no phone reads in one way only, escaped or not. '/' is here for its escaped form. */
static bool is_ambiguous_escaped(unsigned char c) {
    return c < 0x20 || c == 0x7f || c == '/' || c == '\\' || c == '?' || c == '#' || c == ';';
}

static enum urlpath_verdict decode(struct str raw, char *out, size_t *out_len) {
    size_t len = 0;
    for (size_t i = 0; i < raw.len; i++) {
        unsigned char c = (unsigned char)raw.ptr[i];
        if (c != '%') {
            if (!is_plain(c)) return URLPATH_AMBIGUOUS;
            out[len++] = (char)c;
            continue;
        }
        if (raw.len - i < 3) return URLPATH_BAD_ESCAPE;
        int high = ascii_hex_value(raw.ptr[i + 1]);
        int low = ascii_hex_value(raw.ptr[i + 2]);
        if (high < 0 || low < 0) return URLPATH_BAD_ESCAPE;
        c = (unsigned char)(high * 16 + low);
        if (is_ambiguous_escaped(c)) return URLPATH_AMBIGUOUS;
        out[len++] = (char)c;
        i += 2;
    }
    *out_len = len;
    return URLPATH_OK;
}

/* "", "." and ".." as segments; the empty one only between two slashes. */
static bool has_ambiguous_segment(struct str decoded) {
    struct str rest = str_part(decoded, 1, decoded.len);
    struct str segment;
    while (str_split(&rest, '/', &segment)) {
        bool is_last = rest.ptr == NULL;
        if (segment.len == 0 && !is_last) return true;
        if (str_equal(segment, STR(".")) || str_equal(segment, STR(".."))) return true;
    }
    return false;
}

/* A phone that decodes once more would see another path (U01). */
static bool has_double_escape(struct str decoded) {
    for (size_t i = str_find(decoded, '%', 0); i < decoded.len; i = str_find(decoded, '%', i + 1)) {
        if (decoded.len - i >= 3 && ascii_is_hex(decoded.ptr[i + 1]) &&
            ascii_is_hex(decoded.ptr[i + 2])) {
            return true;
        }
    }
    return false;
}

static size_t encode(struct str decoded, char *out) {
    static const char digits[] = "0123456789ABCDEF";
    size_t len = 0;
    for (size_t i = 0; i < decoded.len; i++) {
        unsigned char c = (unsigned char)decoded.ptr[i];
        if (is_plain(c)) {
            out[len++] = (char)c;
            continue;
        }
        out[len++] = '%';
        out[len++] = digits[c >> 4];
        out[len++] = digits[c & 15];
    }
    return len;
}

enum urlpath_verdict urlpath_canonical(struct str raw, struct arena *arena, struct urlpath *path) {
    *path = (struct urlpath){STR_NONE, STR_NONE};
    if (raw.len == 0 || raw.ptr[0] != '/') return URLPATH_NO_SLASH;
    /* Neither form is longer than `raw`: an octet that is written as three came as three. */
    char *memory = arena_alloc(arena, 2 * raw.len);
    if (memory == NULL) return URLPATH_NO_MEMORY;
    struct str decoded = {memory, 0};
    enum urlpath_verdict verdict = decode(raw, memory, &decoded.len);
    if (verdict != URLPATH_OK) return verdict;
    if (has_ambiguous_segment(decoded) || has_double_escape(decoded) || !str_is_utf8(decoded)) {
        return URLPATH_AMBIGUOUS;
    }
    char *encoded = memory + decoded.len;
    *path = (struct urlpath){decoded, {encoded, encode(decoded, encoded)}};
    return URLPATH_OK;
}

const char *urlpath_verdict_str(enum urlpath_verdict verdict) {
    switch (verdict) {
    case URLPATH_OK:
        return "ok";
    case URLPATH_NO_SLASH:
        return "path_no_slash";
    case URLPATH_BAD_ESCAPE:
        return "path_bad_escape";
    case URLPATH_AMBIGUOUS:
        return "path_ambiguous";
    case URLPATH_NO_MEMORY:
        return "no_memory";
    }
    return "unknown";
}

/* The cases of an ASCII letter differ in one bit. */
static bool same(char a, char b, bool fold) {
    return a == b || (fold && (a ^ b) == 0x20 && ascii_is_alpha(a));
}

/* Only the last '*' is ever moved: an earlier one that matched as little as it could leaves the
 * later ones the most to choose from. So time is |pattern| * |text| at worst, no recursion. */
bool urlpath_matches(struct str pattern, struct str text, bool fold) {
    size_t p = 0, t = 0;
    size_t star = pattern.len, resume = 0; /* star == pattern.len: none seen yet */
    while (t < text.len) {
        if (p < pattern.len && pattern.ptr[p] == '*') {
            star = p++;
            resume = t;
        } else if (p < pattern.len && same(pattern.ptr[p], text.ptr[t], fold)) {
            p++;
            t++;
        } else if (star < pattern.len) {
            p = star + 1;
            t = ++resume;
        } else {
            return false;
        }
    }
    while (p < pattern.len && pattern.ptr[p] == '*') p++;
    return p == pattern.len;
}

bool urlpath_query_is_clean(struct str query) {
    for (size_t i = 0; i < query.len; i++) {
        unsigned char c = (unsigned char)query.ptr[i];
        if (c <= ' ' || c > '~' || c == '#') return false;
    }
    return true;
}

struct str urlpath_target(struct arena *arena, struct str before, struct str path,
                          struct str query) {
    if (before.len == 0 && query.ptr == NULL) return path;
    char *text = arena_alloc(arena, before.len + path.len + 1 + query.len);
    if (text == NULL) return STR_NONE;
    size_t len = 0;
    if (before.len > 0) memcpy(text, before.ptr, before.len);
    len += before.len;
    if (path.len > 0) memcpy(text + len, path.ptr, path.len);
    len += path.len;
    if (query.ptr == NULL) return (struct str){text, len};
    text[len++] = '?';
    if (query.len > 0) memcpy(text + len, query.ptr, query.len);
    return (struct str){text, len + query.len};
}
