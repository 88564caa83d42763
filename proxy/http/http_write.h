/* http_write.h: heads of messages, written anew from parsed values.
 *
 * Nothing that came in goes out as it was: the request to a phone and the answer to a person are
 * put together here, in one spelling, and what a strict reader reads back is what was meant.
 * tests/fuzz/fuzz_http_write.c holds it to that. */
#ifndef PROXY_HTTP_HTTP_WRITE_H
#define PROXY_HTTP_HTTP_WRITE_H

#include "policy/base/outbuf.h"
#include "proxy/http/http_response.h"

/* The request line, Host and, where it is to be said, Connection; other fields follow. False where
 * an octet of method, target or authority could be read as the end of it: nothing may be sent. */
MUST_USE bool http_write_request(struct outbuf *out, struct str method, struct str target,
                                 struct str authority, bool keep_alive);
/* The status line. */
void http_write_status(struct outbuf *out, unsigned status, struct str phrase);
void http_write_length(struct outbuf *out, uint64_t length);
void http_write_end(struct outbuf *out);

/* How an answer's body is framed towards the person. */
enum answer_framing { FRAMING_NONE, FRAMING_LENGTH, FRAMING_CHUNKED, FRAMING_CLOSE };

/* `minor` is the person's: who speaks HTTP/1.0 gets no chunks. */
enum answer_framing http_choose_framing(const struct response_view *res, unsigned minor);
void http_write_framing(struct outbuf *out, enum answer_framing framing,
                        const struct response_view *res, bool head_request);

#endif
