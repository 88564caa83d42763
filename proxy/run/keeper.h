/* keeper.h: what the main thread does beside waiting for signals: it owns the tables that all
 * workers share and keeps in the state directory what must outlive a restart.
 *
 * Opened before the workers start, freed after they have ended. Only the main thread calls it. */
#ifndef PROXY_RUN_KEEPER_H
#define PROXY_RUN_KEEPER_H

#include "proxy/config/config.h"
#include "proxy/run/control.h"
#include "proxy/run/worker.h"

/* Live nonces in all; 64 bytes each. */
#define KEEPER_NONCES 65536
/* What is counted at once for the lockout (120 bytes each), the places of people that are
 * remembered (48) and the people signed in (48); memory is touched only as it is needed. */
#define KEEPER_COUNTERS 16384
#define KEEPER_PLACES   65536
#define KEEPER_SESSIONS 131072
/* How often the keeper looks around. */
#define KEEPER_TICK_MS 1000

/* How often places are written down. */
#define KEEPER_SAVE_MS 60000
/* Octets of the file of people. */
#define KEEPER_PEOPLE_MAX ((size_t)64 << 20)

struct keeper;

/* Who does the commands of control.sock. */
struct keeper_orders {
    control_do *act;
    void *user;
};

/* Make the tables of `shared` from what the state directory holds. NULL with a line in `error`,
 * also where another gate uses the directory. */
struct keeper *keeper_open(uv_loop_t *loop, struct shared *shared, const struct config *config,
                           struct keeper_orders orders, char *error, size_t error_len);
/* Look at a new configuration before it is used; false with a line in `error`: it is refused. A
 * state directory of another name counts from the next start. */
MUST_USE bool keeper_reload(struct keeper *k, const struct config *config, char *error,
                            size_t error_len);
/* The loop is to end: close what keeps it alive. */
void keeper_stop(struct keeper *k);
/* Keep what is to be kept, free the tables. The access log is still open. */
void keeper_free(struct keeper *k);

#endif
