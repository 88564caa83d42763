/* solo.h: one worker on the calling thread, for commands that talk to phones.
 *
 * It has what exchanges with phones need, and nothing of what serves people: no site, no tables.
 * What is started on it counts itself in worker.live until it is gone; phones are the command's own
 * (phone_new). */
#ifndef PROXY_RUN_SOLO_H
#define PROXY_RUN_SOLO_H

#include "proxy/run/worker.h"

/* How long a command keeps a connection to a phone that it may need again. */
#define SOLO_IDLE_MS 300

struct solo {
    struct shared shared;
    struct worker worker;
};

/* Begin. `access_log`: the configuration's file for records, opened for appending; "-" means
 * standard error, since standard output is the command's report; NULL: records go nowhere. False
 * with a line in `error`; then nothing is open. The struct must not move afterwards. */
MUST_USE bool solo_open(struct solo *s, const char *access_log, char *error, size_t error_len);

/* Run until nothing is live. May be called again after more was started. */
void solo_run(struct solo *s);

/* Nothing is live any more: write the records and wipe. */
void solo_close(struct solo *s);

#endif
