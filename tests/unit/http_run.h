/* http_run.h: a message taken through all of proxy/http/, as the gate does it.
 *
 * The octets arrive in two pieces, cut anywhere; scanner, guard, llhttp and the chunked decoder
 * speak in this order. Tests and fuzzers compare the outcomes of different cuts. */
#ifndef TESTS_UNIT_HTTP_RUN_H
#define TESTS_UNIT_HTTP_RUN_H

#include <string.h>

#include "policy/base/ensure.h"
#include "proxy/http/http_chunked.h"
#include "proxy/http/http_parse.h"
#include "proxy/http/http_response.h"
#include "proxy/http/http_strict.h"

#define HTTP_RUN_FIELDS  100
#define HTTP_RUN_DECODED 65536

static const struct http_limits http_run_limits = {16384, HTTP_RUN_FIELDS, 8192};

enum http_run_end {
    RUN_MORE,      /* nothing was refused, the message is not complete */
    RUN_DONE,      /* complete; `rest` is the next message */
    RUN_BAD_HEAD,  /* by http_strict or http_response: `refusal` says how */
    RUN_DISAGREED, /* llhttp reads the head another way, or refuses it */
    RUN_BAD_BODY,  /* by the chunked decoder */
};

struct http_run {
    enum http_run_end end;
    struct http_refusal refusal;
    struct str head; /* the scanner's; empty before it is complete */
    struct str rest;
    struct header headers[HTTP_RUN_FIELDS];
    struct request_view request;
    struct response_view response;
    char decoded[HTTP_RUN_DECODED];
    size_t decoded_len;
};

static inline void http_run_body(struct http_run *run, struct chunked *chunked, struct str piece) {
    struct str data;
    while (piece.len > 0 && chunked->state != CHUNKED_DONE && chunked->state != CHUNKED_BAD) {
        chunked_read(chunked, &piece, &data);
        ENSURE(data.len <= sizeof(run->decoded) - run->decoded_len);
        if (data.len > 0) memcpy(run->decoded + run->decoded_len, data.ptr, data.len);
        run->decoded_len += data.len;
    }
    run->rest = piece;
}

/* The body stands in text[from, ...) and arrives in two pieces, cut at `cut` (of the text). */
static inline void http_run_chunked(struct http_run *run, struct str text, size_t from,
                                    size_t cut) {
    struct chunked chunked;
    chunked_init(&chunked);
    if (cut < from) cut = from;
    http_run_body(run, &chunked, str_part(text, from, cut - from));
    size_t unread = run->rest.len;
    struct str last = str_part(text, cut, text.len);
    http_run_body(run, &chunked, last);
    if (run->rest.ptr == last.ptr) /* done before the cut */
        run->rest = (struct str){last.ptr - unread, last.len + unread};
    run->end = chunked.state == CHUNKED_DONE  ? RUN_DONE
               : chunked.state == CHUNKED_BAD ? RUN_BAD_BODY
                                              : RUN_MORE;
}

static inline void http_run_length(struct http_run *run, struct str text, size_t from,
                                   uint64_t length) {
    struct str body = str_part(text, from, text.len);
    run->end = body.len < length ? RUN_MORE : RUN_DONE;
    size_t len = body.len < length ? body.len : (size_t)length;
    ENSURE(len <= sizeof(run->decoded));
    if (len > 0) memcpy(run->decoded, body.ptr, len);
    run->decoded_len = len;
    run->rest = str_part(body, len, body.len);
}

typedef enum http_head http_run_scan(struct http_scan *scan, struct str text,
                                     const struct http_limits *limits, size_t *end,
                                     struct http_refusal *refusal);

/* False when the scanner has not found a whole head. */
static inline bool http_run_head(struct http_run *run, http_run_scan *scan_head, struct str text,
                                 size_t cut, const struct http_limits *limits) {
    struct http_scan scan;
    http_scan_init(&scan);
    memset(run, 0, sizeof(*run));
    size_t end = 0;
    enum http_head verdict = scan_head(&scan, str_part(text, 0, cut), limits, &end, &run->refusal);
    if (verdict == HTTP_HEAD_MORE) verdict = scan_head(&scan, text, limits, &end, &run->refusal);
    run->end = verdict == HTTP_HEAD_BAD ? RUN_BAD_HEAD : RUN_MORE;
    if (verdict != HTTP_HEAD_DONE) return false;
    ENSURE(end >= 4 && end <= text.len && end <= limits->header_bytes);
    run->head = str_part(text, 0, end);
    return true;
}

static inline void http_run_request(struct http_run *run, struct str text, size_t cut,
                                    const struct http_limits *limits) {
    if (!http_run_head(run, http_scan_request, text, cut, limits)) return;
    struct request_view *view = &run->request;
    run->end = RUN_BAD_HEAD;
    if (!http_strict_request(run->head, limits, run->headers, view, &run->refusal)) return;
    run->end = RUN_DISAGREED;
    if (!http_parse_agrees_request(run->head, view)) return;
    if (view->body == BODY_CHUNKED)
        http_run_chunked(run, text, run->head.len, cut);
    else
        http_run_length(run, text, run->head.len,
                        view->body == BODY_LENGTH ? view->content_length : 0);
}

/* A body up to the end of the connection ends with the text. */
static inline void http_run_response(struct http_run *run, struct str text, size_t cut,
                                     bool head_request, const struct http_limits *limits) {
    if (!http_run_head(run, http_scan_response, text, cut, limits)) return;
    struct response_view *view = &run->response;
    run->end = RUN_BAD_HEAD;
    if (!http_strict_response(run->head, head_request, limits, run->headers, view, &run->refusal))
        return;
    run->end = RUN_DISAGREED;
    if (!http_parse_agrees_response(run->head, head_request, view)) return;
    size_t from = run->head.len;
    switch (view->body) {
    case RESPONSE_NONE:
        http_run_length(run, text, from, 0);
        return;
    case RESPONSE_LENGTH:
        http_run_length(run, text, from, view->content_length);
        return;
    case RESPONSE_CHUNKED:
        http_run_chunked(run, text, from, cut);
        return;
    case RESPONSE_UNTIL_CLOSE:
        http_run_length(run, text, from, text.len - from);
        return;
    }
}

static inline bool http_run_same_reason(const char *a, const char *b) {
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* What another cut must not change. */
static inline bool http_run_equal(const struct http_run *a, const struct http_run *b) {
    const struct request_view *p = &a->request, *q = &b->request;
    const struct response_view *r = &a->response, *s = &b->response;
    if (a->end != b->end || a->refusal.status != b->refusal.status ||
        !http_run_same_reason(a->refusal.reason, b->refusal.reason))
        return false;
    if (a->head.len != b->head.len || a->rest.len != b->rest.len) return false;
    if (p->header_count != q->header_count || p->body != q->body ||
        p->content_length != q->content_length || p->path.len != q->path.len)
        return false;
    if (r->header_count != s->header_count || r->body != s->body || r->status != s->status)
        return false;
    return a->decoded_len == b->decoded_len && memcmp(a->decoded, b->decoded, a->decoded_len) == 0;
}

#endif
