#include "policy/access/params.h"

#include <string.h>

bool params_add(struct params *params, struct str name, struct arena *arena) {
    if (params->count == params->capacity) {
        size_t capacity = params->capacity == 0 ? 8 : 2 * params->capacity;
        struct str *names = arena_alloc(arena, capacity * sizeof(*names));
        if (names == NULL) return false;
        if (params->count > 0) memcpy(names, params->names, params->count * sizeof(*names));
        params->names = names;
        params->capacity = capacity;
    }
    params->names[params->count++] = str_trim(name);
    return true;
}

bool params_has_any(struct str s, const char *set) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\0' && strchr(set, s.ptr[i]) != NULL) return true;
    }
    return false;
}

/* Cut the piece before the first octet of `set` off `*rest`; like str_split. */
static bool split_any(struct str *rest, const char *set, struct str *piece) {
    if (rest->ptr == NULL) return false;
    size_t end = 0;
    while (end < rest->len && !params_has_any(str_part(*rest, end, 1), set)) end++;
    *piece = str_part(*rest, 0, end);
    *rest = end == rest->len ? STR_NONE : str_part(*rest, end + 1, rest->len);
    return true;
}

static bool escape_at(struct str s, size_t i, char *octet) {
    if (s.len - i < 3 || s.ptr[i] != '%') return false;
    int high = ascii_hex_value(s.ptr[i + 1]);
    int low = ascii_hex_value(s.ptr[i + 2]);
    if (high < 0 || low < 0) return false;
    *octet = (char)(high * 16 + low);
    return true;
}

/* Decode once, '+' as a blank; a '%' that begins no escape stays. `.ptr` is NULL when the arena is
 * used up. */
static struct str decode(struct str s, struct arena *arena) {
    if (!params_has_any(s, "%+")) return s;
    char *out = arena_alloc(arena, s.len);
    if (out == NULL) return STR_NONE;
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char octet = s.ptr[i] == '+' ? ' ' : s.ptr[i];
        if (escape_at(s, i, &octet)) i += 2;
        out[len++] = octet;
    }
    return (struct str){out, len};
}

static bool escapes_are_whole(struct str s) {
    char octet;
    for (size_t i = str_find(s, '%', 0); i < s.len; i = str_find(s, '%', i + 1)) {
        if (!escape_at(s, i, &octet)) return false;
    }
    return true;
}

/* A control octet ends a name for some readers, and what still looks escaped another decodes again.
 */
static bool is_ambiguous(struct str name) {
    char octet;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i];
        if (c < 0x20 || c == 0x7f || escape_at(name, i, &octet)) return true;
    }
    return false;
}

static enum params_verdict add_pieces(struct params *params, struct str text,
                                      const char *separators, struct arena *arena) {
    struct str piece;
    while (split_any(&text, separators, &piece)) {
        if (piece.len == 0) continue;
        struct str name = str_part(piece, 0, str_find(piece, '=', 0));
        if (!escapes_are_whole(name)) return PARAMS_BAD_ESCAPE;
        name = decode(name, arena);
        if (name.ptr == NULL) return PARAMS_NO_MEMORY;
        if (is_ambiguous(name)) return PARAMS_AMBIGUOUS;
        if (!params_add(params, name, arena)) return PARAMS_NO_MEMORY;
    }
    return PARAMS_OK;
}

/* Does an escape stand for a separator, so that decoding before splitting reads something else? */
static bool hides_separator(struct str text) {
    char octet;
    for (size_t i = str_find(text, '%', 0); i < text.len; i = str_find(text, '%', i + 1)) {
        if (escape_at(text, i, &octet) && (octet == '&' || octet == ';' || octet == '=')) {
            return true;
        }
    }
    return false;
}

static bool add_decoded_first(struct params *params, struct str text, struct arena *arena) {
    text = decode(text, arena);
    if (text.ptr == NULL) return false;
    struct str piece;
    while (split_any(&text, "&;", &piece)) {
        if (piece.len == 0) continue;
        struct str name = str_part(piece, 0, str_find(piece, '=', 0));
        if (!params_add(params, name, arena)) return false;
    }
    return true;
}

bool params_add_loose(struct params *params, struct str text, struct arena *arena) {
    struct str rest = text;
    struct str piece;
    while (split_any(&rest, "&;", &piece)) {
        if (piece.len == 0) continue;
        struct str name = decode(str_part(piece, 0, str_find(piece, '=', 0)), arena);
        if (name.ptr == NULL || !params_add(params, name, arena)) return false;
    }
    return !hides_separator(text) || add_decoded_first(params, text, arena);
}

enum params_verdict params_add_urlencoded(struct params *params, struct str text,
                                          struct arena *arena) {
    enum params_verdict verdict = add_pieces(params, text, "&;", arena);
    if (verdict == PARAMS_OK && str_find(text, ';', 0) < text.len) {
        /* Without a ';' these two find nothing new. */
        verdict = add_pieces(params, text, "&", arena);
        if (verdict == PARAMS_OK) verdict = add_pieces(params, text, ";", arena);
    }
    if (verdict != PARAMS_OK || !hides_separator(text)) return verdict;
    return add_decoded_first(params, text, arena) ? PARAMS_OK : PARAMS_NO_MEMORY;
}

const char *params_verdict_str(enum params_verdict verdict) {
    switch (verdict) {
    case PARAMS_OK:
        return "ok";
    case PARAMS_BAD_ESCAPE:
        return "parameter_bad_escape";
    case PARAMS_AMBIGUOUS:
        return "parameter_ambiguous";
    case PARAMS_UNKNOWN_BODY:
        return "body_unknown_type";
    case PARAMS_NO_MEMORY:
        return "no_memory";
    }
    return "unknown";
}
