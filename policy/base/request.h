/* request.h: one HTTP request as policy sees it.
 *
 * All slices point into memory of the exchange and are valid until it ends. The head has passed
 * http_strict: the method is a token, the target holds printable ASCII only, names are tokens,
 * values hold no control octet but TAB and are trimmed, Host stands exactly once (or the target is
 * in absolute form). */
#ifndef POLICY_BASE_REQUEST_H
#define POLICY_BASE_REQUEST_H

#include "policy/base/str.h"

struct header {
    struct str name; /* as received; compared without case */
    struct str value;
};

enum body_kind { BODY_NONE, BODY_LENGTH, BODY_CHUNKED };

/* Known methods; anything else was answered 405 or 501 before policy is asked. */
enum method {
    METHOD_GET,
    METHOD_HEAD,
    METHOD_POST,
    METHOD_PUT,
    METHOD_DELETE,
    METHOD_OPTIONS,
    METHOD_PATCH,
    METHODS
};

struct request_view {
    enum method method;
    struct str method_name; /* as received: HTTP methods are case-sensitive */
    struct str target;      /* the whole request target, raw */
    struct str path;        /* target in origin form up to the first '?', raw; "*" for OPTIONS * */
    struct str query;       /* behind the first '?', raw; .ptr is NULL where there is no '?' */
    struct str authority;   /* Host, or the absolute form's authority, raw, port included */
    bool absolute_form;
    unsigned minor; /* HTTP/1.minor: 0 or 1 */
    const struct header *headers;
    size_t header_count;
    enum body_kind body;
    uint64_t content_length; /* with BODY_LENGTH, which is chosen for any Content-Length above 0 */
    bool expect_continue;
};

/* Value of the first header called `name`; .ptr is NULL where there is none. */
struct str request_header(const struct request_view *req, struct str name);

/* How many headers are called `name`. */
size_t request_header_count(const struct request_view *req, struct str name);

struct str method_name(enum method method);
/* False where `name` is no method we know (case-sensitive). */
MUST_USE bool method_from(struct str name, enum method *method);

/* GET, HEAD, OPTIONS (RFC 9110 9.2.1); a phone may change state on GET all the same. */
bool method_is_safe(enum method method);

#endif
