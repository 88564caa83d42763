/* replay.h: how one recorded request would be decided under a configuration.
 *
 * A record holds neither values of parameters nor bodies, and not every name. So a request with a
 * query or a body is asked about as one whose content nobody has seen: what decide() then allows or
 * refuses, it allows or refuses whatever the content was. Where it wants to see it, or where two
 * requests that the record could stand for are decided differently, nobody can tell. */
#ifndef PROXY_CMD_REPLAY_H
#define PROXY_CMD_REPLAY_H

#include <jansson.h>

#include "proxy/cmd/explain.h"

enum replay_verdict {
    REPLAY_SAME,
    REPLAY_OTHERWISE,
    REPLAY_UNKNOWN,    /* it needs what the record does not hold */
    REPLAY_NOT_JUDGED, /* nobody had signed in, or no phone was asked for */
};

struct replay_answer {
    bool was_allowed, is_allowed;
    const char *was_by,
        *is_by; /* a rule's name, or a reason; of the record and the configuration */
};

enum replay_verdict replay_judge(struct explain *e, const struct config *config,
                                 const json_t *record, struct replay_answer *answer);

#endif
