/* http_octets.h: which octet may stand where in an HTTP message, as one table.
 *
 * The head of every request is walked octet by octet, so the question must cost one load. */
#ifndef PROXY_HTTP_HTTP_OCTETS_H
#define PROXY_HTTP_HTTP_OCTETS_H

#include "policy/base/str.h"

enum http_octet_class {
    OCTET_FIELD = 1,  /* TAB, SP, VCHAR and obs-text: a field's value (RFC 9110 5.5) */
    OCTET_TOKEN = 2,  /* tchar (RFC 9110 5.6.2) */
    OCTET_TARGET = 4, /* printable ASCII less what RFC 3986 leaves out of a URI and less '#', which
                         would be a fragment. '|' is let through: browsers send it raw in queries,
                         and the path is written anew anyway */
    OCTET_HOST = 8,   /* unreserved and sub-delims: a reg-name (RFC 3986 3.2.2) without escapes */
};

extern const uint8_t http_octet_classes[256];

static inline bool http_is_octet(char c, enum http_octet_class wanted) {
    return (http_octet_classes[(unsigned char)c] & wanted) != 0;
}

/* At least one octet, and all of the class. */
bool http_all_octets(struct str s, enum http_octet_class wanted);

#endif
