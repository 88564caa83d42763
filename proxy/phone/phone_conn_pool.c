#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "proxy/phone/phone_conn_parts.h"

void pc_idle_remove(struct phone_conn *c) {
    pthread_mutex_lock(&c->phone->lock);
    for (struct phone_conn **at = &c->phone->idle; *at != NULL; at = &(*at)->idle_next) {
        if (*at != c) continue;
        *at = c->idle_next;
        break;
    }
    pthread_mutex_unlock(&c->phone->lock);
}

/* Has the phone closed, or sent something, while nobody looked? The loop tells us soon after it
 * happens; this is for what it has not told yet, and not worth a system call on a connection used a
 * moment ago. */
static bool is_alive(struct phone_conn *c, uint64_t now_ms) {
    if (c->state != PHONE_CONN_READY || c->stream.ended || !c->reusable) return false;
    if (now_ms - c->idle_since_ms < WORKER_TICK_MS) return true;
    uv_os_fd_t fd;
    char octet;
    if (uv_fileno((const uv_handle_t *)&c->stream.tcp, &fd) != 0) return false;
    ssize_t got = recv(fd, &octet, 1, MSG_PEEK | MSG_DONTWAIT);
    return got < 0 && errno == EAGAIN;
}

/* The newest idle connection of this worker. */
static struct phone_conn *unlink_idle(struct worker *w, struct phone *phone) {
    struct phone_conn *found = NULL;
    pthread_mutex_lock(&phone->lock);
    for (struct phone_conn **at = &phone->idle; *at != NULL; at = &(*at)->idle_next) {
        if ((*at)->worker != w) continue;
        found = *at;
        *at = found->idle_next;
        break;
    }
    pthread_mutex_unlock(&phone->lock);
    return found;
}

struct phone_conn *phone_conn_take(struct worker *w, struct phone *phone,
                                   const struct phone_conn_ops *ops, void *user) {
    struct phone_conn *c;
    while ((c = unlink_idle(w, phone)) != NULL) {
        c->ops = ops;
        c->user = user;
        c->timed.deadline_ms = 0;
        if (is_alive(c, worker_now(w))) return c;
        phone_conn_drop(c);
    }
    return NULL;
}

void phone_conn_close_idle(struct worker *w, struct phone *phone) {
    bool more = true;
    while (more) {
        struct phone_conn *found = NULL;
        pthread_mutex_lock(&phone->lock);
        for (struct phone_conn *c = phone->idle; c != NULL && found == NULL; c = c->idle_next) {
            if (c->worker == w) found = c;
        }
        pthread_mutex_unlock(&phone->lock);
        more = found != NULL;
        if (more) phone_conn_drop(found);
    }
}

/* After an early answer the end of our request may not have left yet, or not be taken by the phone:
 * what it will do with it nobody knows. */
static bool request_is_taken(const struct phone_conn *c) {
    uv_os_fd_t fd;
    int queued = 0;
    if (stream_unsent(&c->stream) > 0) return false;
    if (!c->sent_body) return true;
    return uv_fileno((const uv_handle_t *)&c->stream.tcp, &fd) == 0 &&
           ioctl(fd, SIOCOUTQ, &queued) == 0 && queued == 0;
}

void phone_conn_give(struct phone_conn *c) {
    bool kept = !c->worker->stopping && !atomic_load(&c->phone->retired);
    if (!c->reusable || !request_is_taken(c) || c->state != PHONE_CONN_READY || !kept) {
        phone_conn_drop(c);
        return;
    }
    c->user = NULL;
    stream_resume(&c->stream); /* what was held back is looked at before anybody else may use it */
    if (!c->reusable || c->state != PHONE_CONN_READY) {
        phone_conn_drop(c);
        return;
    }
    c->idle_since_ms = worker_now(c->worker);
    uint64_t idle_ms = c->worker->phone_idle_ms;
    idle_ms = idle_ms > 0 ? idle_ms : PHONE_IDLE_MS;
    c->idle_until_ms = c->idle_since_ms + idle_ms;
    c->timed.deadline_ms = c->idle_since_ms + (idle_ms < PHONE_COLD_MS ? idle_ms : PHONE_COLD_MS);
    pthread_mutex_lock(&c->phone->lock);
    c->idle_next = c->phone->idle;
    c->phone->idle = c;
    pthread_mutex_unlock(&c->phone->lock);
}
