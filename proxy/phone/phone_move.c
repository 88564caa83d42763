#include "proxy/phone/phone_move.h"

#include <string.h>
#include <unistd.h>

#include "policy/base/bytes.h"

/* Take the newest connection that another worker has parked out of the list. `posted` keeps it in
 * memory until our message is delivered, whatever happens to it before. */
static struct phone_conn *claim(struct worker *w, struct phone *phone) {
    struct phone_conn *found = NULL;
    pthread_mutex_lock(&phone->lock);
    for (struct phone_conn **at = &phone->idle; *at != NULL; at = &(*at)->idle_next) {
        if ((*at)->worker == w || (*at)->posted) continue;
        found = *at;
        *at = found->idle_next;
        found->posted = true;
        break;
    }
    pthread_mutex_unlock(&phone->lock);
    return found;
}

/* On the new worker: what came of it. */
static void arrive(struct message *message) {
    struct phone_conn *c = container_of(message, struct phone_conn, message);
    int fd = c->parcel_fd;
    SSL *ssl = c->parcel_ssl;
    c->parcel_fd = -1;
    c->parcel_ssl = NULL;
    c->posted = false;
    if (c->state != PHONE_CONN_CLOSED && fd >= 0) {
        phone_conn_adopt(c, fd, ssl);
        return;
    }
    if (fd >= 0) close(fd);
    SSL_free(ssl);
    phone_conn_begin(c);
}

/* On the old worker: give away what is still good. */
static void hand_over(struct message *message) {
    struct phone_conn *old = container_of(message, struct phone_conn, message);
    struct phone_conn *c = old->moves_to;
    uv_os_fd_t fd;
    old->posted = false;
    old->moves_to = NULL;
    bool good = old->state == PHONE_CONN_READY && old->reusable && !old->stream.ended &&
                old->stream.saved == NULL &&
                uv_fileno((const uv_handle_t *)&old->stream.tcp, &fd) == 0;
    if (good) c->parcel_fd = dup(fd);
    if (good && c->parcel_fd >= 0) {
        memcpy(c->logins, old->logins, sizeof(c->logins));
        /* Our BIO stays here: its method goes with this worker. */
        if (old->stream.ssl != NULL) SSL_set_bio(old->stream.ssl, NULL, NULL);
        c->parcel_ssl = old->stream.ssl;
        old->stream.ssl = NULL;
        old->polite = false;
        old->stream.state = STREAM_CLEAR; /* closed without a word: the connection lives on */
        phone_conn_forget(old);
    } else {
        phone_conn_drop(old);
    }
    c->message.deliver = arrive;
    mailbox_post(&c->worker->mailbox, &c->message);
    phone_conn_unpin(old);
}

struct phone_conn *phone_move_begin(struct worker *w, struct phone *phone,
                                    const struct phone_conn_ops *ops, void *user) {
    struct phone_conn *old = claim(w, phone);
    if (old == NULL) return NULL;
    struct phone_conn *c = phone_conn_new(w, phone, ops, user);
    c->posted = true;
    old->moves_to = c;
    old->message.deliver = hand_over;
    mailbox_post(&old->worker->mailbox, &old->message);
    return c;
}
