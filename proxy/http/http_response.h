/* http_response.h: a phone's answer, as far as it may be trusted.
 *
 * Line ends, field names and framing are as strict as for requests (a phone that sends anything
 * else is answered with 502); only blanks before a field's colon are removed, as RFC 9112 5.1
 * demands of a proxy. */
#ifndef PROXY_HTTP_HTTP_RESPONSE_H
#define PROXY_HTTP_HTTP_RESPONSE_H

#include "policy/base/request.h"
#include "proxy/http/http_strict.h"

enum response_body { RESPONSE_NONE, RESPONSE_LENGTH, RESPONSE_CHUNKED, RESPONSE_UNTIL_CLOSE };

struct response_view {
    unsigned status; /* 100..599 */
    unsigned minor;
    const struct header *headers;
    size_t header_count;
    enum response_body body;
    uint64_t content_length; /* with RESPONSE_LENGTH */
    bool announced_length;   /* a Content-Length stood there, body or not (HEAD) */
    bool keep_alive;         /* the connection may be used again after this answer: not after HEAD,
                                nor where a body was announced that may not be */
};

/* Like http_scan_request; limits->target_bytes is not used. */
MUST_USE enum http_head http_scan_response(struct http_scan *scan, struct str text,
                                           const struct http_limits *limits, size_t *end,
                                           struct http_refusal *refusal);

/* Check a complete head. `head_request`: the answer to HEAD has no body, whatever it says (H27). On
 * false the reason says why; the status is 502. */
MUST_USE bool http_strict_response(struct str head, bool head_request,
                                   const struct http_limits *limits, struct header *headers,
                                   struct response_view *view, struct http_refusal *refusal);

#endif
