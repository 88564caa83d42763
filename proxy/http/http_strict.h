/* http_strict.h: the guard in front of the parser.
 *
 * Debian's llhttp lets through what RFC 9112 forbids (tests/vectors/http_reject/). This module
 * reads the raw head before llhttp sees it. It is fed as bytes arrive and gives the same verdict
 * however they are cut. */
#ifndef PROXY_HTTP_HTTP_STRICT_H
#define PROXY_HTTP_HTTP_STRICT_H

#include "policy/base/request.h"

struct http_limits {
    size_t header_bytes; /* of the whole head, request line included -> 431 */
    size_t headers;      /* fields -> 431 */
    size_t target_bytes; /* -> 414 */
};

enum http_head {
    HTTP_HEAD_MORE, /* not complete yet */
    HTTP_HEAD_DONE, /* ends at *end */
    HTTP_HEAD_BAD,  /* refused: *status and *reason say how */
};

struct http_refusal {
    unsigned status;    /* 400, 405, 414, 415, 417, 431, 501 or 505 */
    const char *reason; /* stable name for the record */
};

/* Scanner over a growing buffer: the raw octets and their line ends, and the request line as soon
 * as it is there: who speaks HTTP/0.9 sends no more and would wait for header_s. */
struct http_scan {
    size_t at;         /* octets looked at */
    size_t line_start; /* of the line that is being read */
    size_t lines;
    bool leading_crlf; /* one empty line before the request line was skipped (RFC 9112 2.2) */
    bool response;     /* the first line is a phone's status line and not looked at */
};

void http_scan_init(struct http_scan *scan);

/* Look at all of `text` (from its first octet, `scan->at` of which were seen before). */
MUST_USE enum http_head http_scan_request(struct http_scan *scan, struct str text,
                                          const struct http_limits *limits, size_t *end,
                                          struct http_refusal *refusal);

/* Check a complete head, ending in CRLF CRLF, and fill the view; headers go to `headers` (room for
 * limits->headers). */
MUST_USE bool http_strict_request(struct str head, const struct http_limits *limits,
                                  struct header *headers, struct request_view *view,
                                  struct http_refusal *refusal);

/* Does it begin like a HEAD request, whatever is wrong with it? Its answer has no body (RFC 9110
 * 9.3.2). */
bool http_is_head_request(struct str text);

/* "HTTP/1.1" with Connection: close, or 1.0 without keep-alive: the connection ends after this
 * request. */
bool http_wants_close(const struct request_view *view);

#endif
