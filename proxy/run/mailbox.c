#include "proxy/run/mailbox.h"

static struct message *take_all(struct mailbox *box) {
    pthread_mutex_lock(&box->lock);
    struct message *first = box->first;
    box->first = box->last = NULL;
    pthread_mutex_unlock(&box->lock);
    return first;
}

static void on_async(uv_async_t *async) {
    struct message *message = take_all(async->data);
    while (message != NULL) {
        struct message *next = message->next; /* deliver may post or free it */
        message->deliver(message);
        message = next;
    }
}

void mailbox_init(struct mailbox *box, uv_loop_t *loop) {
    *box = (struct mailbox){.first = NULL};
    pthread_mutex_init(&box->lock, NULL);
    box->async.data = box;
    int rc = uv_async_init(loop, &box->async, on_async);
    ENSURE(rc == 0);
}

void mailbox_post(struct mailbox *box, struct message *message) {
    message->next = NULL;
    pthread_mutex_lock(&box->lock);
    if (box->last == NULL)
        box->first = message;
    else
        box->last->next = message;
    box->last = message;
    pthread_mutex_unlock(&box->lock);
    uv_async_send(&box->async);
}

void mailbox_close(struct mailbox *box) {
    uv_close((uv_handle_t *)&box->async, NULL);
}
