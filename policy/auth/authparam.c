#include "policy/auth/authparam.h"

/* A field that is being read, and where its values go. */
struct reader {
    struct str rest;
    enum authparam_mode mode;
    struct outbuf *memory;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Blanks, VCHAR and obs-text: what may stand behind a backslash or, `"` and `\` apart, in a quoted
 * string (RFC 9110 5.6.4). */
static bool is_text(char c) {
    return c == '\t' || ((unsigned char)c >= 0x20 && c != 0x7f);
}

static void skip(struct reader *r, size_t count) {
    r->rest = str_part(r->rest, count, r->rest.len);
}

static bool at(const struct reader *r, char c) {
    return r->rest.len > 0 && r->rest.ptr[0] == c;
}

static void skip_blanks(struct reader *r) {
    while (r->rest.len > 0 && is_blank(r->rest.ptr[0])) skip(r, 1);
}

/* Past the commas of a list, empty elements included; true if there was at least one. */
static bool skip_commas(struct reader *r) {
    bool comma = false;
    skip_blanks(r);
    while (at(r, ',')) {
        comma = true;
        skip(r, 1);
        skip_blanks(r);
    }
    return comma;
}

static struct str take(struct reader *r, size_t len) {
    struct str piece = str_part(r->rest, 0, len);
    skip(r, len);
    return piece;
}

static struct str take_token(struct reader *r) {
    size_t len = 0;
    while (len < r->rest.len && ascii_is_tchar(r->rest.ptr[len])) len++;
    return take(r, len);
}

/* A value without quotes. Phones leave the quotes off where the grammar demands them, so there
 * everything visible belongs to the value up to the next comma or blank. */
static struct str take_bare(struct reader *r) {
    if (r->mode == AUTHPARAM_STRICT) return take_token(r);
    size_t len = 0;
    while (len < r->rest.len) {
        char c = r->rest.ptr[len];
        if (is_blank(c) || !is_text(c) || c == ',' || c == '"' || c == '\\') break;
        len++;
    }
    return take(r, len);
}

/* Copy `raw` without its backslashes into the lent memory. */
static bool unescape(struct outbuf *memory, struct str raw, struct str *value) {
    size_t start = memory->len;
    for (size_t i = 0; i < raw.len; i++) {
        if (raw.ptr[i] == '\\') i++;
        outbuf_char(memory, raw.ptr[i]);
    }
    *value = (struct str){memory->ptr + start, memory->len - start};
    return !memory->full;
}

static bool take_quoted(struct reader *r, struct authparam *param) {
    skip(r, 1);
    size_t len = 0;
    bool escaped = false;
    while (len < r->rest.len && r->rest.ptr[len] != '"') {
        if (r->rest.ptr[len] == '\\') {
            escaped = true;
            len++;
        }
        if (len >= r->rest.len || !is_text(r->rest.ptr[len])) return false;
        len++;
    }
    if (len >= r->rest.len) return false;
    param->quoted = true;
    param->raw = take(r, len);
    skip(r, 1);
    param->value = param->raw;
    return !escaped || unescape(r->memory, param->raw, &param->value);
}

/* The part behind a parameter's name, '=' included. */
static bool take_value(struct reader *r, struct authparam *param) {
    skip(r, 1);
    skip_blanks(r);
    if (at(r, '"')) return take_quoted(r, param);
    param->quoted = false;
    param->raw = take_bare(r);
    param->value = param->raw;
    return param->raw.len > 0;
}

static enum authparam_verdict add_param(struct reader *r, struct str name, struct authparams *out) {
    if (out->count == AUTHPARAM_MAX) return AUTHPARAM_MALFORMED;
    if (authparam_find(out, name) != NULL) return AUTHPARAM_REPEATED;
    struct authparam *param = &out->items[out->count];
    param->name = name;
    if (!take_value(r, param)) return AUTHPARAM_MALFORMED;
    out->count++;
    return AUTHPARAM_OK;
}

/* Parameters up to the end or, in front of which `r` then stands, the next scheme. */
static enum authparam_verdict take_params(struct reader *r, struct authparams *out) {
    bool comma = true; /* the first one needs none in front */
    for (;;) {
        if (skip_commas(r)) comma = true;
        if (r->rest.len == 0) return AUTHPARAM_OK;
        if (!comma) return AUTHPARAM_MALFORMED;
        struct str from_here = r->rest;
        struct str name = take_token(r);
        if (name.len == 0) return AUTHPARAM_MALFORMED;
        skip_blanks(r);
        if (!at(r, '=')) {
            r->rest = from_here;
            /* A second word behind the scheme is neither a parameter nor a new scheme. */
            return out->count > 0 ? AUTHPARAM_OK : AUTHPARAM_MALFORMED;
        }
        enum authparam_verdict verdict = add_param(r, name, out);
        if (verdict != AUTHPARAM_OK) return verdict;
        comma = false;
    }
}

static bool is_token68(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) || c == '-' || c == '.' || c == '_' || c == '~' ||
           c == '+' || c == '/';
}

/* token68 and nothing else up to the comma or the end; "a=" is one, "a=b" is a parameter. */
static bool take_token68(struct reader *r, struct str *token) {
    struct str rest = r->rest;
    size_t len = 0;
    while (len < rest.len && is_token68(rest.ptr[len])) len++;
    if (len == 0) return false;
    while (len < rest.len && rest.ptr[len] == '=') len++;
    size_t end = len;
    while (end < rest.len && is_blank(rest.ptr[end])) end++;
    if (end < rest.len && rest.ptr[end] != ',') return false;
    *token = take(r, len);
    return true;
}

static enum authparam_verdict take_challenge(struct reader *r, struct authparams *out) {
    (void)skip_commas(r);
    if (r->rest.len == 0) return AUTHPARAM_END;
    out->scheme = take_token(r);
    if (out->scheme.len == 0) return AUTHPARAM_MALFORMED;
    if (r->rest.len == 0 || at(r, ',')) return AUTHPARAM_OK;
    if (!is_blank(r->rest.ptr[0])) return AUTHPARAM_MALFORMED;
    skip_blanks(r);
    if (at(r, ',') || take_token68(r, &out->token68)) return AUTHPARAM_OK;
    return take_params(r, out);
}

enum authparam_verdict authparam_next(struct str *rest, enum authparam_mode mode,
                                      struct outbuf *memory, struct authparams *out) {
    struct reader r = {.rest = *rest, .mode = mode, .memory = memory};
    out->scheme = STR_NONE;
    out->token68 = STR_NONE;
    out->count = 0;
    enum authparam_verdict verdict = take_challenge(&r, out);
    *rest = r.rest;
    return verdict;
}

enum authparam_verdict authparam_list(struct str field, enum authparam_mode mode,
                                      struct outbuf *memory, struct authparams *out) {
    struct reader r = {.rest = field, .mode = mode, .memory = memory};
    out->scheme = STR_NONE;
    out->token68 = STR_NONE;
    out->count = 0;
    enum authparam_verdict verdict = take_params(&r, out);
    if (verdict == AUTHPARAM_OK && r.rest.len > 0) return AUTHPARAM_MALFORMED;
    return verdict;
}

const struct authparam *authparam_find(const struct authparams *params, struct str name) {
    for (size_t i = 0; i < params->count; i++) {
        if (str_equal_icase(params->items[i].name, name)) return &params->items[i];
    }
    return NULL;
}

void authparam_put_quoted(struct outbuf *out, struct str name, struct str value) {
    outbuf_put(out, name);
    outbuf_put(out, STR("=\""));
    for (size_t i = 0; i < value.len; i++) {
        if (value.ptr[i] == '"' || value.ptr[i] == '\\') outbuf_char(out, '\\');
        outbuf_char(out, value.ptr[i]);
    }
    outbuf_char(out, '"');
}
