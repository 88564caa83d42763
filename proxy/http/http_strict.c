#include "proxy/http/http_strict.h"

#include <arpa/inet.h>
#include <string.h>

#include "proxy/http/http_octets.h"

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

void http_scan_init(struct http_scan *scan) {
    *scan = (struct http_scan){0};
}

/* The request line is longer than any we take: is it the method or the target? */
static enum http_head refuse_long_line(struct str line, struct http_refusal *refusal) {
    size_t blank = str_find(str_part(line, 0, METHOD_MAX + 1), ' ', 0);
    if (blank <= METHOD_MAX && blank < line.len) return refuse(refusal, 414, "target_too_long");
    return refuse(refusal, 501, "method_too_long");
}

/* The octet behind the last one that may be read: all that arrived, up to the longest head, and in
 * the request line up to one octet more than the longest line. */
static size_t reading_end(const struct http_scan *scan, size_t len,
                          const struct http_limits *limits) {
    size_t end = len < limits->header_bytes ? len : limits->header_bytes;
    size_t longest = scan->line_start + limits->target_bytes + REQUEST_LINE_EXTRA + 1;
    return scan->lines == 0 && longest < end ? longest : end;
}

/* A field may hold everything but control octets, and tabs. */
static size_t skip_field_octets(const char *p, size_t at, size_t end) {
    while (at < end) {
        at += str_visible((struct str){p + at, end - at});
        if (at == end || p[at] != '\t') break;
        at++;
    }
    return at;
}

/* No octet is left to read: is that because a limit was reached? The limits are compared with the
 * place, never with what happens to have arrived, so the verdict does not depend on the cuts. */
static enum http_head out_of_octets(const struct http_scan *scan, struct str text,
                                    const struct http_limits *limits,
                                    struct http_refusal *refusal) {
    struct str line = str_part(text, scan->line_start, scan->at - scan->line_start);
    if (scan->lines == 0 && line.len > limits->target_bytes + REQUEST_LINE_EXTRA)
        return refuse_long_line(line, refusal);
    if (scan->at >= limits->header_bytes) return refuse(refusal, 431, "head_too_large");
    return HTTP_HEAD_MORE;
}

/* The piece of `line` up to the next blank; false without one. */
static bool take_word(struct str *line, struct str *word) {
    size_t blank = str_find(*line, ' ', 0);
    if (blank == 0 || blank == line->len) return false;
    *word = str_part(*line, 0, blank);
    *line = str_part(*line, blank + 1, line->len);
    return true;
}

static bool check_method(struct request_view *view, struct http_refusal *refusal) {
    struct str name = view->method_name;
    if (!http_all_octets(name, OCTET_TOKEN)) return refused(refusal, 400, "bad_method");
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

static bool check_target_octets(struct str target, struct http_refusal *refusal) {
    for (size_t i = 0; i < target.len; i++) {
        if (!http_is_octet(target.ptr[i], OCTET_TARGET))
            return refused(refusal, 400, "bad_target_octet");
        if (target.ptr[i] != '%') continue;
        if (i + 2 >= target.len || !ascii_is_hex(target.ptr[i + 1]) ||
            !ascii_is_hex(target.ptr[i + 2]))
            return refused(refusal, 400, "bad_escape");
    }
    return true;
}

static bool check_ip_literal(struct str inner) {
    char text[INET6_ADDRSTRLEN];
    struct in6_addr address;
    if (inner.len >= sizeof(text)) return false;
    memcpy(text, inner.ptr, inner.len);
    text[inner.len] = '\0';
    return inet_pton(AF_INET6, text, &address) == 1;
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
        if (!http_all_octets(str_part(text, 0, host_end), OCTET_HOST)) return false;
    }
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

/* A line ended at `scan->at` (its CR): count it, or find that it was the empty one. */
static enum http_head line_done(struct http_scan *scan, struct str text,
                                const struct http_limits *limits, struct http_refusal *refusal) {
    struct str line = str_part(text, scan->line_start, scan->at - scan->line_start);
    scan->at += 2;
    scan->line_start = scan->at;
    if (line.len > 0) {
        if (++scan->lines > limits->headers + 1) return refuse(refusal, 431, "too_many_headers");
        struct request_view unused = {0};
        bool first = scan->lines == 1 && !scan->response;
        if (first && !check_request_line(line, limits, &unused, refusal)) return HTTP_HEAD_BAD;
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
    for (;;) {
        size_t stop = reading_end(scan, text.len, limits);
        scan->at = skip_field_octets(text.ptr, scan->at, stop);
        if (scan->at >= stop) return out_of_octets(scan, text, limits, refusal);
        char c = text.ptr[scan->at];
        if (c == '\n') return refuse(refusal, 400, "bare_lf");
        if (c != '\r') return refuse(refusal, 400, "control_octet");
        if (scan->at + 1 >= limits->header_bytes) return refuse(refusal, 431, "head_too_large");
        if (scan->at + 1 == text.len) return HTTP_HEAD_MORE;
        if (text.ptr[scan->at + 1] != '\n') return refuse(refusal, 400, "bare_cr");
        enum http_head verdict = line_done(scan, text, limits, refusal);
        *end = scan->at;
        if (verdict != HTTP_HEAD_MORE) return verdict;
    }
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

/* "Content_Length": a phone that hands fields to CGI reads '_' and '-' as the same, and would frame
 * the body by a field that nobody here looked at. */
static bool is_disguised_framing(struct str name) {
    struct str real = name.len == 14 ? STR("Content-Length") : STR("Transfer-Encoding");
    if (name.len != real.len || str_find(name, '_', 0) == name.len) return false;
    for (size_t i = 0; i < name.len; i++) {
        char c = name.ptr[i] == '_' ? '-' : ascii_lower(name.ptr[i]);
        if (c != ascii_lower(real.ptr[i])) return false;
    }
    return true;
}

static bool check_field(struct str line, struct header *header, struct http_refusal *refusal) {
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t') return refused(refusal, 400, "folded_line");
    if (!split_field(line, header)) return refused(refusal, 400, "field_without_colon");
    if (!http_all_octets(header->name, OCTET_TOKEN)) return refused(refusal, 400, "bad_field_name");
    if (is_disguised_framing(header->name)) return refused(refusal, 400, "disguised_framing_field");
    return true;
}

/* A field that may stand once: how often it stood, and its last value. */
struct single {
    unsigned count;
    struct str value;
};

/* The fields that say where the body ends and how it is to be read, gathered in one walk. */
struct framing {
    struct single host, expect, length, coding, type, content_coding;
};

/* The length is asked first: of most fields nothing more is looked at. */
static void note_field(struct framing *framing, const struct header *header) {
    struct single *field;
    struct str name;
    switch (header->name.len) {
    case 4:
        field = &framing->host;
        name = STR("Host");
        break;
    case 6:
        field = &framing->expect;
        name = STR("Expect");
        break;
    case 12:
        field = &framing->type;
        name = STR("Content-Type");
        break;
    case 14:
        field = &framing->length;
        name = STR("Content-Length");
        break;
    case 16:
        field = &framing->content_coding;
        name = STR("Content-Encoding");
        break;
    case 17:
        field = &framing->coding;
        name = STR("Transfer-Encoding");
        break;
    default:
        return;
    }
    if (!str_equal_icase(header->name, name)) return;
    field->count++;
    field->value = header->value;
}

static bool check_host(const struct framing *framing, struct request_view *view,
                       struct http_refusal *refusal) {
    const struct single *host = &framing->host;
    if (host->count > 1) return refused(refusal, 400, "host_repeated");
    if (host->count == 0) return view->minor == 0 ? true : refused(refusal, 400, "host_missing");
    if (!check_authority(host->value)) return refused(refusal, 400, "bad_host");
    if (!view->absolute_form) view->authority = host->value;
    return true;
}

static bool check_length(const struct framing *framing, struct request_view *view,
                         struct http_refusal *refusal) {
    if (framing->length.count == 0) return true;
    if (framing->length.count > 1) return refused(refusal, 400, "content_length_repeated");
    struct str text = framing->length.value;
    bool padded = text.len > 1 && text.ptr[0] == '0';
    if (padded || !str_to_u64(text, INT64_MAX, &view->content_length))
        return refused(refusal, 400, "bad_content_length");
    if (view->content_length > 0) view->body = BODY_LENGTH;
    return true;
}

/* Only `chunked`, once. An unknown coding is 501, a list that is none 400 (RFC 9112 6.1). */
static bool check_coding(const struct framing *framing, struct request_view *view,
                         struct http_refusal *refusal) {
    if (framing->coding.count == 0) return true;
    if (view->minor == 0) return refused(refusal, 400, "transfer_encoding_in_1_0");
    if (framing->length.count > 0) return refused(refusal, 400, "transfer_encoding_with_length");
    if (framing->coding.count > 1) return refused(refusal, 400, "transfer_encoding_repeated");
    if (str_equal_icase(framing->coding.value, STR("chunked"))) {
        view->body = BODY_CHUNKED;
        return true;
    }
    struct str rest = framing->coding.value;
    struct str piece;
    bool tokens = true;
    unsigned chunked = 0;
    while (str_split(&rest, ',', &piece)) {
        piece = str_trim(piece);
        tokens = tokens && http_all_octets(piece, OCTET_TOKEN);
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
    const struct single *expect = &framing->expect;
    if (expect->count == 0 || view->minor == 0) return true;
    if (expect->count > 1 || !str_equal_icase(expect->value, STR("100-continue")))
        return refused(refusal, 417, "expectation_unknown");
    view->expect_continue = view->body != BODY_NONE;
    return true;
}

/* What is judged must be what the phone reads: of two types it may take the other one, and a packed
 * body is not looked into. */
static bool check_content(const struct framing *framing, struct http_refusal *refusal) {
    const struct single *coding = &framing->content_coding;
    if (framing->type.count > 1) return refused(refusal, 400, "content_type_repeated");
    if (coding->count == 0) return true;
    if (coding->count == 1 && str_equal_icase(coding->value, STR("identity"))) return true;
    return refused(refusal, 415, "content_coding");
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
           check_coding(&framing, view, refusal) && check_content(&framing, refusal) &&
           check_expect(&framing, view, refusal);
}

bool http_is_head_request(struct str text) {
    if (str_starts_with(text, STR("\r\n"))) text = str_part(text, 2, text.len);
    return str_starts_with(text, STR("HEAD "));
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
