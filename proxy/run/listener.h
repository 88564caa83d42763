/* listener.h: the sockets of one worker. Each worker has its own on every address (SO_REUSEPORT),
 * so the kernel spreads the connections. */
#ifndef PROXY_RUN_LISTENER_H
#define PROXY_RUN_LISTENER_H

#include "proxy/run/site.h"
#include "proxy/run/worker.h"

struct listener;

/* Can every address be bound now? With SO_REUSEPORT a second gate would share the first one's port
 * without a word. Each address that cannot is logged. */
bool listeners_are_free(const struct config *config);

/* Listen on all addresses of the worker's configuration: into *list, which is empty. False when one
 * fails, which was logged; those before it are in the list, to be closed and freed. */
MUST_USE bool listeners_open(struct worker *w, struct listener **list);
void listeners_close(struct listener *list);
/* After the loop has ended. */
void listeners_free(struct listener *list);

#endif
