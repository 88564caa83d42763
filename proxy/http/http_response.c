#include "proxy/http/http_response.h"

#include "proxy/http/http_octets.h"

enum http_head http_scan_response(struct http_scan *scan, struct str text,
                                  const struct http_limits *limits, size_t *end,
                                  struct http_refusal *refusal) {
    struct http_limits own = *limits;
    own.target_bytes = own.header_bytes;
    scan->response = true;
    enum http_head verdict = http_scan_request(scan, text, &own, end, refusal);
    if (verdict == HTTP_HEAD_BAD) refusal->status = 502;
    return verdict;
}

static bool refused(struct http_refusal *refusal, const char *reason) {
    *refusal = (struct http_refusal){502, reason};
    return false;
}

/* "HTTP/1.x SP 3DIGIT [ SP reason ]"; the phrase itself is nobody's business ("200 Ok"). */
static bool check_status_line(struct str line, struct response_view *view,
                              struct http_refusal *refusal) {
    bool version = str_starts_with(line, STR("HTTP/1.")) && line.len >= 12 &&
                   (line.ptr[7] == '0' || line.ptr[7] == '1') && line.ptr[8] == ' ';
    uint64_t status;
    if (!version || !str_to_u64(str_part(line, 9, 3), 599, &status) || status < 100)
        return refused(refusal, "phone_bad_status_line");
    if (line.len > 12 && line.ptr[12] != ' ') return refused(refusal, "phone_bad_status_line");
    /* Nobody asked for another protocol: no Upgrade ever goes to a phone. */
    if (status == 101) return refused(refusal, "phone_switching_protocols");
    /* Nor is a phone anybody's proxy: a browser would not know whom to give a password. */
    if (status == 407) return refused(refusal, "phone_proxy_challenge");
    view->minor = (unsigned)(line.ptr[7] - '0');
    view->status = (unsigned)status;
    return true;
}

static bool check_field(struct str line, struct header *header, struct http_refusal *refusal) {
    if (line.ptr[0] == ' ' || line.ptr[0] == '\t') return refused(refusal, "phone_folded_line");
    size_t colon = str_find(line, ':', 0);
    if (colon == line.len) return refused(refusal, "phone_bad_field");
    header->name = str_trim(str_part(line, 0, colon));
    header->value = str_trim(str_part(line, colon + 1, line.len));
    return http_all_octets(header->name, OCTET_TOKEN) ? true : refused(refusal, "phone_bad_field");
}

struct framing {
    unsigned lengths, codings;
    struct str length, coding;
    bool close, keep_alive;
};

static void note_field(struct framing *framing, const struct header *header) {
    if (str_equal_icase(header->name, STR("Content-Length"))) {
        framing->lengths++;
        framing->length = header->value;
    } else if (str_equal_icase(header->name, STR("Transfer-Encoding"))) {
        framing->codings++;
        framing->coding = header->value;
    } else if (str_equal_icase(header->name, STR("Connection"))) {
        framing->close = framing->close || str_list_has(header->value, STR("close"));
        framing->keep_alive = framing->keep_alive || str_list_has(header->value, STR("keep-alive"));
    }
}

/* What the phone says about its connection. chunked in HTTP/1.0 is faulty framing: used, but the
 * connection is not trusted again (RFC 9112 6.1). */
static bool lasts(const struct framing *framing, unsigned minor) {
    if (framing->close) return false;
    return minor == 1 || (framing->keep_alive && framing->codings == 0);
}

/* A phone that sends a body where none may be (after HEAD, with 204 or 304) would have it read as
 * the answer to the next person's request. So after HEAD, and wherever such a body was announced,
 * the connection is not used again; only the 401 to a HEAD is trusted, because the next request is
 * the same person's and the phone's nonce may hold on this connection only. */
static bool may_hide_body(const struct framing *framing, bool head_request,
                          const struct response_view *view) {
    if (head_request) return view->status != 401;
    bool none = view->status < 200 || view->status == 204 || view->status == 304;
    return none && (view->content_length > 0 || framing->codings > 0);
}

/* RFC 9112 6.3, with every doubtful case refused: a length that can be read in two ways is a
 * smuggled answer. */
static bool check_framing(const struct framing *framing, bool head_request,
                          struct response_view *view, struct http_refusal *refusal) {
    if (framing->lengths > 1) return refused(refusal, "phone_length_repeated");
    if (framing->codings > 1 || (framing->codings > 0 && framing->lengths > 0))
        return refused(refusal, "phone_length_with_coding");
    if (framing->codings > 0 && !str_equal_icase(framing->coding, STR("chunked")))
        return refused(refusal, "phone_unknown_coding");
    if (framing->lengths > 0 && !str_to_u64(framing->length, INT64_MAX, &view->content_length))
        return refused(refusal, "phone_bad_length");
    view->announced_length = framing->lengths > 0;
    bool none = head_request || view->status < 200 || view->status == 204 || view->status == 304;
    if (none || (framing->lengths > 0 && view->content_length == 0))
        view->body = RESPONSE_NONE;
    else if (framing->codings > 0)
        view->body = RESPONSE_CHUNKED;
    else
        view->body = framing->lengths > 0 ? RESPONSE_LENGTH : RESPONSE_UNTIL_CLOSE;
    view->keep_alive = view->body != RESPONSE_UNTIL_CLOSE && lasts(framing, view->minor) &&
                       !may_hide_body(framing, head_request, view);
    return true;
}

static bool take_line(struct str *rest, struct str *line) {
    size_t end = str_find(*rest, '\r', 0);
    *line = str_part(*rest, 0, end);
    *rest = str_part(*rest, end + 2, rest->len);
    return line->len > 0;
}

bool http_strict_response(struct str head, bool head_request, const struct http_limits *limits,
                          struct header *headers, struct response_view *view,
                          struct http_refusal *refusal) {
    struct str rest = head;
    struct str line;
    struct framing framing = {0};
    *view = (struct response_view){.headers = headers};
    if (!take_line(&rest, &line)) (void)take_line(&rest, &line);
    if (!check_status_line(line, view, refusal)) return false;
    while (take_line(&rest, &line)) {
        if (view->header_count == limits->headers)
            return refused(refusal, "phone_too_many_headers");
        if (!check_field(line, &headers[view->header_count], refusal)) return false;
        note_field(&framing, &headers[view->header_count++]);
    }
    return check_framing(&framing, head_request, view, refusal);
}
