/* Any octets as a path: no crash, and what is accepted has one spelling only. */
#include <string.h>

#include "policy/access/urlpath.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool holds(struct str s, const char *needle) {
    size_t len = strlen(needle);
    for (size_t i = 0; len <= s.len && i <= s.len - len; i++) {
        if (memcmp(s.ptr + i, needle, len) == 0) return true;
    }
    return false;
}

static void check_spelling(struct urlpath path, struct arena *arena) {
    static const char *const never[] = {"//",  "/./", "/../", "%2F", "%5C", "%00", "%3B", "%3F",
                                        "%23", "?",   "#",    ";",   "\\",  " ",   "%7F", "%0"};
    ENSURE(path.encoded.len > 0 && path.encoded.ptr[0] == '/');
    for (size_t i = 0; i < ARRAY_LEN(never); i++) ENSURE(!holds(path.encoded, never[i]));
    ENSURE(!str_ends_with(path.encoded, STR("/..")) && !str_ends_with(path.encoded, STR("/.")));
    ENSURE(memchr(path.decoded.ptr, '\0', path.decoded.len) == NULL);
    ENSURE(str_is_utf8(path.decoded));
    struct urlpath again;
    ENSURE(urlpath_canonical(path.encoded, arena, &again) == URLPATH_OK);
    ENSURE(str_equal(again.encoded, path.encoded) && str_equal(again.decoded, path.decoded));
    ENSURE(urlpath_matches(STR("*"), path.decoded, false));
}

/* The same question by recursion, which is simple and slow. */
static bool matches_slowly(struct str pattern, struct str text, bool fold) {
    if (pattern.len == 0) return text.len == 0;
    struct str rest = str_part(pattern, 1, pattern.len);
    if (pattern.ptr[0] == '*') {
        for (size_t i = 0; i <= text.len; i++) {
            if (matches_slowly(rest, str_part(text, i, text.len), fold)) return true;
        }
        return false;
    }
    if (text.len == 0) return false;
    bool same = pattern.ptr[0] == text.ptr[0] ||
                (fold && ascii_lower(pattern.ptr[0]) == ascii_lower(text.ptr[0]));
    return same && matches_slowly(rest, str_part(text, 1, text.len), fold);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct str raw = {(const char *)data, size};
    struct arena arena;
    struct urlpath path;
    arena_init(&arena, 1 << 20);
    if (urlpath_canonical(raw, &arena, &path) == URLPATH_OK) check_spelling(path, &arena);
    size_t cut = str_find(raw, '\n', 0);
    struct str pattern = str_part(raw, 0, cut);
    struct str text = str_part(raw, cut + 1, raw.len);
    if (pattern.len < 8 && text.len < 16) {
        ENSURE(urlpath_matches(pattern, text, false) == matches_slowly(pattern, text, false));
        ENSURE(urlpath_matches(pattern, text, true) == matches_slowly(pattern, text, true));
    }
    arena_release(&arena);
    return 0;
}
