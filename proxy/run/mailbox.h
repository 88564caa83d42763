/* mailbox.h: how one worker tells another something.
 *
 * A message is embedded in what it is about and may be posted again only after it was delivered.
 * Any thread posts; the owner's loop delivers, in order, later: never from inside mailbox_post. */
#ifndef PROXY_RUN_MAILBOX_H
#define PROXY_RUN_MAILBOX_H

#include <pthread.h>
#include <uv.h>

#include "policy/base/str.h"

struct message {
    struct message *next;
    void (*deliver)(struct message *message);
};

struct mailbox {
    uv_async_t async;
    pthread_mutex_t lock;
    struct message *first, *last;
};

void mailbox_init(struct mailbox *box, uv_loop_t *loop);
void mailbox_post(struct mailbox *box, struct message *message);
/* Begin to close the handle; what is queued is not delivered any more. */
void mailbox_close(struct mailbox *box);

#endif
