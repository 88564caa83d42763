/* authparam.h: the grammar that Authorization, WWW-Authenticate and Authentication-Info share (RFC
 * 9110 11.2 to 11.6).
 *
 * One call reads one scheme with its parameters; a field may hold several challenges. Slices point
 * into the field, or, where a quoted value had backslashes, into memory that the caller lends, and
 * live as long as both. Names are compared without case; the same name twice is refused (V12). */
#ifndef POLICY_AUTH_AUTHPARAM_H
#define POLICY_AUTH_AUTHPARAM_H

#include "policy/base/outbuf.h"
#include "policy/base/str.h"

/* RFC 7616 knows twelve parameters in an answer; what has twice as many is no answer of a client.
 */
#define AUTHPARAM_MAX 24

struct authparam {
    struct str name;
    struct str value; /* backslashes undone: what is hashed */
    struct str raw;   /* the same as it stands in the field, without the quotes */
    bool quoted;
};

struct authparams {
    struct str scheme;
    struct str token68; /* empty unless the scheme carries one ("Basic dXNlcjpw") */
    size_t count;
    struct authparam items[AUTHPARAM_MAX];
};

enum authparam_mode {
    AUTHPARAM_STRICT,   /* towards persons: the grammar of RFC 9110 */
    AUTHPARAM_TOLERANT, /* towards phones: a value without quotes may hold any visible character */
};

enum authparam_verdict {
    AUTHPARAM_OK,
    AUTHPARAM_END,       /* nothing left; *out has no scheme */
    AUTHPARAM_MALFORMED, /* the rest of the field cannot be understood */
    AUTHPARAM_REPEATED,  /* a parameter stands twice */
};

/* Read the next scheme with its parameters off `*rest`, which is moved on. `memory` takes the
 * values with backslashes; as long as the field is always enough, and where it is full the field is
 * malformed. */
MUST_USE enum authparam_verdict authparam_next(struct str *rest, enum authparam_mode mode,
                                               struct outbuf *memory, struct authparams *out);

/* Read a field that is one list of parameters without a scheme (Authentication-Info). */
MUST_USE enum authparam_verdict authparam_list(struct str field, enum authparam_mode mode,
                                               struct outbuf *memory, struct authparams *out);

/* The parameter called `name`; NULL where there is none. */
const struct authparam *authparam_find(const struct authparams *params, struct str name);

/* The value of a parameter like username*: UTF-8'language'octets with escapes (RFC 8187 3.2), which
 * is never quoted. The decoded octets go into `memory`, which `param` was read with. False where
 * that is not what stands there, or not UTF-8. */
MUST_USE bool authparam_extended(const struct authparam *param, struct outbuf *memory,
                                 struct str *value);

/* Write name="value" with `"` and `\` behind backslashes. */
void authparam_put_quoted(struct outbuf *out, struct str name, struct str value);

#endif
