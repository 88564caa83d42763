#include "proxy/run/listener.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "proxy/base/log.h"
#include "proxy/client/conn.h"

#define BACKLOG 1024

struct listener {
    struct listener *next;
    uv_tcp_t tcp;
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

static void on_connection(uv_stream_t *stream, int status) {
    struct listener *l = stream->data;
    if (status != 0) {
        log_event(LOG_WARNING, "server.accept_failed", "error=%s", uv_strerror(status));
        return;
    }
    conn_accept(l->worker, stream, l->kind);
}

static int listen_on(struct listener *l, const struct config_address *address) {
    int on = 1;
    uv_os_fd_t fd;
    int rc = uv_tcp_init_ex(&l->worker->loop, &l->tcp, address->addr.ss_family);
    ENSURE(rc == 0);
    l->tcp.data = l;
    rc = uv_fileno((const uv_handle_t *)&l->tcp, &fd);
    if (rc != 0) return rc;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) != 0) return -errno;
    unsigned flags = address->addr.ss_family == AF_INET6 ? UV_TCP_IPV6ONLY : 0;
    rc = uv_tcp_bind(&l->tcp, (const struct sockaddr *)&address->addr, flags);
    if (rc != 0) return rc;
    return uv_listen((uv_stream_t *)&l->tcp, BACKLOG, on_connection);
}

static bool open_all(struct worker *w, struct listener **list,
                     const struct config_address *addresses, size_t count, enum conn_kind kind) {
    for (size_t i = 0; i < count; i++) {
        struct listener *l = calloc(1, sizeof(*l));
        ENSURE(l != NULL);
        l->worker = w;
        l->kind = kind;
        l->next = *list;
        *list = l;
        int rc = listen_on(l, &addresses[i]);
        if (rc == 0) continue;
        log_event(LOG_ERROR, "server.listen_failed", "address=" STR_FMT " error=%s",
                  STR_ARG(addresses[i].text), uv_strerror(rc));
        return false;
    }
    return true;
}

struct listener *listeners_open(struct worker *w) {
    const struct config *config = w->site->config;
    struct listener *list = NULL;
    bool done = open_all(w, &list, config->https.listen, config->https.listen_count, CONN_TLS) &&
                open_all(w, &list, config->http.listen, config->http.listen_count, CONN_PLAIN) &&
                open_all(w, &list, config->provisioning.listen, config->provisioning.listen_count,
                         CONN_PULL);
    /* One is enough to be asked how we are. */
    if (done && config->status.enabled && w->index == 0)
        done = open_all(w, &list, &config->status.listen, 1, CONN_STATUS);
    return done ? list : NULL;
}

void listeners_close(struct listener *list) {
    for (struct listener *l = list; l != NULL; l = l->next) uv_close((uv_handle_t *)&l->tcp, NULL);
}

void listeners_free(struct listener *list) {
    while (list != NULL) {
        struct listener *next = list->next;
        free(list);
        list = next;
    }
}
