#include "policy/auth/authparam.h"

/* A field that is being read, and where its values go. Every request runs through here, octet by
 * octet: two pointers, and the common characters judged in place. */
struct reader {
    const char *at;
    const char *end;
    enum authparam_mode mode;
    struct outbuf *memory;
};

static bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

/* Blanks, VCHAR and obs-text: what may stand behind a backslash or, `"` and `\` apart, in a quoted
 * string (RFC 9110 5.6.4). */
static bool is_text(char c) {
    return ((unsigned char)c >= 0x20 && c != 0x7f) || c == '\t';
}

static bool is_done(const struct reader *r) {
    return r->at == r->end;
}

static bool is_at(const struct reader *r, char c) {
    return r->at < r->end && *r->at == c;
}

static void skip_blanks(struct reader *r) {
    while (r->at < r->end && is_blank(*r->at)) r->at++;
}

/* Past the commas of a list, empty elements included; true if there was at least one. */
static bool skip_commas(struct reader *r) {
    bool comma = false;
    skip_blanks(r);
    while (is_at(r, ',')) {
        comma = true;
        r->at++;
        skip_blanks(r);
    }
    return comma;
}

/* The octets up to `to`, which is where reading goes on. */
static struct str take(struct reader *r, const char *to) {
    struct str piece = {r->at, (size_t)(to - r->at)};
    r->at = to;
    return piece;
}

static struct str take_token(struct reader *r) {
    const char *to = r->at;
    while (to < r->end && ascii_is_tchar(*to)) to++;
    return take(r, to);
}

/* A value without quotes. Phones leave the quotes off where the grammar demands them, so there
 * everything visible belongs to the value up to the next comma or blank. */
static struct str take_bare(struct reader *r) {
    if (r->mode == AUTHPARAM_STRICT) return take_token(r);
    const char *to = r->at;
    while (to < r->end) {
        if (is_blank(*to) || !is_text(*to) || *to == ',' || *to == '"' || *to == '\\') break;
        to++;
    }
    return take(r, to);
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

/* The end of the quoted string that begins at `to`: its second quote; NULL where there is none. */
static const char *closing_quote(const struct reader *r, const char *to, bool *escaped) {
    for (;; to++) {
        to += str_plain((struct str){to, (size_t)(r->end - to)});
        if (to == r->end) return NULL;
        if (*to == '"') return to;
        if (*to == '\\') {
            *escaped = true;
            to++;
        }
        if (to == r->end || !is_text(*to)) return NULL;
    }
}

static bool take_quoted(struct reader *r, struct authparam *param) {
    bool escaped = false;
    const char *to = closing_quote(r, ++r->at, &escaped);
    if (to == NULL) return false;
    param->quoted = true;
    param->raw = take(r, to);
    r->at++;
    param->value = param->raw;
    return !escaped || unescape(r->memory, param->raw, &param->value);
}

/* The part behind a parameter's name, '=' included. */
static bool take_value(struct reader *r, struct authparam *param) {
    r->at++;
    skip_blanks(r);
    if (is_at(r, '"')) return take_quoted(r, param);
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
        if (is_done(r)) return AUTHPARAM_OK;
        if (!comma) return AUTHPARAM_MALFORMED;
        struct str name = take_token(r);
        if (name.len == 0) return AUTHPARAM_MALFORMED;
        skip_blanks(r);
        if (!is_at(r, '=')) {
            r->at = name.ptr;
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
    const char *to = r->at;
    while (to < r->end && is_token68(*to)) to++;
    if (to == r->at) return false;
    while (to < r->end && *to == '=') to++;
    const char *behind = to;
    while (behind < r->end && is_blank(*behind)) behind++;
    if (behind < r->end && *behind != ',') return false;
    *token = take(r, to);
    return true;
}

static enum authparam_verdict take_challenge(struct reader *r, struct authparams *out) {
    (void)skip_commas(r);
    if (is_done(r)) return AUTHPARAM_END;
    out->scheme = take_token(r);
    if (out->scheme.len == 0) return AUTHPARAM_MALFORMED;
    if (is_done(r) || is_at(r, ',')) return AUTHPARAM_OK;
    if (!is_blank(*r->at)) return AUTHPARAM_MALFORMED;
    skip_blanks(r);
    if (is_at(r, ',') || take_token68(r, &out->token68)) return AUTHPARAM_OK;
    return take_params(r, out);
}

static struct reader reader_of(struct str field, enum authparam_mode mode, struct outbuf *memory,
                               struct authparams *out) {
    static const char nothing[] = "";
    const char *at = field.ptr == NULL ? nothing : field.ptr;
    out->scheme = STR_NONE;
    out->token68 = STR_NONE;
    out->count = 0;
    return (struct reader){.at = at, .end = at + field.len, .mode = mode, .memory = memory};
}

enum authparam_verdict authparam_next(struct str *rest, enum authparam_mode mode,
                                      struct outbuf *memory, struct authparams *out) {
    struct reader r = reader_of(*rest, mode, memory, out);
    enum authparam_verdict verdict = take_challenge(&r, out);
    *rest = (struct str){r.at, (size_t)(r.end - r.at)};
    return verdict;
}

enum authparam_verdict authparam_list(struct str field, enum authparam_mode mode,
                                      struct outbuf *memory, struct authparams *out) {
    struct reader r = reader_of(field, mode, memory, out);
    enum authparam_verdict verdict = take_params(&r, out);
    return verdict == AUTHPARAM_OK && !is_done(&r) ? AUTHPARAM_MALFORMED : verdict;
}

const struct authparam *authparam_find(const struct authparams *params, struct str name) {
    for (size_t i = 0; i < params->count; i++) {
        if (str_equal_icase(params->items[i].name, name)) return &params->items[i];
    }
    return NULL;
}

/* attr-char of RFC 8187 3.2.1: a token's characters without those that mean something here. */
static bool is_attr_char(char c) {
    return ascii_is_tchar(c) && c != '*' && c != '\'' && c != '%';
}

/* Undo the escapes of `coded`, each octet once. */
static bool decode(struct str coded, struct outbuf *memory) {
    for (size_t i = 0; i < coded.len; i++) {
        char c = coded.ptr[i];
        if (c == '%') {
            if (coded.len - i < 3) return false;
            int high = ascii_hex_value(coded.ptr[i + 1]), low = ascii_hex_value(coded.ptr[i + 2]);
            if (high < 0 || low < 0) return false;
            c = (char)(high << 4 | low);
            i += 2;
        } else if (!is_attr_char(c)) {
            return false;
        }
        outbuf_char(memory, c);
    }
    return !memory->full;
}

bool authparam_extended(const struct authparam *param, struct outbuf *memory, struct str *value) {
    if (param->quoted) return false;
    struct str rest = param->value, charset, language;
    if (!str_split(&rest, '\'', &charset) || !str_split(&rest, '\'', &language)) return false;
    if (rest.ptr == NULL || !str_equal_icase(charset, STR("UTF-8"))) return false;
    for (size_t i = 0; i < language.len; i++) {
        char c = language.ptr[i];
        if (!ascii_is_alpha(c) && !ascii_is_digit(c) && c != '-') return false;
    }
    size_t start = memory->len;
    if (!decode(rest, memory)) return false;
    *value = (struct str){memory->ptr + start, memory->len - start};
    return str_is_utf8(*value);
}

void authparam_put_quoted(struct outbuf *out, struct str name, struct str value) {
    outbuf_put(out, name);
    outbuf_put(out, STR("=\""));
    for (;;) {
        size_t plain = str_plain(value);
        outbuf_put(out, str_part(value, 0, plain));
        if (plain == value.len) break;
        char c = value.ptr[plain];
        if (c == '"' || c == '\\') outbuf_char(out, '\\');
        outbuf_char(out, c);
        value = str_part(value, plain + 1, value.len);
    }
    outbuf_char(out, '"');
}
