/* admission.h: who gets a connection, and who has to go for it.
 *
 * What is counted stands in run/peers, the order in which people over whose connections nobody has
 * signed in have to go in run/crowd, the line before TLS in run/handshakes. */
#ifndef PROXY_CLIENT_ADMISSION_H
#define PROXY_CLIENT_ADMISSION_H

#include "proxy/client/conn.h"

/* Connections to the status listener, at once: they are not counted among the others. */
#define ADMISSION_STATUS_MAX 32
/* Records of connections that were turned away, in a second and worker; the rest is only counted.
 */
#define ADMISSION_RECORDS_S 10

/* Count a new connection whose address is known; another may be closed for it. False: it was
 * turned away and is being closed. */
MUST_USE bool admission_enter(struct conn *c);
/* A right password came. */
void admission_prove(struct conn *c);
/* It needs no room any more. Fine when called again. */
void admission_leave(struct conn *c);

/* Octets before TLS has begun: put by until a whole ClientHello is there and its turn comes. */
void admission_hello(struct conn *c, struct str data);
/* The handshake is done, or does not come any more. Fine when called again. */
void admission_greeted(struct conn *c);

/* Close the connection of this worker that can best be spared. False: there is none. For a
 * newcomer, of those over which nobody has signed in; for a connection to a phone, else a person's
 * idle one, too. */
bool admission_spare_stranger(struct worker *w);
bool admission_make_room(struct worker *w);

#endif
