#include "proxy/http/http_strict.h"

#include <string.h>

/* A method longer than this is nobody's method: 501 (RFC 9112 section 3). */
#define METHOD_MAX 32
/* Method, two blanks and "HTTP/1.1" around the target. */
#define REQUEST_LINE_EXTRA (METHOD_MAX + 10)

static enum http_head refuse(struct http_refusal *refusal, unsigned status, const char *reason) {
    *refusal = (struct http_refusal){status, reason};
    return HTTP_HEAD_BAD;
}

static bool refused(struct http_refusal *refusal, unsigned status, const char *reason) {
    *refusal = (struct http_refusal){status, reason};
    return false;
}

/* Octets that may stand in a head: TAB, CR, LF and everything from SP on but DEL. obs-text is
 * judged by place. */
static bool is_head_octet(unsigned char c) {
    return c >= 0x20 ? c != 0x7f : c == '\t' || c == '\r' || c == '\n';
}

void http_scan_init(struct http_scan *scan) {
    *scan = (struct http_scan){0};
}

/* The request line is longer than any we take: is it the method or the target? */
static enum http_head refuse_long_line(struct str line, struct http_refusal *refusal) {
    size_t blank = str_find(str_part(line, 0, METHOD_MAX + 1), ' ', 0);
    if (blank <= METHOD_MAX && blank < line.len) return refuse(refusal, 414, "target_too_long");
    return refuse(refusal, 501, "method_too_long");
}

/* What the octets seen so far exceed, if anything. */
static enum http_head check_size(const struct http_scan *scan, struct str text,
                                 const struct http_limits *limits, struct http_refusal *refusal) {
    struct str line = str_part(text, scan->line_start, scan->at - scan->line_start);
    if (scan->lines == 0 && line.len > limits->target_bytes + REQUEST_LINE_EXTRA)
        return refuse_long_line(line, refusal);
    if (scan->lines > limits->headers + 1) return refuse(refusal, 431, "too_many_headers");
    if (scan->at > limits->header_bytes) return refuse(refusal, 431, "head_too_large");
    return HTTP_HEAD_MORE;
}

/* A line ended at `scan->at` (its CR): count it, or find that it was the empty one. */
static enum http_head line_done(struct http_scan *scan, struct http_refusal *refusal) {
    bool empty = scan->at == scan->line_start;
    scan->at += 2;
    scan->line_start = scan->at;
    if (!empty) {
        scan->lines++;
        return HTTP_HEAD_MORE;
    }
    if (scan->lines > 0) return HTTP_HEAD_DONE;
    if (scan->leading_crlf) return refuse(refusal, 400, "empty_request_line");
    scan->leading_crlf = true;
    return HTTP_HEAD_MORE;
}

enum http_head http_scan_request(struct http_scan *scan, struct str text,
                                 const struct http_limits *limits, size_t *end,
                                 struct http_refusal *refusal) {
    while (scan->at < text.len) {
        unsigned char c = (unsigned char)text.ptr[scan->at];
        if (c == '\r') {
            if (scan->at + 1 == text.len) break;
            if (text.ptr[scan->at + 1] != '\n') return refuse(refusal, 400, "bare_cr");
            enum http_head verdict = line_done(scan, refusal);
            if (verdict == HTTP_HEAD_MORE) verdict = check_size(scan, text, limits, refusal);
            if (verdict == HTTP_HEAD_DONE && scan->at > limits->header_bytes)
                return refuse(refusal, 431, "head_too_large");
            *end = scan->at;
            if (verdict != HTTP_HEAD_MORE) return verdict;
            continue;
        }
        if (c == '\n') return refuse(refusal, 400, "bare_lf");
        if (!is_head_octet(c)) return refuse(refusal, 400, "control_octet");
        scan->at++;
    }
    return check_size(scan, text, limits, refusal);
}

/* The piece of `line` up to the next blank; false without one. */
static bool take_word(struct str *line, struct str *word) {
    size_t blank = str_find(*line, ' ', 0);
    if (blank == 0 || blank == line->len) return false;
    *word = str_part(*line, 0, blank);
    *line = str_part(*line, blank + 1, line->len);
    return true;
}

static bool all_tchar(struct str s) {
    for (size_t i = 0; i < s.len; i++) {
        if (!ascii_is_tchar(s.ptr[i])) return false;
    }
    return s.len > 0;
}

static bool check_method(struct request_view *view, struct http_refusal *refusal) {
    struct str name = view->method_name;
    if (!all_tchar(name)) return refused(refusal, 400, "bad_method");
    if (name.len > METHOD_MAX) return refused(refusal, 501, "method_too_long");
    if (method_from(name, &view->method)) return true;
    if (str_equal(name, STR("TRACE")) || str_equal(name, STR("CONNECT")))
        return refused(refusal, 405, "method_not_allowed");
    return refused(refusal, 501, "method_unknown");
}

static bool check_version(struct str text, unsigned *minor, struct http_refusal *refusal) {
    if (str_equal(text, STR("HTTP/1.1")) || str_equal(text, STR("HTTP/1.0"))) {
        *minor = (unsigned)(text.ptr[7] - '0');
        return true;
    }
    bool shape = text.len == 8 && str_starts_with(text, STR("HTTP/")) &&
                 ascii_is_digit(text.ptr[5]) && text.ptr[6] == '.' && ascii_is_digit(text.ptr[7]);
    return shape ? refused(refusal, 505, "version_unsupported")
                 : refused(refusal, 400, "bad_version");
}

/* Printable ASCII less what RFC 3986 leaves out of a URI; '#' would be a fragment. '|' is let
 * through: browsers send it raw in queries, and the path is written anew anyway. */
static bool is_target_octet(unsigned char c) {
    return c > 0x20 && c < 0x7f && strchr("\"#<>\\^`{}", c) == NULL;
}

static bool check_target_octets(struct str target, struct http_refusal *refusal) {
    for (size_t i = 0; i < target.len; i++) {
        if (!is_target_octet((unsigned char)target.ptr[i]))
            return refused(refusal, 400, "bad_target_octet");
        if (target.ptr[i] != '%') continue;
        if (i + 2 >= target.len || !ascii_is_hex(target.ptr[i + 1]) ||
            !ascii_is_hex(target.ptr[i + 2]))
            return refused(refusal, 400, "bad_escape");
    }
    return true;
}

static bool is_reg_name_octet(char c) {
    return ascii_is_alpha(c) || ascii_is_digit(c) ||
           (c != '\0' && strchr("-._~!$&'()*+,;=", c) != NULL);
}

static bool check_ip_literal(struct str inner) {
    for (size_t i = 0; i < inner.len; i++) {
        if (!ascii_is_hex(inner.ptr[i]) && inner.ptr[i] != ':' && inner.ptr[i] != '.') return false;
    }
    return inner.len > 1 && str_find(inner, ':', 0) < inner.len;
}

/* uri-host [ ":" port ] (RFC 9110 4.2); user information is not part of it. */
static bool check_authority(struct str text) {
    size_t host_end;
    if (text.len > 0 && text.ptr[0] == '[') {
        size_t close = str_find(text, ']', 0);
        if (close == text.len || !check_ip_literal(str_part(text, 1, close - 1))) return false;
        host_end = close + 1;
    } else {
        host_end = str_find(text, ':', 0);
        for (size_t i = 0; i < host_end; i++) {
            if (!is_reg_name_octet(text.ptr[i])) return false;
        }
    }
    if (host_end == 0) return false;
    if (host_end == text.len) return true;
    if (text.ptr[host_end] != ':') return false;
    struct str port = str_part(text, host_end + 1, text.len);
    uint64_t number;
    return port.len == 0 || str_to_u64(port, 65535, &number);
}

static void split_query(struct request_view *view, struct str rest) {
    size_t mark = str_find(rest, '?', 0);
    view->path = str_part(rest, 0, mark);
    view->query = mark < rest.len ? str_part(rest, mark + 1, rest.len) : STR_NONE;
}

/* absolute-form: the authority replaces Host (RFC 9112 3.2.2). */
static bool split_absolute(struct request_view *view, struct http_refusal *refusal) {
    struct str target = view->target;
    size_t scheme = str_starts_with_icase(target, STR("https://"))  ? 8
                    : str_starts_with_icase(target, STR("http://")) ? 7
                                                                    : 0;
    if (scheme == 0) return refused(refusal, 400, "bad_target_form");
    struct str rest = str_part(target, scheme, target.len);
    size_t end = 0;
    while (end < rest.len && rest.ptr[end] != '/' && rest.ptr[end] != '?') end++;
    view->absolute_form = true;
    view->authority = str_part(rest, 0, end);
    if (!check_authority(view->authority)) return refused(refusal, 400, "bad_authority");
    split_query(view, str_part(rest, end, rest.len));
    if (view->path.len == 0) view->path = STR("/");
    return true;
}

static bool check_target(struct request_view *view, const struct http_limits *limits,
                         struct http_refusal *refusal) {
    if (view->target.len > limits->target_bytes) return refused(refusal, 414, "target_too_long");
    if (!check_target_octets(view->target, refusal)) return false;
    if (view->target.ptr[0] == '/') {
        split_query(view, view->target);
        return true;
    }
    if (str_equal(view->target, STR("*"))) {
        view->path = view->target;
        if (view->method == METHOD_OPTIONS) return true;
        return refused(refusal, 400, "asterisk_without_options");
    }
    return split_absolute(view, refusal);
}

static bool check_request_line(struct str line, const struct http_limits *limits,
                               struct request_view *view, struct http_refusal *refusal) {
    if (!take_word(&line, &view->method_name) || !take_word(&line, &view->target))
        return refused(refusal, 400, "bad_request_line");
    if (!check_version(line, &view->minor, refusal)) return false;
    return check_method(view, refusal) && check_target(view, limits, refusal);
}

static bool take_line(struct str *rest, struct str *line) {
    size_t end = str_find(*rest, '\r', 0);
    *line = str_part(*rest, 0, end);
    *rest = str_part(*rest, end + 2, rest->len);
    return line->len > 0;
}

static bool split_field(struct str line, struct header *header) {
    size_t colon = str_find(line, ':', 0);
    if (colon == line.len) return false;
    header->name = str_part(line, 0, colon);
    header->value = str_trim(str_part(line, colon + 1, line.len));
    return true;
}

static bool check_field(struct str line, struct header *header, struct http_refusal *refusal) {
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t') return refused(refusal, 400, "folded_line");
    if (!split_field(line, header)) return refused(refusal, 400, "field_without_colon");
    if (!all_tchar(header->name)) return refused(refusal, 400, "bad_field_name");
    return true;
}

/* What the framing fields said, gathered in one walk. */
struct framing {
    unsigned hosts, lengths, codings;
    struct str host, length, coding;
    struct str expect;
};

static void note_field(struct framing *framing, const struct header *header) {
    switch (header->name.len) {
    case 4:
        if (!str_equal_icase(header->name, STR("Host"))) return;
        framing->hosts++;
        framing->host = header->value;
        return;
    case 6:
        if (str_equal_icase(header->name, STR("Expect"))) framing->expect = header->value;
        return;
    case 14:
        if (!str_equal_icase(header->name, STR("Content-Length"))) return;
        framing->lengths++;
        framing->length = header->value;
        return;
    case 17:
        if (!str_equal_icase(header->name, STR("Transfer-Encoding"))) return;
        framing->codings++;
        framing->coding = header->value;
        return;
    }
}

static bool check_host(const struct framing *framing, struct request_view *view,
                       struct http_refusal *refusal) {
    if (framing->hosts > 1) return refused(refusal, 400, "host_repeated");
    if (framing->hosts == 0) return view->minor == 0 ? true : refused(refusal, 400, "host_missing");
    if (!check_authority(framing->host)) return refused(refusal, 400, "bad_host");
    if (!view->absolute_form) view->authority = framing->host;
    return true;
}

static bool check_length(const struct framing *framing, struct request_view *view,
                         struct http_refusal *refusal) {
    if (framing->lengths == 0) return true;
    if (framing->lengths > 1) return refused(refusal, 400, "content_length_repeated");
    struct str text = framing->length;
    bool padded = text.len > 1 && text.ptr[0] == '0';
    if (padded || !str_to_u64(text, INT64_MAX, &view->content_length))
        return refused(refusal, 400, "bad_content_length");
    if (view->content_length > 0) view->body = BODY_LENGTH;
    return true;
}

/* Only `chunked`, once. An unknown coding is 501, a list that is none 400 (RFC 9112 6.1). */
static bool check_coding(const struct framing *framing, struct request_view *view,
                         struct http_refusal *refusal) {
    if (framing->codings == 0) return true;
    if (view->minor == 0) return refused(refusal, 400, "transfer_encoding_in_1_0");
    if (framing->lengths > 0) return refused(refusal, 400, "transfer_encoding_with_length");
    if (framing->codings > 1) return refused(refusal, 400, "transfer_encoding_repeated");
    if (str_equal_icase(framing->coding, STR("chunked"))) {
        view->body = BODY_CHUNKED;
        return true;
    }
    struct str rest = framing->coding;
    struct str piece;
    bool tokens = true;
    unsigned chunked = 0;
    while (str_split(&rest, ',', &piece)) {
        piece = str_trim(piece);
        tokens = tokens && all_tchar(piece);
        if (str_equal_icase(piece, STR("chunked"))) chunked++;
    }
    bool last = str_equal_icase(piece, STR("chunked"));
    bool identity = str_equal_icase(piece, STR("identity"));
    if (tokens && !identity && chunked == (last ? 1u : 0u))
        return refused(refusal, 501, "transfer_coding_unknown");
    return refused(refusal, 400, "bad_transfer_encoding");
}

static bool check_expect(const struct framing *framing, struct request_view *view,
                         struct http_refusal *refusal) {
    if (framing->expect.ptr == NULL || view->minor == 0) return true;
    if (!str_equal_icase(framing->expect, STR("100-continue")))
        return refused(refusal, 417, "expectation_unknown");
    view->expect_continue = view->body != BODY_NONE;
    return true;
}

bool http_strict_request(struct str head, const struct http_limits *limits, struct header *headers,
                         struct request_view *view, struct http_refusal *refusal) {
    struct str rest = head;
    struct str line;
    struct framing framing = {0};
    *view = (struct request_view){.headers = headers};
    if (!take_line(&rest, &line)) (void)take_line(&rest, &line); /* the one leading CRLF */
    if (!check_request_line(line, limits, view, refusal)) return false;
    while (take_line(&rest, &line)) {
        if (view->header_count == limits->headers) return refused(refusal, 431, "too_many_headers");
        if (!check_field(line, &headers[view->header_count], refusal)) return false;
        note_field(&framing, &headers[view->header_count++]);
    }
    return check_host(&framing, view, refusal) && check_length(&framing, view, refusal) &&
           check_coding(&framing, view, refusal) && check_expect(&framing, view, refusal);
}

bool http_wants_close(const struct request_view *view) {
    bool keep_alive = view->minor == 1;
    for (size_t i = 0; i < view->header_count; i++) {
        if (!str_equal_icase(view->headers[i].name, STR("Connection"))) continue;
        if (str_list_has(view->headers[i].value, STR("close"))) return true;
        if (str_list_has(view->headers[i].value, STR("keep-alive"))) keep_alive = true;
    }
    return !keep_alive;
}
