#include "proxy/run/control.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "proxy/base/log.h"

struct client {
    uv_pipe_t pipe;
    uv_timer_t timer;
    uv_write_t write;
    struct control *control;
    struct client *next, *prev;
    unsigned handles; /* open ones */
    size_t len;
    char line[CONTROL_LINE_MAX + 1]; /* with its end */
    char answer[CONTROL_ANSWER_MAX];
};

struct control {
    uv_pipe_t pipe;
    control_do *act;
    void *user;
    char *path; /* owned */
    struct client *clients;
    unsigned count;
    bool closing;
    bool closed; /* the listening handle */
};

static void free_when_done(struct control *c) {
    if (!c->closed || c->clients != NULL) return;
    free(c->path);
    free(c);
}

/* ---- one conversation ---- */

static void on_client_closed(uv_handle_t *handle) {
    struct client *client = handle->data;
    struct control *c = client->control;
    if (--client->handles > 0) return;
    if (client->prev != NULL)
        client->prev->next = client->next;
    else
        c->clients = client->next;
    if (client->next != NULL) client->next->prev = client->prev;
    c->count--;
    free(client);
    free_when_done(c);
}

static void hang_up(struct client *client) {
    if (uv_is_closing((uv_handle_t *)&client->pipe)) return;
    uv_close((uv_handle_t *)&client->pipe, on_client_closed);
    uv_close((uv_handle_t *)&client->timer, on_client_closed);
}

static void on_patience(uv_timer_t *timer) {
    hang_up(timer->data);
}

static void on_written(uv_write_t *write, int status) {
    (void)status;
    hang_up(write->data);
}

static void answer_line(struct client *client, struct str line) {
    struct control_command command;
    struct outbuf out;
    outbuf_init(&out, client->answer, sizeof(client->answer));
    uv_read_stop((uv_stream_t *)&client->pipe);
    if (control_parse(line, &command))
        client->control->act(client->control->user, &command, &out);
    else
        outbuf_put(&out, STR("no such command\n"));
    uv_buf_t buf = uv_buf_init(out.ptr, (unsigned)out.len);
    client->write.data = client;
    if (uv_write(&client->write, (uv_stream_t *)&client->pipe, &buf, 1, on_written) != 0)
        hang_up(client);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf) {
    struct client *client = handle->data;
    (void)suggested;
    *buf = uv_buf_init(client->line + client->len, (unsigned)(sizeof(client->line) - client->len));
}

static void on_read(uv_stream_t *stream, ssize_t got, const uv_buf_t *buf) {
    struct client *client = stream->data;
    (void)buf;
    if (got < 0) {
        hang_up(client);
        return;
    }
    client->len += (size_t)got;
    struct str all = {client->line, client->len};
    size_t end = str_find(all, '\n', 0);
    if (end < all.len)
        answer_line(client, str_part(all, 0, end));
    else if (client->len == sizeof(client->line))
        answer_line(client, STR_NONE); /* longer than any command */
}

/* The mode of the socket says the same; this one nobody can change. */
static bool is_ours(const uv_pipe_t *pipe) {
    struct ucred peer;
    socklen_t len = sizeof(peer);
    uv_os_fd_t fd;
    return uv_fileno((const uv_handle_t *)pipe, &fd) == 0 &&
           getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 &&
           (peer.uid == geteuid() || peer.uid == 0);
}

static void on_connection(uv_stream_t *stream, int status) {
    struct control *c = stream->data;
    if (status != 0) return;
    struct client *client = calloc(1, sizeof(*client));
    ENSURE(client != NULL);
    client->control = c;
    client->handles = 2;
    client->pipe.data = client->timer.data = client;
    uv_pipe_init(stream->loop, &client->pipe, 0);
    uv_timer_init(stream->loop, &client->timer);
    client->next = c->clients;
    if (c->clients != NULL) c->clients->prev = client;
    c->clients = client;
    c->count++;
    bool good = uv_accept(stream, (uv_stream_t *)&client->pipe) == 0 &&
                c->count <= CONTROL_CLIENTS && is_ours(&client->pipe) &&
                uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) == 0;
    if (good)
        uv_timer_start(&client->timer, on_patience, CONTROL_PATIENCE_MS, 0);
    else
        hang_up(client);
}

/* ---- the socket ---- */

static bool fail(char *error, size_t error_len, const char *path, const char *why) {
    snprintf(error, error_len, "%s: %s", path, why);
    return false;
}

/* Remove what a gate that was killed has left; a gate that lives answers. */
static bool make_room(const char *path, char *error, size_t error_len) {
    struct sockaddr_un addr = {.sun_family = AF_UNIX};
    struct stat st;
    if (strlen(path) >= sizeof(addr.sun_path))
        return fail(error, error_len, path, "too long for a socket");
    if (lstat(path, &st) != 0)
        return errno == ENOENT || fail(error, error_len, path, strerror(errno));
    if (!S_ISSOCK(st.st_mode)) return fail(error, error_len, path, "is no socket");
    memcpy(addr.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool lives = fd >= 0 && connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) == 0;
    if (fd >= 0) close(fd);
    if (lives) return fail(error, error_len, path, "another gate uses this state directory");
    return unlink(path) == 0 || fail(error, error_len, path, strerror(errno));
}

static void on_closed(uv_handle_t *handle) {
    struct control *c = handle->data;
    c->closed = true;
    free_when_done(c);
}

struct control *control_open(uv_loop_t *loop, const char *dir, control_do *act, void *user,
                             char *error, size_t error_len) {
    struct control *c = calloc(1, sizeof(*c));
    ENSURE(c != NULL && asprintf(&c->path, "%s/%s", dir, CONTROL_SOCKET) > 0);
    c->act = act;
    c->user = user;
    if (!make_room(c->path, error, error_len)) {
        free(c->path);
        free(c);
        return NULL;
    }
    uv_pipe_init(loop, &c->pipe, 0);
    c->pipe.data = c;
    /* Nobody else can enter the directory meanwhile. */
    int rc = uv_pipe_bind(&c->pipe, c->path);
    if (rc == 0 && chmod(c->path, 0600) != 0) rc = -errno;
    if (rc == 0) rc = uv_listen((uv_stream_t *)&c->pipe, CONTROL_CLIENTS, on_connection);
    if (rc == 0) return c;
    (void)fail(error, error_len, c->path, uv_strerror(rc));
    control_close(c);
    return NULL;
}

void control_close(struct control *c) {
    if (c == NULL || c->closing) return;
    c->closing = true;
    unlink(c->path);
    for (struct client *client = c->clients; client != NULL; client = client->next) hang_up(client);
    uv_close((uv_handle_t *)&c->pipe, on_closed);
}
