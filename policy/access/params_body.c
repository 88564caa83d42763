/* Field names in bodies. Nothing here trusts the Content-Type: it only says which reading must be
 * free of faults; what the other readings would find is added too. All of them go line by line, and
 * a multipart boundary is no border: a field name counts wherever a line looks like one, in the
 * content of a file as well. */
#include "policy/access/params.h"

/* A longer value, its boundary included, is nobody's setting: not compared, unclear. */
#define PART_MAX 8192

struct scan {
    struct params *params;
    struct arena *arena;
    enum params_body kind;
    struct str boundary; /* multipart: without the two leading hyphens */
    size_t len;          /* of the body */
    struct str rest;     /* behind the line that is looked at */
    bool part_begins;    /* that line is the first of a part */
    bool is_header;      /* ... begins a field of its header */
    /* What the part holds whose header is looked at. */
    struct str value;
    bool value_is_clear;
};

/* Value of one parameter of a Content-Type, quotes removed; .ptr is NULL where there is none. */
static struct str type_parameter(struct str content_type, struct str name) {
    struct str piece;
    (void)str_split(&content_type, ';', &piece);
    while (str_split(&content_type, ';', &piece)) {
        size_t equals = str_find(piece, '=', 0);
        if (!str_equal_icase(str_trim(str_part(piece, 0, equals)), name)) continue;
        struct str value = str_trim(str_part(piece, equals + 1, piece.len));
        if (value.len >= 2 && value.ptr[0] == '"' && value.ptr[value.len - 1] == '"') {
            value = str_part(value, 1, value.len - 2);
        }
        return value;
    }
    return STR_NONE;
}

/* Octets below 0x80 mean the same in these; in UTF-7 or UTF-16 a name could hide. */
static bool charset_is_readable(struct str content_type) {
    struct str charset = type_parameter(content_type, STR("charset"));
    return charset.ptr == NULL || str_equal_icase(charset, STR("utf-8")) ||
           str_equal_icase(charset, STR("us-ascii")) || str_equal_icase(charset, STR("iso-8859-1"));
}

enum params_body params_body_kind(struct str content_type) {
    if (!charset_is_readable(content_type)) return PARAMS_BODY_UNKNOWN;
    struct str type = str_trim(str_part(content_type, 0, str_find(content_type, ';', 0)));
    if (str_equal_icase(type, STR("application/x-www-form-urlencoded"))) {
        return PARAMS_BODY_URLENCODED;
    }
    if (str_equal_icase(type, STR("text/plain"))) return PARAMS_BODY_PLAIN;
    if (str_equal_icase(type, STR("multipart/form-data")) &&
        type_parameter(content_type, STR("boundary")).len > 0) {
        return PARAMS_BODY_MULTIPART;
    }
    return PARAMS_BODY_UNKNOWN;
}

/* ---- multipart ---- */

static bool is_boundary(const struct scan *scan, struct str line) {
    if (scan->kind != PARAMS_BODY_MULTIPART || !str_starts_with(line, STR("--"))) return false;
    struct str rest = str_part(line, 2, line.len);
    if (!str_starts_with(rest, scan->boundary)) return false;
    rest = str_trim(str_part(rest, scan->boundary.len, rest.len));
    return rest.len == 0 || str_equal(rest, STR("--"));
}

/* One line and its end off `*rest`. */
static struct str next_line(struct str *rest) {
    size_t end = str_find(*rest, '\n', 0);
    struct str line = str_part(*rest, 0, end);
    *rest = str_part(*rest, end + 1, rest->len);
    if (line.len > 0 && line.ptr[line.len - 1] == '\r') line.len--;
    return line;
}

/* The value of a part: one line between an empty one and the boundary, behind a header of one line.
 * Any other shape, a second header field (an encoding, a charset) included, leaves it to the reader
 * what the value is. */
static void find_value(struct scan *scan) {
    struct str rest = str_part(scan->rest, 0, PART_MAX);
    scan->value_is_clear = false;
    if (!scan->is_header || !scan->part_begins) return;
    if (rest.len > 0 && rest.ptr[0] == '\r') rest = str_part(rest, 1, rest.len);
    if (rest.len > 0 && rest.ptr[0] == '\n') rest = str_part(rest, 1, rest.len);
    bool one_header = next_line(&rest).len == 0;
    scan->value = next_line(&rest);
    scan->value_is_clear = one_header && is_boundary(scan, next_line(&rest));
}

static bool add_name(const struct scan *scan, struct str name, bool plain) {
    if (scan->value_is_clear) {
        return params_add_text(scan->params, name, scan->value, plain, scan->arena);
    }
    const struct param param = {.name = name, .kind = PARAM_VALUE_UNCLEAR, .plain = plain};
    return params_add(scan->params, param, scan->arena);
}

/* A name as one reading gives it, and as it is after decoding, where a reader decodes. */
static enum params_verdict add_both(const struct scan *scan, struct str name, bool plain) {
    if (!add_name(scan, name, plain)) return PARAMS_NO_MEMORY;
    if (!params_has_any(name, "%+&;")) return PARAMS_OK;
    struct params loose = {0};
    if (!params_add_loose(&loose, name, false, scan->arena)) return PARAMS_NO_MEMORY;
    for (size_t i = 0; i < loose.count; i++) {
        struct param param = loose.list[i];
        bool added = param.kind == PARAM_VALUE_NONE ? add_name(scan, param.name, false)
                                                    : params_add(scan->params, param, scan->arena);
        if (!added) return PARAMS_NO_MEMORY;
    }
    return PARAMS_OK;
}

static bool is_unclosed(struct str value) {
    value = str_trim(value);
    return value.len > 0 && value.ptr[0] == '"' && str_find(value, '"', 1) == value.len;
}

/* The value that starts at `value`: up to the closing quote, or to the next ';'. */
static struct str header_value(struct str value) {
    value = str_trim(value);
    if (value.len == 0 || value.ptr[0] != '"') return str_part(value, 0, str_find(value, ';', 0));
    value = str_part(value, 1, value.len);
    return str_part(value, 0, str_find(value, '"', 0));
}

static enum params_verdict add_field(const struct scan *scan, struct str value) {
    struct str name = header_value(value);
    bool multipart = scan->kind == PARAMS_BODY_MULTIPART;
    /* "=?": an encoded word (RFC 2047), which nobody may use here. A line that begins with a blank
     * may as well be one of a file. */
    bool odd = params_has_any(name, "\\") || params_has_control(name);
    if (scan->is_header)
        odd = params_name_is_odd(name) || str_starts_with(name, STR("=?")) || is_unclosed(value);
    if (odd && multipart) return PARAMS_AMBIGUOUS;
    return add_both(scan, name, multipart);
}

/* name*=charset'language'value (RFC 8187), which RFC 7578 4.2 forbids here. */
static enum params_verdict add_extended_field(const struct scan *scan, struct str value) {
    if (scan->kind == PARAMS_BODY_MULTIPART) return PARAMS_AMBIGUOUS;
    value = str_trim(str_part(value, 0, str_find(value, ';', 0)));
    for (size_t quote = str_find(value, '\'', 0); quote < value.len;
         quote = str_find(value, '\'', 0)) {
        value = str_part(value, quote + 1, value.len);
    }
    return add_both(scan, value, false);
}

static bool is_known_attribute(struct str name) {
    return str_equal_icase(name, STR("filename")) || str_equal_icase(name, STR("filename*")) ||
           str_equal_icase(name, STR("charset")) || str_equal_icase(name, STR("boundary"));
}

/* `value` is the rest of the line, which a quoted value may need. */
static enum params_verdict scan_attribute(const struct scan *scan, struct str name,
                                          struct str value) {
    if (str_equal_icase(name, STR("name"))) return add_field(scan, value);
    if (str_equal_icase(name, STR("name*"))) return add_extended_field(scan, value);
    if (is_known_attribute(name)) return PARAMS_OK;
    /* What stands behind the '=' is for another reader the value. */
    struct scan unclear = *scan;
    unclear.value_is_clear = false;
    return add_both(&unclear, name, false);
}

/* The attributes of a part's header line. Pieces are cut at every ';', quoted or not: a reader that
 * knows no quotes does the same. */
static enum params_verdict scan_attributes(const struct scan *scan, struct str line) {
    for (size_t at = 0, end; at <= line.len; at = end + 1) {
        end = str_find(line, ';', at);
        size_t equals = str_find(str_part(line, 0, end), '=', at);
        if (equals == end) continue;
        enum params_verdict verdict = scan_attribute(
            scan, str_trim(str_part(line, at, equals - at)), str_part(line, equals + 1, line.len));
        if (verdict != PARAMS_OK) return verdict;
    }
    return PARAMS_OK;
}

/* ---- lines ---- */

/* "name:value"; the text form of settings puts a flag behind the name ("name$: value"). A line
 * without a colon is a name where lines are what was sent. */
static enum params_verdict scan_plain(const struct scan *scan, struct str line) {
    size_t colon = str_find(line, ':', 0);
    bool plain = scan->kind == PARAMS_BODY_PLAIN;
    if (colon == line.len && !plain) return PARAMS_OK;
    struct str name = str_trim(str_part(line, 0, colon));
    /* What is neither "name:value" nor "name=value" is a text, and may be in any language. */
    size_t end = str_find(line, '=', 0) < colon ? str_find(line, '=', 0) : colon;
    bool odd = end < line.len && params_name_is_odd(str_part(line, 0, end));
    if (plain && (odd || params_has_control(name))) return PARAMS_AMBIGUOUS;
    /* No setting's name holds a '='; a form's value may well hold a ':'. */
    if (scan->kind == PARAMS_BODY_URLENCODED && params_has_any(name, "=")) return PARAMS_OK;
    bool added = colon == line.len
                     ? params_add(scan->params, (struct param){.name = name}, scan->arena)
                     : params_add_text(scan->params, name, str_part(line, colon + 1, line.len),
                                       plain, scan->arena);
    return added ? PARAMS_OK : PARAMS_NO_MEMORY;
}

static bool is_element_char(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) || params_has_any((struct str){&c, 1}, "_-.:");
}

/* "<name": settings are files of XML as well, and a file may be what is uploaded. Blanks in front
 * of the name are forgiven by some readers. */
static bool scan_elements(const struct scan *scan, struct str line) {
    for (size_t at = str_find(line, '<', 0); at < line.len; at = str_find(line, '<', at + 1)) {
        size_t start = at + 1;
        while (start < line.len && (unsigned char)line.ptr[start] <= ' ') start++;
        size_t end = start;
        while (end < line.len && is_element_char(line.ptr[end])) end++;
        const struct param param = {.name = str_part(line, start, end - start),
                                    .kind = PARAM_VALUE_UNCLEAR};
        if (param.name.len > 0 && !params_add(scan->params, param, scan->arena)) return false;
    }
    return true;
}

static size_t skip_blanks(struct str line, size_t at) {
    while (at < line.len && (line.ptr[at] == ' ' || line.ptr[at] == '\t')) at++;
    return at;
}

/* What stands behind `name=` at `at`: between quotes of either kind, or up to what ends a word. A
 * '=' does, too: words of one line must not overlap. */
static struct str word_at(struct str line, size_t at) {
    struct str rest = str_part(line, at, line.len);
    bool quoted = rest.len > 0 && params_has_any(str_part(rest, 0, 1), "\"'");
    if (quoted) return str_part(rest, 1, str_find(rest, rest.ptr[0], 1) - 1);
    size_t end = 0;
    while (end < rest.len && !params_has_any(str_part(rest, end, 1), " \t;,=<>/\"'")) end++;
    return str_part(rest, 0, end);
}

/* "name=" wherever it stands: some readers look for these letters and for nothing else, in whatever
 * field of a part's header, and settings may be attributes of XML. Of a part's header line only the
 * first counts, or each that is no file's name. */
static bool scan_names(const struct scan *scan, struct str line) {
    static const struct str key = {"name", 4};
    bool seen = false;
    for (size_t at = 0; at + key.len <= line.len; at++) {
        if (!str_equal_icase(str_part(line, at, key.len), key)) continue;
        size_t equals = skip_blanks(line, at + key.len);
        if (equals == line.len || line.ptr[equals] != '=') continue;
        bool file = at >= 4 && str_equal_icase(str_part(line, at - 4, 4), STR("file"));
        struct str name = word_at(line, skip_blanks(line, equals + 1));
        if ((file && (seen || !scan->is_header)) || name.len == 0) continue;
        seen = true;
        if (!add_name(scan, name, false)) return false;
    }
    return true;
}

/* A form's urlencoded field may itself be called so. */
static bool may_name(const struct scan *scan, struct str line) {
    return scan->kind == PARAMS_BODY_MULTIPART ||
           (scan->kind == PARAMS_BODY_PLAIN && params_has_any(line, "<"));
}

static bool is_part_header(struct str line) {
    return str_starts_with_icase(line, STR("content-disposition")) ||
           str_starts_with_icase(line, STR("content-type"));
}

static enum params_verdict scan_line(struct scan *scan, struct str line) {
    bool is_folded = line.ptr[0] == ' ' || line.ptr[0] == '\t';
    enum params_verdict verdict = PARAMS_OK;
    scan->is_header = is_part_header(line);
    find_value(scan);
    if (scan->is_header || is_folded) verdict = scan_attributes(scan, line);
    if (verdict != PARAMS_OK) return verdict;
    if (may_name(scan, line) && !scan_names(scan, line)) return PARAMS_NO_MEMORY;
    if (scan->is_header && scan->kind == PARAMS_BODY_MULTIPART) {
        /* Its attributes are judged; only a reader that splits at '&' could find more in it. */
        line = str_part(line, str_find(line, '&', 0), line.len);
    } else {
        verdict = scan_plain(scan, line);
        if (verdict != PARAMS_OK) return verdict;
    }
    if (!scan_elements(scan, line)) return PARAMS_NO_MEMORY;
    /* The whole of an urlencoded body is in the list already. */
    if (scan->kind == PARAMS_BODY_URLENCODED && line.len == scan->len) return PARAMS_OK;
    if (!params_has_any(line, "=&;%")) return PARAMS_OK;
    return params_add_loose(scan->params, line, false, scan->arena) ? PARAMS_OK : PARAMS_NO_MEMORY;
}

static enum params_verdict scan_lines(struct scan *scan, struct str body) {
    for (size_t at = 0, end; at < body.len; at = end + 1) {
        end = at;
        while (end < body.len && body.ptr[end] != '\r' && body.ptr[end] != '\n') end++;
        struct str line = str_part(body, at, end - at);
        if (line.len == 0) continue;
        bool boundary = is_boundary(scan, line);
        scan->rest = str_part(body, end, body.len);
        enum params_verdict verdict = boundary ? PARAMS_OK : scan_line(scan, line);
        if (verdict != PARAMS_OK) return verdict;
        scan->part_begins = boundary;
    }
    return PARAMS_OK;
}

enum params_verdict params_add_body(struct params *params, struct str content_type, struct str body,
                                    struct arena *arena) {
    struct scan scan = {
        .params = params,
        .arena = arena,
        .kind = params_body_kind(content_type),
        .boundary = type_parameter(content_type, STR("boundary")),
        .len = body.len,
    };
    enum params_verdict verdict = PARAMS_OK;
    if (scan.kind == PARAMS_BODY_URLENCODED) verdict = params_add_urlencoded(params, body, arena);
    if (verdict == PARAMS_OK) verdict = scan_lines(&scan, body);
    if (verdict != PARAMS_OK) return verdict;
    return scan.kind == PARAMS_BODY_UNKNOWN ? PARAMS_UNKNOWN_BODY : PARAMS_OK;
}
