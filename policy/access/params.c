#include "policy/access/params.h"

#include <string.h>

/* ---- the list ---- */

static bool append(struct params *params, struct param param, struct arena *arena) {
    if (params->count == params->capacity) {
        size_t capacity = params->capacity == 0 ? 8 : 2 * params->capacity;
        struct param *list = arena_alloc(arena, capacity * sizeof(*list));
        if (list == NULL) return false;
        if (params->count > 0) memcpy(list, params->list, params->count * sizeof(*list));
        params->list = list;
        params->capacity = capacity;
    }
    param.name = str_trim(param.name);
    param.value = str_trim(param.value);
    params->list[params->count++] = param;
    return true;
}

bool params_add(struct params *params, struct param param, struct arena *arena) {
    struct str bare = param.name = str_trim(param.name);
    while (bare.len > 0 && params_has_any(str_part(bare, bare.len - 1, 1), "&$! ")) bare.len--;
    if (bare.len == param.name.len || bare.len == 0) return append(params, param, arena);
    struct param flagged = param;
    flagged.plain = false;
    param.name = bare;
    return append(params, flagged, arena) && append(params, param, arena);
}

bool params_has_any(struct str s, const char *set) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.ptr[i] != '\0' && strchr(set, s.ptr[i]) != NULL) return true;
    }
    return false;
}

bool params_has_control(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c == 0x7f) return true;
    }
    return false;
}

bool params_name_is_odd(struct str name) {
    for (size_t i = 0; i < name.len; i++) {
        if ((unsigned char)name.ptr[i] > 0x7f) return true;
    }
    return params_has_control(name) || params_has_any(name, "\\");
}

/* ---- escapes ---- */

static bool escape_at(struct str s, size_t i, char *octet) {
    if (s.len - i < 3 || s.ptr[i] != '%') return false;
    int high = ascii_hex_value(s.ptr[i + 1]);
    int low = ascii_hex_value(s.ptr[i + 2]);
    if (high < 0 || low < 0) return false;
    *octet = (char)(high * 16 + low);
    return true;
}

/* Decode once, '+' as `plus`; a '%' that begins no escape stays. `.ptr` is NULL when the arena is
 * used up. */
static struct str decode(struct str s, char plus, struct arena *arena) {
    if (!params_has_any(s, "%+")) return s;
    char *out = arena_alloc(arena, s.len);
    if (out == NULL) return STR_NONE;
    size_t len = 0;
    for (size_t i = 0; i < s.len; i++) {
        char octet = s.ptr[i] == '+' ? plus : s.ptr[i];
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

static bool has_escape(struct str s) {
    char octet;
    for (size_t i = str_find(s, '%', 0); i < s.len; i = str_find(s, '%', i + 1)) {
        if (escape_at(s, i, &octet)) return true;
    }
    return false;
}

/* A control octet ends a text for some readers, what still looks escaped another decodes again, and
 * an overlong form of a letter is that letter to a third. */
static bool is_ambiguous(struct str decoded) {
    return params_has_control(decoded) || has_escape(decoded) || !str_is_utf8(decoded);
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

/* ---- one piece "name=value" ---- */

struct reading {
    struct params *params;
    struct arena *arena;
    bool strict;  /* names must be clean */
    bool decoded; /* the text was decoded before it was split */
    bool plain;
};

static bool add_decoded_value(const struct reading *r, struct param param, struct str value) {
    /* What was decoded too early leaves nothing to tell a '%' of the text from a broken escape. */
    bool unclear = is_ambiguous(value) || (r->decoded && str_find(value, '%', 0) < value.len);
    param.value = value;
    param.kind = unclear ? PARAM_VALUE_UNCLEAR : PARAM_VALUE_TEXT;
    return params_add(r->params, param, r->arena);
}

static bool add_value(const struct reading *r, struct param param, struct str raw) {
    if (r->decoded) return add_decoded_value(r, param, raw);
    if (!escapes_are_whole(raw)) {
        param.value = raw;
        param.kind = PARAM_VALUE_UNCLEAR;
        return params_add(r->params, param, r->arena);
    }
    struct str value = decode(raw, ' ', r->arena);
    if (value.ptr == NULL || !add_decoded_value(r, param, value)) return false;
    if (str_find(raw, '+', 0) == raw.len) return true;
    value = decode(raw, '+', r->arena);
    return value.ptr != NULL && add_decoded_value(r, param, value);
}

static enum params_verdict add_piece(const struct reading *r, struct str piece) {
    if (piece.len == 0) return PARAMS_OK;
    size_t equals = str_find(piece, '=', 0);
    struct param param = {.name = str_part(piece, 0, equals), .plain = r->plain};
    if (!r->decoded) {
        if (r->strict && !escapes_are_whole(param.name)) return PARAMS_BAD_ESCAPE;
        param.name = decode(param.name, ' ', r->arena);
        if (param.name.ptr == NULL) return PARAMS_NO_MEMORY;
        if (r->strict && (params_name_is_odd(param.name) || has_escape(param.name)))
            return PARAMS_AMBIGUOUS;
    }
    bool added = equals == piece.len ? params_add(r->params, param, r->arena)
                                     : add_value(r, param, str_part(piece, equals + 1, piece.len));
    return added ? PARAMS_OK : PARAMS_NO_MEMORY;
}

/* ---- a whole text, under every reading ---- */

enum separators { AND = 1, SEMICOLON = 2, BOTH = 3 };

/* Cut the piece before the first separator off `*rest`; like str_split. */
static bool next_piece(struct str *rest, enum separators separators, struct str *piece) {
    if (rest->ptr == NULL) return false;
    size_t end = 0;
    for (; end < rest->len; end++) {
        char c = rest->ptr[end];
        if ((c == '&' && separators != SEMICOLON) || (c == ';' && separators != AND)) break;
    }
    *piece = str_part(*rest, 0, end);
    *rest = end == rest->len ? STR_NONE : str_part(*rest, end + 1, rest->len);
    return true;
}

/* Decoded before it is split; only where that can make a difference. */
static enum params_verdict add_decoded_first(struct reading r, struct str text,
                                             enum separators separators) {
    if (!hides_separator(text)) return PARAMS_OK;
    r.decoded = true;
    r.plain = false;
    text = decode(text, ' ', r.arena);
    if (text.ptr == NULL) return PARAMS_NO_MEMORY;
    enum params_verdict verdict = PARAMS_OK;
    struct str piece;
    while (verdict == PARAMS_OK && next_piece(&text, separators, &piece)) {
        verdict = add_piece(&r, piece);
    }
    return verdict;
}

static enum params_verdict split_at_both(struct reading r, struct str text) {
    bool plain = r.plain;
    enum params_verdict verdict = PARAMS_OK;
    char before = '&';
    struct str piece;
    while (verdict == PARAMS_OK && next_piece(&text, BOTH, &piece)) {
        /* Behind a ';' a piece without '=' may well be part of a value: key=1;2;3. */
        r.plain = plain && (before == '&' || str_find(piece, '=', 0) < piece.len);
        before = text.ptr != NULL ? piece.ptr[piece.len] : '&';
        verdict = add_piece(&r, piece);
        if (verdict == PARAMS_OK) verdict = add_decoded_first(r, piece, BOTH);
    }
    return verdict;
}

/* What holds no ';' was found by split_at_both. */
static enum params_verdict split_at_and(struct reading r, struct str text) {
    enum params_verdict verdict = PARAMS_OK;
    struct str piece;
    r.plain = false;
    while (verdict == PARAMS_OK && next_piece(&text, AND, &piece)) {
        if (str_find(piece, ';', 0) == piece.len) continue;
        verdict = add_piece(&r, piece);
        if (verdict == PARAMS_OK) verdict = add_decoded_first(r, piece, AND);
    }
    return verdict;
}

/* What holds no '&' was found by split_at_both, and so was every name without one. */
static enum params_verdict split_at_semicolon(struct reading r, struct str text) {
    enum params_verdict verdict = PARAMS_OK;
    struct str piece;
    r.plain = false;
    while (verdict == PARAMS_OK && next_piece(&text, SEMICOLON, &piece)) {
        struct str name = str_part(piece, 0, str_find(piece, '=', 0));
        if (str_find(name, '&', 0) == name.len) continue;
        verdict = add_piece(&r, piece);
    }
    return verdict;
}

static enum params_verdict add_readings(struct reading r, struct str text) {
    enum params_verdict verdict = split_at_both(r, text);
    if (verdict != PARAMS_OK || str_find(text, ';', 0) == text.len) return verdict;
    verdict = split_at_and(r, text);
    return verdict == PARAMS_OK ? split_at_semicolon(r, text) : verdict;
}

enum params_verdict params_add_urlencoded(struct params *params, struct str text,
                                          struct arena *arena) {
    return add_readings((struct reading){params, arena, .strict = true, .plain = true}, text);
}

bool params_add_loose(struct params *params, struct str text, bool plain, struct arena *arena) {
    return add_readings((struct reading){params, arena, .plain = plain}, text) == PARAMS_OK;
}

bool params_add_text(struct params *params, struct str name, struct str value, bool plain,
                     struct arena *arena) {
    const struct reading r = {params, arena, .plain = plain};
    const struct param param = {.name = name, .plain = plain};
    if (!add_decoded_value(&r, param, value)) return false;
    if (str_find(value, '+', 0) == value.len || has_escape(value)) return true;
    value = decode(value, ' ', arena);
    return value.ptr != NULL && add_decoded_value(&r, param, value);
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
