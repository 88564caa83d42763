#include "proxy/run/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/client/admission.h"
#include "proxy/client/conn.h"

#define BACKLOG 1024
/* New connections taken in one turn of the loop, at 10 to 35 us each: those that are there have
 * theirs, too. */
#define ACCEPT_BATCH 16
/* After an accept that failed for good, how long until the next one. */
#define PAUSE_MS 100
/* How often the operator is told that there are no descriptors. */
#define TELL_MS 60000

struct listener {
    struct listener *next;
    uv_poll_t poll;
    uv_timer_t resume;
    uv_tcp_t
        first; /* libuv opens a descriptor with a loop's first stream: now, while there are some */
    int fd;
    int spare; /* a descriptor to give up when there is none, -1: lost */
    uint64_t told_ms;
    bool polls; /* the handles are open */
    struct worker *worker;
    enum conn_kind kind;
};

static socklen_t addr_len(const struct sockaddr_storage *addr) {
    return addr->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static bool can_bind(const struct config_address *address) {
    int on = 1;
    int fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return false;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (address->addr.ss_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    bool done = bind(fd, (const struct sockaddr *)&address->addr, addr_len(&address->addr)) == 0;
    if (!done)
        log_event(LOG_ERROR, "server.bind_failed", "address=" STR_FMT " error=%s",
                  STR_ARG(address->text), strerror(errno));
    close(fd);
    return done;
}

bool listeners_are_free(const struct config *config) {
    bool all = true;
    for (size_t i = 0; i < config->https.listen_count; i++)
        all = can_bind(&config->https.listen[i]) && all;
    for (size_t i = 0; i < config->http.listen_count; i++)
        all = can_bind(&config->http.listen[i]) && all;
    for (size_t i = 0; i < config->provisioning.listen_count; i++)
        all = can_bind(&config->provisioning.listen[i]) && all;
    if (config->status.enabled) all = can_bind(&config->status.listen) && all;
    return all;
}

/* ---- accepting ---- */

static void on_readable(uv_poll_t *poll, int status, int events);

static void on_resume(uv_timer_t *timer) {
    struct listener *l = timer->data;
    if (l->spare < 0) l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
}

/* Level-triggered polling would spin on a connection that cannot be taken. */
static void pause_for_a_moment(struct listener *l) {
    uv_poll_stop(&l->poll);
    uv_timer_start(&l->resume, on_resume, PAUSE_MS, 0);
}

static void tell(struct listener *l, int error) {
    uint64_t now = worker_now(l->worker);
    if (l->told_ms != 0 && now - l->told_ms < TELL_MS) return;
    l->told_ms = now;
    log_event(LOG_ERROR, "server.accept_failed", "error=%s", strerror(error));
}

static int accept_one(struct listener *l, struct sockaddr_storage *addr) {
    socklen_t len = sizeof(*addr);
    return accept4(l->fd, (struct sockaddr *)addr, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

/* Take one with the spare descriptor, only to close it: better than to let it wait for nothing. */
static bool turn_one_away(struct listener *l) {
    struct sockaddr_storage addr;
    if (l->spare < 0) return false;
    close(l->spare);
    int fd = accept_one(l, &addr);
    if (fd >= 0) close(fd);
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (fd >= 0) atomic_fetch_add(&l->worker->shared->defence.away[AWAY_DESCRIPTORS], 1);
    return fd >= 0;
}

/* True when the next one may be tried at once. */
static bool accept_failed(struct listener *l, int error) {
    switch (error) {
    case EAGAIN:
        return false;
    case EINTR:
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN: /* what became of the connection meanwhile (accept(2)): the next one is fine */
    case ENETUNREACH:
    case ENONET:
    case EHOSTDOWN:
    case EHOSTUNREACH:
    case ETIMEDOUT:
        return true;
    case EMFILE:
    case ENFILE:
        tell(l, error);
        if (admission_spare_stranger(l->worker) || turn_one_away(l)) return true;
        break;
    default:
        tell(l, error);
    }
    pause_for_a_moment(l);
    return false;
}

static void on_readable(uv_poll_t *poll, int status, int events) {
    (void)events;
    struct listener *l = poll->data;
    if (status != 0) { /* libuv has stopped polling: tried again */
        tell(l, -status);
        pause_for_a_moment(l);
        return;
    }
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage addr = {0};
        int fd = accept_one(l, &addr);
        if (fd >= 0)
            conn_accept(l->worker, fd, l->kind, &addr);
        else if (!accept_failed(l, errno))
            return;
    }
}

/* ---- opening and closing ---- */

/* 0, or what failed. */
static int open_socket(struct listener *l, const struct config_address *address) {
    int on = 1;
    l->fd = socket(address->addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0) return errno;
    if (setsockopt(l->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
        setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0)
        return errno;
    if (address->addr.ss_family == AF_INET6 &&
        setsockopt(l->fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0)
        return errno;
    if (bind(l->fd, (const struct sockaddr *)&address->addr, addr_len(&address->addr)) != 0 ||
        listen(l->fd, BACKLOG) != 0)
        return errno;
    return 0;
}

static int listen_on(struct listener *l, const struct config_address *address) {
    int error = open_socket(l, address);
    if (error != 0) return error;
    l->spare = open("/dev/null", O_RDONLY | O_CLOEXEC);
    l->poll.data = l->resume.data = l;
    uv_timer_init(&l->worker->loop, &l->resume);
    uv_tcp_init(&l->worker->loop, &l->first);
    int rc = uv_poll_init(&l->worker->loop, &l->poll, l->fd);
    ENSURE(rc == 0);
    uv_poll_start(&l->poll, UV_READABLE, on_readable);
    l->polls = true;
    return 0;
}

static bool open_all(struct worker *w, struct listener **list,
                     const struct config_address *addresses, size_t count, enum conn_kind kind) {
    for (size_t i = 0; i < count; i++) {
        struct listener *l = calloc(1, sizeof(*l));
        ENSURE(l != NULL);
        l->worker = w;
        l->kind = kind;
        l->fd = l->spare = -1;
        l->next = *list;
        *list = l;
        int error = listen_on(l, &addresses[i]);
        if (error == 0) continue;
        log_event(LOG_ERROR, "server.listen_failed", "address=" STR_FMT " error=%s",
                  STR_ARG(addresses[i].text), strerror(error));
        return false;
    }
    return true;
}

bool listeners_open(struct worker *w, struct listener **list) {
    const struct config *config = w->site->config;
    w->make_room = admission_make_room;
    bool done = open_all(w, list, config->https.listen, config->https.listen_count, CONN_TLS) &&
                open_all(w, list, config->http.listen, config->http.listen_count, CONN_PLAIN) &&
                open_all(w, list, config->provisioning.listen, config->provisioning.listen_count,
                         CONN_PULL);
    /* One is enough to be asked how we are. */
    if (!done || !config->status.enabled || w->index != 0) return done;
    return open_all(w, list, &config->status.listen, 1, CONN_STATUS);
}

static void on_closed(uv_handle_t *handle) {
    struct listener *l = handle->data;
    close(l->fd);
    if (l->spare >= 0) close(l->spare);
}

void listeners_close(struct listener *list) {
    for (struct listener *l = list; l != NULL; l = l->next) {
        if (!l->polls) continue;
        uv_close((uv_handle_t *)&l->resume, NULL);
        uv_close((uv_handle_t *)&l->first, NULL);
        uv_close((uv_handle_t *)&l->poll, on_closed);
    }
}

void listeners_free(struct listener *list) {
    while (list != NULL) {
        struct listener *next = list->next;
        free(list);
        list = next;
    }
}
