/* conn_parts.h: what the files of a connection share, and nobody else sees.
 *
 * conn.c: requests one after the other, the end, deadlines. conn_reader.c: is there still somebody
 * who takes our answer? */
#ifndef PROXY_CLIENT_CONN_PARTS_H
#define PROXY_CLIENT_CONN_PARTS_H

#include "proxy/client/conn.h"

/* The person must take what we send: no octet for answer_stall_ms, or over as long a time fewer
 * than answer_min_bytes_s a second, and we stop. To be asked again and again. */
bool conn_reader_is_stuck(struct conn *c);
/* It was reset; or nothing more came from there for CONN_HALF_CLOSED_MS, and nothing went there
 * that could have shown whether anybody is left. */
bool conn_reader_left(const struct conn *c);

#endif
