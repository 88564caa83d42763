/* phone_conn_parts.h: what the files of a phone connection share, and nobody else sees.
 *
 * phone_conn.c: answers, ends. phone_conn_dial.c: names, addresses, TLS. phone_conn_pool.c:
 * connections nobody uses now. */
#ifndef PROXY_PHONE_PHONE_CONN_PARTS_H
#define PROXY_PHONE_PHONE_CONN_PARTS_H

#include "proxy/phone/phone_conn.h"

/* Close, and tell the user why. */
void pc_fail(struct phone_conn *c, const char *reason);
/* Connected, and where there is TLS its handshake is done. */
void pc_open(struct phone_conn *c);
/* Free the memory once the handles are closed and no callback is due. */
void pc_free_when_alone(struct phone_conn *c);
/* The key that the phone showed in its handshake, and why that was refused (NULL: it was not): a
 * change is told once, and stops this phone alone. */
void pc_note_key(struct phone_conn *c, const char *refusal);
/* Out of the phone's list of idle connections, if it is there. */
void pc_idle_remove(struct phone_conn *c);

#endif
