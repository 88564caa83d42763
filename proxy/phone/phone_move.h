/* phone_move.h: an idle phone connection goes from one worker to another.
 *
 * Phones take few connections, often one, so a worker must use the connection that another has
 * parked. The two loops talk by message only: the new owner asks, the old one gives the descriptor
 * and the TLS object away and closes its handle, the new one opens a handle of its own. Where the
 * connection has died meanwhile, a new one is opened. */
#ifndef PROXY_PHONE_PHONE_MOVE_H
#define PROXY_PHONE_PHONE_MOVE_H

#include "proxy/phone/phone_conn.h"

/* Ask for an idle connection of another worker. NULL when nobody has one. The result is in state
 * PHONE_CONN_CONNECTING: `ready` or `failed` comes later, as after phone_conn_open. */
struct phone_conn *phone_move_begin(struct worker *w, struct phone *phone,
                                    const struct phone_conn_ops *ops, void *user);

#endif
