/* http_chunked.h: the chunked coding (RFC 9112 7.1), read strictly.
 *
 * One decoder for both directions. Sizes are hex digits only, at most 15 of them; extensions are
 * dropped and bounded; trailers are checked, bounded and dropped; every line ends in CRLF. Fed in
 * any pieces, same result. */
#ifndef PROXY_HTTP_HTTP_CHUNKED_H
#define PROXY_HTTP_HTTP_CHUNKED_H

#include "policy/base/str.h"

#define CHUNKED_EXTENSIONS_MAX 4096 /* octets of all extensions of one message */
#define CHUNKED_TRAILERS_MAX   8192 /* octets of all trailer lines */

enum chunked_state {
    CHUNKED_SIZE,
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_DATA,
    CHUNKED_DATA_CR,
    CHUNKED_DATA_LF,
    CHUNKED_TRAILER_START,
    CHUNKED_TRAILER_NAME,
    CHUNKED_TRAILER_VALUE,
    CHUNKED_TRAILER_LF,
    CHUNKED_END_LF,
    CHUNKED_DONE,
    CHUNKED_BAD,
};

struct chunked {
    enum chunked_state state;
    unsigned digits; /* of the size being read */
    uint64_t left;   /* octets of data to come in this chunk */
    size_t extensions, trailers;
    size_t name_len; /* of the trailer name being read */
    char name[18];   /* its first octets: enough to tell Content-Length and Transfer-Encoding */
};

void chunked_init(struct chunked *c);

/* Take octets from the front of *in and give the next piece of data in *data (empty when there is
 * none yet). Call until *in is empty, or the state is CHUNKED_DONE (the rest of *in is the next
 * message) or CHUNKED_BAD. */
void chunked_read(struct chunked *c, struct str *in, struct str *data);

/* "1f4\r\n": the line in front of a chunk of `len` octets; returns its length (at most 18). */
size_t chunked_write_size(size_t len, char out[18]);

#endif
